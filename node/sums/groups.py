"""Analysis with pandas: one batch of transactions, of any number of files, into each file's exact sums.

Every figure is a sum over a group, (file, key), of whole numbers; `fold` adds what a batch gives to the parts of
its files. Texts come as codes, so that pandas groups integers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.contract import BASKET_EDGES, HISTOGRAM_EDGES
from node.reading.columns import TEXTS
from node.settings import Settings
from node.sums.ids import Block
from node.sums.money import to_cents, to_thousandths
from node.sums.partial import TABLES, Part, Suspect, Table, add_counts, add_rows
from node.sums.rules import are_refunds
from node.sums.tables import Batch
from node.sums.times import day_name
from node.sums.visits import fold_visits, neighbours

SAFE_SUM = 2**62
AMOUNTS = ("total", "subtotal", "tax", "shipping_cost")
EDGE_CENTS = np.array(HISTOGRAM_EDGES) * 100
HOURS = [f"{hour:02d}" for hour in range(24)]
CLASSES = [f"{at:02d}" for at in range(len(HISTOGRAM_EDGES))]
BASKETS = [None, *(f"{at:02d}" for at in range(len(BASKET_EDGES)))]  # None: an order without a line
# Order values in cents: below 1, then classes of 2.5% up to the largest number that there can be.
STEPS = np.concatenate([[1.0], 1.025 ** np.arange(1, 1400)])
STEP_NAMES = [str(at) for at in range(-1, len(STEPS))]

# What is summed of transactions and of lines, in an order in which every table's columns are neighbours.
SALES_SUMS = ("tax", "shipping", "revenue", "orders", "transactions", "amount")
LINES_SUMS = ("revenue", "quantity", "lines", "discount")
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Labels = Sequence[str | None]
Row = list[int]


@dataclass
class Measures:
    """Valid transactions, or their lines: whole numbers to be summed, and the codes to group them by.

    Attributes:
        names: of the rows of `values`.
        values: a row a measure, a column a transaction or line.
        files: the file of each.
    """

    names: tuple[str, ...]
    values: Integers
    files: Integers

    def sums(self, columns: tuple[str, ...], codes: Integers, width: int) -> Iterator[tuple[int, list[int], list[Row]]]:
        """Exact sums of neighbouring measures: each file's codes (below `width`), and their sums."""
        first, count = self.names.index(columns[0]), len(columns)
        if len(codes) and codes.min() == codes.max():
            for file, row in self.by_file:
                yield file, [int(codes[0])], [row[first : first + count]]
            return
        sums = self.grouped(slice(first, first + count), self.files * width + codes)
        files, found = np.divmod(sums.index.to_numpy(), width)
        keys, rows = found.tolist(), sums.to_numpy().tolist()
        for start, end in neighbours(files):
            yield int(files[start]), keys[start:end], rows[start:end]

    @cached_property
    def by_file(self) -> list[tuple[int, Row]]:
        """The sums of each file."""
        sums = self.grouped(slice(None), self.files)
        return list(zip(sums.index.tolist(), sums.to_numpy().tolist(), strict=True))

    def grouped(self, rows: slice, groups: Integers) -> pd.DataFrame:
        """Exact sums of some measures."""
        values = pd.DataFrame(self.values[rows].T, copy=False)
        if self.can_overflow:
            values = values.astype(object)  # Python's own integers
        return values.groupby(groups, sort=False).sum()

    @cached_property
    def can_overflow(self) -> bool:
        """True when the sum of all might not fit into 64 bits."""
        if not self.values.size:
            return False
        largest = max(int(self.values.max()), -int(self.values.min()))
        return bool(largest * self.values.shape[1] >= SAFE_SUM)


def fold(batch: Batch, sales: pd.DataFrame, lines: pd.DataFrame, settings: Settings, parts: dict[int, Part]) -> None:
    """Add the valid transactions of a batch to the parts of their files.

    Args:
        batch: the tables of `tables`.
        sales: the valid transactions, of `valid_tables`.
        lines: their lines, likewise.
        settings: the limits of the anomalies.
        parts: file number -> the part to add to.
    """
    fold_sales(batch, sales, parts)
    fold_visits(batch, sales, parts)
    fold_lines(batch, lines, parts)
    add_anomalies(batch, sales, lines, settings, parts)
    add_ids(batch, sales, parts)


def fold_together(batch: Batch, sales: pd.DataFrame, lines: pd.DataFrame, numbers: set[int], total: Part) -> None:
    """Add the tables of sums of many files to one part at once, as if they were one file."""
    part = Part()
    fold_sales(batch, sales[sales["file"].isin(numbers)].assign(file=0), {0: part})
    fold_lines(batch, lines[lines["file"].isin(numbers)].assign(file=0), {0: part})
    for name, table in part.tables.items():
        add_rows(total.tables.setdefault(name, {}), table.items())


