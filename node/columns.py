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

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, MAX_NUMBER, TRANSACTION_FIELDS
from node.records import IDS, NUMBERS, Customer, Repaired, Transaction
from node.times import parse_times

NO_CUSTOMER = Customer()
TRANSACTION_COLUMNS = tuple(name for name in TRANSACTION_FIELDS if name not in ("customer", "line_items"))


@dataclass
class Batch:
    """Transactions of one or more files, and what the reading of bad records found.

    Attributes:
        transactions: a row each: `file` (int), `index` in its file, the fields under their dotted names, `day`
            (YYYYMMDD or 0), `hour`, `line_count` (-1: no list).
        lines: a row each: `transaction` (row number there) and the fields under their own names.
        wrong: dotted field name -> rows of transactions where it has a wrong type.
        present: extra required field that the contract does not know -> rows of transactions that have it.
    """

    transactions: pd.DataFrame
    lines: pd.DataFrame
    wrong: dict[str, list[int]]
    present: dict[str, list[int]]


@dataclass
class Collector:
    """Lists that grow until they are worth a table."""

    files: list[int] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    line_counts: list[int] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    line_values: dict[str, list[Any]] = field(default_factory=dict)
    wrong: dict[str, list[int]] = field(default_factory=dict)
    present: dict[str, list[int]] = field(default_factory=dict)
    line_total: int = 0

    def __len__(self) -> int:
        """Rows of both tables."""
        return len(self.files) + self.line_total

    def add(self, file: int, index: int, records: list[Transaction]) -> None:
        """Append good records of a file, the first of which is its number `index`."""
        self.files.extend([file] * len(records))
        self.indexes.extend(range(index, index + len(records)))
        append(self.values, "", TRANSACTION_COLUMNS, records)
        customers = [record.customer or NO_CUSTOMER for record in records]
        append(self.values, "customer.", CUSTOMER_FIELDS, customers)
        lists = [record.line_items for record in records]
        self.line_counts.extend([-1 if lines is None else len(lines) for lines in lists])
        lines = list(chain.from_iterable(filter(None, lists)))
        append(self.line_values, "", LINE_FIELDS, lines)
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
            {name: list(rows) for name, rows in self.wrong.items()},
            self.present,
        )
        self.fill(table)
        return table

    def fill(self, table: Batch) -> None:
        """Add the fields' columns; values that no field may have become missing and are noted as wrong."""
        owners = table.lines["transaction"].to_numpy()
        everything = np.arange(len(table.transactions))
        columns = {name: self.column(name, values, everything, table) for name, values in self.values.items()}
        times = parse_times(self.values.get("timestamp", []))
        table.transactions = table.transactions.assign(**columns, day=times.day, hour=times.hour)
        lines = {
            name: self.column(f"line_items.{name}", values, owners, table) for name, values in self.line_values.items()
        }
        table.lines = table.lines.assign(**lines)

    @staticmethod
    def column(path: str, values: list[Any], rows: npt.NDArray[np.int64], table: Batch) -> Any:
        """One field's values as an array; `rows` are the transactions they belong to."""
        name = path.rpartition(".")[2]
        array, bad = (number_column if name in NUMBERS else id_column if name in IDS else text_column)(values)
        if bad.any():
            table.wrong.setdefault(path, []).extend(rows[bad].tolist())
        return pd.Series(array, dtype=array.dtype, copy=False)  # objects stay objects, whatever is installed


def append(target: dict[str, list[Any]], prefix: str, names: Iterable[str], records: list[Any]) -> None:
    """Append one attribute after the other to the columns."""
    for name in names:
        target.setdefault(prefix + name, []).extend(map(attrgetter(name), records))


Column = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]


def number_column(values: list[Any]) -> Column:
    """Floats with NaN for missing ones, and where they are beyond the largest number."""
    array = np.array(values, np.float64)
    bad = np.abs(array) > MAX_NUMBER
    array[bad] = np.nan
    return array, bad


def id_column(values: list[Any]) -> Column:
    """Ids as text, and where they are empty."""
    texts = values if set(map(type, values)) <= {str, type(None)} else [as_text(value) for value in values]
    array = object_array(texts)
    bad = array == ""
    array[bad] = None
    return array, bad


def as_text(value: Any) -> str | None:
    """An id's text."""
    return None if value is None else str(value)


def text_column(values: list[Any]) -> Column:
    """Texts as they are; msgspec and `repair` let nothing else in."""
    return object_array(values), np.zeros(len(values), np.bool_)


def object_array(values: list[Any]) -> npt.NDArray[Any]:
    """A list as an array of Python objects."""
    array: npt.NDArray[Any] = np.empty(len(values), object)
    array[:] = values
    return array
