"""From records to columns: many transactions, of one file or of many, as flat arrays that another process can take.

Records become columns about a hundred at a time, while they are still in the processor's cache: numbers as floats with
NaN for missing ones, texts as codes of `Codes` with 0 for missing ones. Only ids and timestamps stay texts. This side
knows neither numpy nor pandas, so it is at work while these are still being imported; `tables` takes over from here.
"""

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pickle import PickleBuffer
from typing import Any

from msgspec import Struct

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, REQUIRED_FIELDS, UNKNOWN
from node.mapping.fields import Sheet
from node.mapping.sheets import Sheets
from node.reading.transactions import NUMBERS, Customer, Repaired, Transaction

NO_CUSTOMER = Customer()
CUSTOMER_ID = "customer.customer_id"
CHUNK = 250
AMOUNTS = ("subtotal", "tax", "shipping_cost", "total")
TEXTS = ("payment_method", "shipping_method", "status", "currency")
LINE_COLUMNS = ("product_name", "category", "quantity", "unit_price", "discount", "subtotal")
FLOAT, CODE, HASH = "d", "i", "q"  # as struct and numpy name them: float64, int32, int64


class Columns(Struct):
    """Transactions of one or more files.

    Attributes:
        runs: (file number, index of the first record in its file, records), in the order of the rows.
        arrays: column -> its memory. A row a transaction: `line_count` (-1: no list), the amounts, codes of texts,
            `id_hash`, `id_size` and `timestamp_size` (bytes); `line_items.` before the names of a line's columns.
        ids: transaction ids in UTF-8, one behind the other; a missing one has no bytes.
        timestamps: as written, likewise.
        names: column of codes -> texts that were not in an earlier batch, in the order of their codes.
        missing: dotted names of fields that are no columns -> rows of transactions that lack them.
        wrong: dotted field name -> rows of transactions where it has a wrong type.
        said: dotted field name -> row of a transaction -> what is wrong with it there.
        present: required field -> rows of transactions that have it, or need it not, and are not in its column.
        filled: amount -> rows of transactions that have it from a mapping's constant.
        done: what became of the tasks whose last records are among these.
    """

    runs: list[tuple[int, int, int]] = []
    arrays: dict[str, PickleBuffer] = {}
    ids: bytes = b""
    timestamps: bytes = b""
    names: dict[str, list[str]] = {}
    missing: dict[str, list[int]] = {}
    wrong: dict[str, list[int]] = {}
    said: dict[str, dict[int, str]] = {}
    present: dict[str, list[int]] = {}
    filled: dict[str, list[int]] = {}
    done: list[Any] = []


class Codes(dict[Any, int]):
    """Numbers texts in the order in which they are first seen; None is 0, and a whole number is its text.

    None becomes a key when it is first seen: a dict of texts alone is twice as fast. Where a field must be there, or
    names a currency, an empty text is a missing one.
    """

    def __init__(self, name: str, extra: tuple[str, ...] = ()) -> None:
        super().__init__()
        if name in (*REQUIRED_FIELDS, *extra, "currency"):
            self[""] = 0
        self.count = 1
        self.fresh = [UNKNOWN]

    def __missing__(self, key: Any) -> int:
        if key is None:
            code = 0
        elif type(key) is str:
            code, self.count = self.count, self.count + 1
            self.fresh.append(key)
        else:
            code = self[str(key)]
        self[key] = code
        return code

    def of(self, texts: Sequence[Any]) -> Sequence[int]:
        """The codes of some texts: itemgetter asks for them all in one call."""
        return itemgetter(*texts)(self) if len(texts) > 1 else [self[text] for text in texts]

    def take_fresh(self) -> list[str]:
        """The texts that are new since the last call."""
        fresh, self.fresh = self.fresh, []
        return fresh