def valid_tables(batch: Batch, valid: Mask, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The valid transactions and their lines, but for refunds."""
    sales = sales_table(batch, settings.money.statuses)
    lines = lines_table(batch, sales)
    if settings.money.refunds:
        valid = valid & ~are_refunds(batch, settings)
    return (sales, lines) if valid.all() else (sales[valid], lines[valid[lines["transaction"]]])


def fold_refunds(batch: Batch, valid: Mask, settings: Settings, parts: dict[int, Part]) -> None:
    """Count the refunds among the valid transactions; of all other figures, only their currency's knows of them."""
    table = batch.transactions[valid & are_refunds(batch, settings)]
    cents = to_cents(table["total"].to_numpy())
    rows = zip(table["file"].tolist(), table["currency"].tolist(), cents.tolist(), strict=True)
    for file, currency, amount in rows:
        add_counts(parts[file].counts, {"refunds": 1, "refund_cents": -amount})
        seen = parts[file].tables.setdefault("currencies", {})
        add_rows(seen, [(batch.names["currency"][currency], [0, 0, 1])])


def fold_sales(batch: Batch, sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """The summary's sums, and every table of transactions."""
    measures = Measures(SALES_SUMS, np.array([sales[name] for name in SALES_SUMS]), sales["file"].to_numpy())
    names = ("tax", "shipping", "revenue", "completed", "valid_transactions")
    for file, row in measures.by_file:
        add_counts(parts[file].counts, dict(zip(names, row, strict=False)))
    fold_days(batch, sales, measures, parts)
    tables: dict[str, tuple[str, Labels]] = {
        "customers": ("customer", [None, *batch.names["customer.customer_id"][1:]]),
        "statuses": ("status", [None, *batch.names["status"][1:]]),
        "payment_methods": ("payment_method", [None, *batch.names["payment_method"][1:]]),
        "shipping_methods": ("shipping_method", batch.names["shipping_method"]),
        "currencies": ("currency", batch.names["currency"]),
        "hours": ("hour", HOURS),
        "order_values": ("order_value", CLASSES),
        "order_classes": ("order_class", STEP_NAMES),
        "basket_lines": ("basket", BASKETS),
    }
    for name, (column, labels) in tables.items():
        add_table(name, measures, sales[column].to_numpy(), labels, parts)


def fold_days(batch: Batch, sales: pd.DataFrame, measures: Measures, parts: dict[int, Part]) -> None:
    """The days, and of each month the UTC offsets that its times are written with."""
    days, day_codes = np.unique(sales["day"].to_numpy(), return_inverse=True)
    offsets = batch.names["offset"]
    names = [day_name(day) if day else "" for day in days.tolist()]
    labels = [(day, f"{day[:7]} {offset}") for day in names for offset in offsets]
    codes = day_codes * len(offsets) + sales["offset"].to_numpy()
    for file, found, rows in measures.sums(TABLES["days"], codes, len(labels)):
        by_day: Table = {}
        by_offset: dict[str, int] = {}
        for (day, offset), row in zip([labels[code] for code in found], rows, strict=True):
            if day:
                known = by_day.get(day)
                by_day[day] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
                by_offset[offset] = by_offset.get(offset, 0) + row[-1]
        add_rows(parts[file].tables.setdefault("days", {}), by_day.items())
        add_rows(parts[file].tables.setdefault("offsets", {}), [(key, [count]) for key, count in by_offset.items()])


def fold_lines(batch: Batch, lines: pd.DataFrame, parts: dict[int, Part]) -> None:
    """Every table of line items."""
    measures = Measures(LINES_SUMS, np.array([lines[name] for name in LINES_SUMS]), lines["file"].to_numpy())
    at = LINES_SUMS.index("discount")
    for file, row in measures.by_file:
        add_counts(parts[file].counts, {"discount": row[at]} if row[at] else {})
    for name, column in (("products", "product_name"), ("categories", "category")):
        add_table(name, measures, lines[column].to_numpy(), batch.names[f"line_items.{column}"], parts)


def sales_table(batch: Batch, statuses: tuple[str, ...]) -> pd.DataFrame:
    """A row a transaction, in whole cents; money is 0 unless its status is one that counts."""
    table = batch.transactions
    codes = [code for code, name in enumerate(batch.names["status"]) if code and name in statuses]
    completed = table["status"].isin(codes).to_numpy(np.int64)
    total, subtotal, tax, shipping = (to_cents(table[name].to_numpy()) for name in AMOUNTS)
    columns = {
        "file": table["file"],
        "row": np.arange(len(table)),
        "day": table["day"],
        "hour": table["hour"],
        "total": table["total"],
        "total_cents": total,
        "mismatch": np.abs(total - subtotal - tax - shipping),
        "revenue": total * completed,
        "tax": tax * completed,
        "shipping": shipping * completed,
        "orders": completed,
        "transactions": np.ones(len(table), np.int64),
        "amount": total,
        "order_value": np.maximum(np.searchsorted(EDGE_CENTS, total, side="right") - 1, 0),
        "order_class": np.searchsorted(STEPS, total, side="right"),
        "basket": np.searchsorted(BASKET_EDGES, table["line_count"].to_numpy(), side="right"),
        "customer": table["customer.customer_id"],
        **{name: table[name] for name in (*TEXTS, "offset")},
    }
    return pd.DataFrame(columns, copy=False)


def lines_table(batch: Batch, sales: pd.DataFrame) -> pd.DataFrame:
    """A row a line: its file, product, category, cents and thousandths, 0 unless it is sold."""
    lines, owners = batch.lines, batch.lines["transaction"].to_numpy()
    completed = sales["orders"].to_numpy()[owners]
    columns = {
        "file": sales["file"].to_numpy()[owners],
        "transaction": owners,
        "pieces": lines["quantity"].to_numpy(),
        "revenue": to_cents(lines["subtotal"].to_numpy()) * completed,
        "quantity": to_thousandths(lines["quantity"].to_numpy()) * completed,
        "lines": completed,
        "discount": to_cents(lines["discount"].to_numpy()) * completed,
        "product_name": lines["product_name"],
        "category": lines["category"],
    }
    return pd.DataFrame(columns, copy=False)


def add_table(name: str, measures: Measures, codes: Integers, labels: Labels, parts: dict[int, Part]) -> None:
    """Add groups to each file's table of that name, but those that count nothing and those without a label.

    Where the user switched off the rule that requires it, a transaction may have no day, customer, status or payment
    method, and counts in no table of these.
    """
    for file, found, rows in measures.sums(TABLES[name], codes, len(labels)):
        named = [(labels[code], row) for code, row in zip(found, rows, strict=True) if any(row)]
        table = parts[file].tables.setdefault(name, {})
        add_rows(table, [(label, row) for label, row in named if label is not None])


def add_ids(batch: Batch, sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """Each file's transaction ids, with their days."""
    rows = sales["row"].to_numpy()
    whole = Block(batch.ids, batch.id_hashes, batch.transactions["day"].to_numpy().astype(np.int32))
    named = batch.ids.sizes[rows] > 0
    block = whole if len(rows) == len(whole) and named.all() else whole.take(rows[named])
    files = sales["file"].to_numpy()[named]
    for start, end in neighbours(files):
        parts[int(files[start])].ids.add(block.slice(start, end))


def add_anomalies(
    batch: Batch, sales: pd.DataFrame, lines: pd.DataFrame, settings: Settings, parts: dict[int, Part]
) -> None:
    """High values and quantities and totals that do not add up; repeated ids and customers come with the merge."""
    limits = settings.anomalies
    high = sales[sales["total"] > limits.high_value]
    add_suspects("high_value", batch, high, high["total_cents"], parts)
    mismatch_cents = int(to_cents(np.array([limits.total_mismatch], np.float64))[0])
    wrong = sales[sales["mismatch"] > mismatch_cents]
    add_suspects("total_mismatch", batch, wrong, wrong["mismatch"], parts)
    many = lines[lines["pieces"] > limits.high_quantity]
    owners = sales.loc[many["transaction"]]
    add_suspects("high_quantity", batch, owners, to_thousandths(many["pieces"].to_numpy()), parts)


def add_suspects(kind: str, batch: Batch, rows: pd.DataFrame, values: Any, parts: dict[int, Part]) -> None:
    """Count what is unusual, by day too, and keep it."""
    names = batch.names["customer.customer_id"]
    columns = [rows[name].tolist() for name in ("row", "file", "day", "customer")]
    flags = [int(name == kind) for name in TABLES["anomaly_days"]]
    for row, file, day, customer, value in zip(*columns, np.asarray(values).tolist(), strict=True):
        part = parts[file]
        add_counts(part.counts, {kind: 1})
        if day:
            add_rows(part.tables.setdefault("anomaly_days", {}), [(day_name(day), flags)])
        buyer = names[customer] if customer else ""
        suspect = Suspect(-value, batch.ids[row], batch.timestamps[row], buyer)
        part.suspects.setdefault(kind, []).append(suspect)
