"""From records to columns: many transactions, of one file or of many, as two tables of numbers.

Records become columns a few hundred at a time, while they are still in the processor's cache: numbers as floats with
NaN for missing ones, texts as codes of `Codes` with 0 for missing ones. Only ids and timestamps stay texts.
"""

from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, UNKNOWN
from node.records import NUMBERS, Customer, Repaired, Transaction
from node.times import parse_times

NO_CUSTOMER = Customer()
CHUNK = 512
TEXTS = ("payment_method", "shipping_method", "status")
LINE_COLUMNS = ("product_name", "category", "quantity", "unit_price", "discount", "subtotal")
Array = npt.NDArray[Any]


class Codes(dict[Any, int]):
    """Numbers texts in the order in which they are first seen; None is 0, and a whole number is its text."""

    def __init__(self) -> None:
        super().__init__({None: 0})
        self.names = [UNKNOWN]

    def __missing__(self, key: Any) -> int:
        if type(key) is not str:
            self[key] = code = self[str(key)]
            return code
        self[key] = code = len(self.names)
        self.names.append(key)
        return code


@dataclass
class Batch:
    """Transactions of one or more files, and what the reading of bad records found.

    Attributes:
        transactions: a row each: `file`, `index` in its file, `line_count` (-1: no list), `day` (YYYYMMDD or 0),
            `hour`, the amounts, and the codes of texts.
        lines: a row each: `transaction` (row number there), the numbers, and the codes of texts.
        ids: transaction ids, None where there is none.
        timestamps: as written.
        names: column of codes, `line_items.` before a line's -> what the codes stand for.
        missing: dotted names of fields that are no columns -> rows of transactions that lack them.
        wrong: dotted field name -> rows of transactions where it has a wrong type.
        present: extra required field that the contract does not know -> rows of transactions that have it.
    """

    transactions: pd.DataFrame
    lines: pd.DataFrame
    ids: list[str | None]
    timestamps: list[str | None]
    names: dict[str, list[str]]
    missing: dict[str, list[int]]
    wrong: dict[str, list[int]]
    present: dict[str, list[int]]


class Collector:
    """Takes records until they are worth a batch; `names` of codes are kept from batch to batch."""

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.codes: dict[str, Codes] = {}
        self.columns = {
            "": columns_of("", ("subtotal", "tax", "shipping_cost", "total", *TEXTS), (), extra),
            "customer.": columns_of("customer.", ("customer_id",), CUSTOMER_FIELDS, extra),
            "line_items.": columns_of("line_items.", LINE_COLUMNS, LINE_FIELDS, extra),
        }
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.pending: list[Transaction] = []
        self.files: list[tuple[int, int, int]] = []
        self.ids: list[Any] = []
        self.timestamps: list[str | None] = []
        self.values: dict[str, list[Array]] = {}
        self.missing: dict[str, list[int]] = {}
        self.wrong: dict[str, list[int]] = {}
        self.present: dict[str, list[int]] = {}
        self.line_total = 0

    def __len__(self) -> int:
        """Rows of both tables."""
        return len(self.ids) + len(self.pending) + self.line_total

    def add(self, file: int, index: int, records: list[Transaction]) -> None:
        """Append good records of a file, the first of which is its number `index`."""
        self.files.append((file, index, len(records)))
        self.pending += records
        if len(self.pending) >= CHUNK:
            self.convert()

    def add_repaired(self, file: int, index: int, repaired: Repaired) -> None:
        """Append a bad record with what was wrong about it."""
        row = len(self.ids) + len(self.pending)
        for name in repaired.wrong:
            self.wrong.setdefault(name, []).append(row)
        for name in repaired.present:
            self.present.setdefault(name, []).append(row)
        self.add(file, index, [repaired.transaction])

    def convert(self) -> None:
        """Turn the pending records into columns."""
        records, self.pending = self.pending, []
        self.ids += self.texts("transaction_id", map(attrgetter("transaction_id"), records))
        base = len(self.timestamps)
        self.timestamps += map(attrgetter("timestamp"), records)
        self.note_missing("timestamp", self.timestamps[base:], base)
        self.append("", records)
        customers = [record.customer or NO_CUSTOMER for record in records]
        self.append("customer.", customers)
        self.note_missing("customer.email", [customer.email for customer in customers], base)
        lists = [record.line_items for record in records]
        counts = np.array([-1 if lines is None else len(lines) for lines in lists], np.int64)
        lines = list(chain.from_iterable(filter(None, lists)))
        self.values.setdefault("line_count", []).append(counts)
        self.append("line_items.", lines)
        self.line_total += len(lines)

    def texts(self, name: str, values: Any) -> list[Any]:
        """Ids as texts, with a note of the missing ones."""
        texts = list(values)
        self.note_missing(name, texts, len(self.ids))
        return texts if set(map(type, texts)) <= {str} else [None if text is None else str(text) for text in texts]

    def note_missing(self, name: str, values: list[Any], base: int) -> None:
        """Remember the rows in which a value is missing."""
        if None in values:
            self.missing.setdefault(name, []).extend(base + row for row, value in enumerate(values) if value is None)

    def append(self, prefix: str, records: list[Any]) -> None:
        """Convert one kind of record, column by column."""
        for name in self.columns[prefix]:
            if name in NUMBERS:
                column = numbers(name, records)
            else:
                codes = self.codes.setdefault(prefix + name, Codes())
                found = map(codes.__getitem__, map(attrgetter(name), records))
                column = np.fromiter(found, np.int64, len(records))
            self.values.setdefault(prefix + name, []).append(column)

    def batch(self) -> Batch:
        """The tables of all that was added."""
        self.convert()
        columns = {name: np.concatenate(parts) for name, parts in self.values.items()}
        counts = columns.pop("line_count")
        files = np.array(self.files, np.int64)
        first = np.concatenate([[0], np.cumsum(files[:, 2])])[:-1]
        indexes = np.arange(len(counts)) + np.repeat(files[:, 1] - first, files[:, 2])
        times = parse_times(self.timestamps)
        places = {"file": np.repeat(files[:, 0], files[:, 2]), "index": indexes, "line_count": counts}
        lines = {name: columns.pop(f"line_items.{name}") for name in self.columns["line_items."]}
        return Batch(
            pd.DataFrame({**places, **columns, "day": times.day, "hour": times.hour}, copy=False),
            pd.DataFrame(
                {"transaction": np.repeat(np.arange(len(counts)), np.maximum(counts, 0)), **lines}, copy=False
            ),
            self.ids,
            self.timestamps,
            {name: codes.names for name, codes in self.codes.items()},
            self.missing,
            self.wrong,
            self.present,
        )


def columns_of(prefix: str, used: tuple[str, ...], known: tuple[str, ...], extra: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of a part that are analysed, and those that the rules file requires beside them."""
    required = [name.removeprefix(prefix) for name in extra if prefix and name.startswith(prefix)]
    return tuple(dict.fromkeys((*used, *(name for name in required if name in known and name != "email"))))


def numbers(name: str, records: list[Any]) -> Array:
    """One field as floats, with NaN for None."""
    try:
        return np.fromiter(map(attrgetter(name), records), np.float64, len(records))
    except TypeError:
        return np.array(list(map(attrgetter(name), records)), np.float64)