class Collector:
    """Takes records until they are enough for a batch; codes are kept from batch to batch."""

    def __init__(self, extra: tuple[str, ...] = (), sheets: Sheets | None = None) -> None:
        self.sheets = sheets
        self.fields = fields_of(extra)
        coded = [prefix + name for prefix, names in self.fields.items() for name in names if name not in NUMBERS]
        self.codes = {name: Codes(name, extra) for name in coded}
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.columns = Columns()
        self.pending: list[Any] = []
        names = [prefix + name for prefix, fields in self.fields.items() for name in fields]
        self.arrays: dict[str, list[bytes]] = {
            name: [] for name in (*names, "line_count", "id_hash", "id_size", "timestamp_size")
        }
        self.ids: list[bytes] = []
        self.timestamps: list[bytes] = []
        self.sales_total = self.line_total = 0

    @property
    def count(self) -> int:
        """Transactions."""
        return self.sales_total + len(self.pending)

    def __len__(self) -> int:
        """Rows of both tables."""
        return self.count + self.line_total

    def add(self, file: int, index: int, records: list[Any]) -> None:
        """Append good records of a file, the first of which is its number `index`."""
        runs = self.columns.runs
        last, first, count = runs[-1] if runs else (0, 0, 0)
        if (last, first + count) == (file, index):
            runs[-1] = (file, first, count + len(records))
        else:
            runs.append((file, index, len(records)))
        self.pending += records
        if len(self.pending) >= CHUNK:
            self.convert()

    def add_repaired(self, file: int, index: int, repaired: Repaired) -> None:
        """Append a bad record with what was wrong about it."""
        row = self.count
        for name, said in repaired.wrong.items():
            self.note_wrong(name, row, said)
        for name in repaired.present:
            self.columns.present.setdefault(name, []).append(row)
        self.add(file, index, [repaired.transaction])

    def note_wrong(self, name: str, row: int, said: str) -> None:
        """A part of a wrong type."""
        if row not in self.columns.said.setdefault(name, {}):
            self.columns.wrong.setdefault(name, []).append(row)
            self.columns.said[name][row] = said

    def convert(self) -> None:
        """Turn the pending records into columns."""
        records, self.pending = self.pending, []
        sheet = self.sheets.sheet(records) if self.sheets else sheet_of(records, self.fields)
        base = self.sales_total
        self.add_ids(sheet.columns["transaction_id"], base)
        self.add_timestamps(sheet.columns["timestamp"], base)
        for prefix, names in self.fields.items():
            for name in names:
                self.append(prefix + name, sheet.columns[prefix + name])
        self.note_missing(
            "customer.email", sheet.columns["customer.email"], base, sheet.excused.get("customer.email", ())
        )
        for name, row, said in sheet.wrong:
            self.note_wrong(name, base + row, said)
        for name, rows in sheet.filled.items():
            self.columns.filled.setdefault(name, []).extend(base + row for row in rows)
        for name, rows in sheet.excused.items():
            self.columns.present.setdefault(name, []).extend(base + row for row in rows)
        self.arrays["line_count"].append(packed(CODE, sheet.line_counts))
        self.line_total += sum(sheet.line_counts) + sheet.line_counts.count(-1)
        self.sales_total += sheet.size

    def add_ids(self, values: Sequence[Any], base: int) -> None:
        """Ids as texts, with a note of the missing ones."""
        self.note_missing("transaction_id", values, base)
        try:
            joined = "".join(values)
        except TypeError:
            values = ["" if value is None else str(value) for value in values]
            joined = "".join(values)
        self.arrays["id_hash"].append(packed(HASH, list(map(hash, values))))
        self.ids.append(self.encoded("id_size", values, joined))

    def add_timestamps(self, values: Sequence[str | None], base: int) -> None:
        """Timestamps as written, with a note of the missing ones."""
        self.note_missing("timestamp", values, base)
        texts = [value or "" for value in values]
        self.timestamps.append(self.encoded("timestamp_size", texts, "".join(texts)))

    def encoded(self, name: str, texts: Sequence[str], joined: str) -> bytes:
        """Texts one behind the other; their sizes go to the column `name`."""
        sizes = list(map(len, texts)) if joined.isascii() else [len(text.encode()) for text in texts]
        self.arrays[name].append(packed(CODE, sizes))
        return joined.encode()

    def note_missing(self, name: str, values: Sequence[Any], base: int, excused: Sequence[int] = ()) -> None:
        """Remember the rows in which a value is missing, unless it may."""
        if not all(values):  # which is quicker than to look for None, and true for most
            rows = [base + row for row, value in enumerate(values) if value is None or value == ""]
            if excused:
                rows = sorted(set(rows).difference(base + row for row in excused))
            self.columns.missing.setdefault(name, []).extend(rows)

    def append(self, name: str, values: list[Any]) -> None:
        """Append to one column."""
        codes = self.codes.get(name)
        self.arrays[name].append(numbers(values) if codes is None else packed(CODE, codes.of(values)))

    def take(self) -> Columns:
        """All that was added, which is forgotten here."""
        if self.pending:
            self.convert()
        columns = self.columns
        columns.arrays = {name: PickleBuffer(b"".join(parts)) for name, parts in self.arrays.items()}
        columns.ids, columns.timestamps = b"".join(self.ids), b"".join(self.timestamps)
        columns.names = {name: codes.take_fresh() for name, codes in self.codes.items()}
        self.clear()
        return columns


