"""From records to columns: many transactions, of one file or of many, as two tables.

`Collector` takes decoded records and gives a `Batch` for pandas. A row of `transactions` knows its file and its
place there; a row of `lines` knows its transaction's row. Missing numbers are NaN, missing texts None.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, TRANSACTION_FIELDS
from node.records import IDS, NUMBERS, Customer, Repaired, Transaction
from node.times import parse_times

NO_CUSTOMER = Customer()
TRANSACTION_COLUMNS = tuple(name for name in TRANSACTION_FIELDS if name not in ("customer", "line_items"))
CUSTOMER_COLUMNS = ("customer_id", "email")
LINE_COLUMNS = ("product_name", "category", "quantity", "unit_price", "subtotal")


@dataclass
class Batch:
    """Transactions of one or more files, and what the reading of bad records found.

    Attributes:
        transactions: a row each: `file` (int), `index` in its file, the fields that are analysed or required, `day`
            (YYYYMMDD or 0), `hour`, `line_count` (-1: no list).
        lines: a row each: `transaction` (row number there) and the fields under their own names.
        wrong: dotted field name -> rows of transactions where it has a wrong type.
        present: extra required field that the contract does not know -> rows of transactions that have it.
        gaps: dotted names of the columns in which a value is missing.
    """

    transactions: pd.DataFrame
    lines: pd.DataFrame
    wrong: dict[str, list[int]]
    present: dict[str, list[int]]
    gaps: set[str] = field(default_factory=set)


@dataclass
class Collector:
    """Lists that grow until they are worth a table."""

    extra: tuple[str, ...] = ()
    files: list[int] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    line_counts: list[int] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    line_values: dict[str, list[Any]] = field(default_factory=dict)
    wrong: dict[str, list[int]] = field(default_factory=dict)
    present: dict[str, list[int]] = field(default_factory=dict)
    line_total: int = 0

    def __post_init__(self) -> None:
        more = [name.split(".") for name in self.extra]
        self.customer_columns = columns_of("customer", CUSTOMER_COLUMNS, CUSTOMER_FIELDS, more)
        self.line_columns = columns_of("line_items", LINE_COLUMNS, LINE_FIELDS, more)

    def __len__(self) -> int:
        """Rows of both tables."""
        return len(self.files) + self.line_total

    def add(self, file: int, index: int, records: list[Transaction]) -> None:
        """Append good records of a file, the first of which is its number `index`."""
        self.files.extend([file] * len(records))
        self.indexes.extend(range(index, index + len(records)))
        append(self.values, "", TRANSACTION_COLUMNS, records)
        customers = [record.customer or NO_CUSTOMER for record in records]
        append(self.values, "customer.", self.customer_columns, customers)
        lists = [record.line_items for record in records]
        self.line_counts.extend([-1 if lines is None else len(lines) for lines in lists])
        lines = list(chain.from_iterable(filter(None, lists)))
        append(self.line_values, "", self.line_columns, lines)
        self.line_total += len(lines)

    def add_repaired(self, file: int, index: int, repaired: Repaired) -> None:
        """Append a bad record with what was wrong about it."""
        row = len(self.files)
        for name in repaired.wrong:
            self.wrong.setdefault(name, []).append(row)
        for name in repaired.present:
            self.present.setdefault(name, []).append(row)
        self.add(file, index, [repaired.transaction])

    def batch(self) -> Batch:
        """The tables of all that was added."""
        counts = np.array(self.line_counts, np.int64)
        owners = np.repeat(np.arange(len(counts)), np.maximum(counts, 0))
        table = Batch(
            pd.DataFrame({"file": self.files, "index": self.indexes, "line_count": counts}),
            pd.DataFrame({"transaction": owners}),
            self.wrong,
            self.present,
        )
        self.fill(table)
        return table

    def fill(self, table: Batch) -> None:
        """Add the fields' columns."""
        table.gaps = {name for name, values in self.values.items() if None in values}
        table.gaps |= {f"line_items.{name}" for name, values in self.line_values.items() if None in values}
        columns = {name: column(name, values) for name, values in self.values.items()}
        times = parse_times(self.values.get("timestamp", []))
        table.transactions = table.transactions.assign(**columns, day=times.day, hour=times.hour)
        table.lines = table.lines.assign(**{name: column(name, values) for name, values in self.line_values.items()})


def columns_of(part: str, used: tuple[str, ...], known: tuple[str, ...], extra: list[list[str]]) -> tuple[str, ...]:
    """The fields of a part that are analysed, and those that the rules file requires beside them."""
    required = [path[1] for path in extra if path[0] == part and len(path) == 2 and path[1] in known]
    return tuple(dict.fromkeys((*used, *required)))


def append(target: dict[str, list[Any]], prefix: str, names: Iterable[str], records: list[Any]) -> None:
    """Append one attribute after the other to the columns."""
    for name in names:
        target.setdefault(prefix + name, []).extend(map(attrgetter(name), records))


def column(path: str, values: list[Any]) -> Any:
    """One field's values: floats with NaN for missing ones, or texts as Python's own objects with None."""
    name = path.rpartition(".")[2]
    if name in NUMBERS:
        return pd.Series(np.array(values, np.float64), copy=False)
    if name in IDS and not set(map(type, values)) <= {str, type(None)}:
        values = [None if value is None else str(value) for value in values]
    array: npt.NDArray[Any] = np.empty(len(values), object)
    array[:] = values
    return pd.Series(array, dtype="object", copy=False)  # objects stay objects, whatever is installed