def fields_of(extra: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The columns of transactions, customers and lines."""
    return {
        "": columns_of("", (*AMOUNTS, *TEXTS), (), extra),
        "customer.": columns_of("customer.", ("customer_id",), CUSTOMER_FIELDS, extra),
        "line_items.": columns_of("line_items.", LINE_COLUMNS, LINE_FIELDS, extra),
    }


def columns_of(prefix: str, used: tuple[str, ...], known: tuple[str, ...], extra: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of a part that are analysed, and those that the rules file requires beside them."""
    required = [name.removeprefix(prefix) for name in extra if prefix and name.startswith(prefix)]
    return tuple(dict.fromkeys((*used, *(name for name in required if name in known and name != "email"))))


def sheet_of(sales: list[Transaction], fields: dict[str, tuple[str, ...]]) -> Sheet:
    """Transactions column by column: a comprehension for each is twice as fast as a field named by a variable."""
    customers = [sale.customer or NO_CUSTOMER for sale in sales]
    lists = [sale.line_items for sale in sales]
    lines = list(chain.from_iterable(filter(None, lists)))
    columns: dict[str, list[Any]] = {
        "transaction_id": [sale.transaction_id for sale in sales],
        "timestamp": [sale.timestamp for sale in sales],
        "subtotal": [sale.subtotal for sale in sales],
        "tax": [sale.tax for sale in sales],
        "shipping_cost": [sale.shipping_cost for sale in sales],
        "total": [sale.total for sale in sales],
        "payment_method": [sale.payment_method for sale in sales],
        "shipping_method": [sale.shipping_method for sale in sales],
        "status": [sale.status for sale in sales],
        "currency": [sale.currency for sale in sales],
        CUSTOMER_ID: [customer.customer_id for customer in customers],
        "customer.email": [customer.email for customer in customers],
        "line_items.product_name": [line.product_name for line in lines],
        "line_items.category": [line.category for line in lines],
        "line_items.quantity": [line.quantity for line in lines],
        "line_items.unit_price": [line.unit_price for line in lines],
        "line_items.discount": [line.discount for line in lines],
        "line_items.subtotal": [line.subtotal for line in lines],
    }
    parts: tuple[tuple[str, list[Any]], ...] = (("customer.", customers), ("line_items.", lines))
    for prefix, records in parts:
        for name in fields[prefix]:  # what few rules files require
            if prefix + name not in columns:
                columns[prefix + name] = [getattr(record, name) for record in records]
    return Sheet(len(sales), columns, [-1 if found is None else len(found) for found in lists])


def packed(kind: str, values: Sequence[Any]) -> bytes:
    """Numbers as they lie in memory; struct takes them four times as fast as array does."""
    return layout(kind, len(values)).pack(*values)


@lru_cache(maxsize=10_000)
def layout(kind: str, count: int) -> struct.Struct:
    """So many numbers of a kind; a new one takes as long as packing them."""
    return struct.Struct(f"{count}{kind}")


def numbers(values: Sequence[Any]) -> bytes:
    """One field as floats, with NaN for None."""
    try:
        return packed(FLOAT, values)
    except struct.error:
        return packed(FLOAT, [math.nan if value is None else value for value in values])
