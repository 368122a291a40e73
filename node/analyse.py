"""Analysis with pandas: one batch of transactions, of any number of files, into each file's exact sums.

Every figure is a sum over a group, (file, key), of whole numbers; `fold` adds what a batch gives to the parts of
its files. Texts are numbered first (`factorize`), so that pandas groups integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.columns import Batch
from node.contract import COMPLETED, HISTOGRAM_EDGES, UNKNOWN
from node.money import to_cents, to_thousandths
from node.partial import TABLES, Part, Suspect, add_counts, add_ids, add_rows
from node.settings import Settings
from node.times import day_name

SAFE_SUM = 2**62


@dataclass
class Keys:
    """A column of keys as numbers: -1 where there is none."""

    codes: npt.NDArray[np.int64]
    names: list[str]


def fold(batch: Batch, valid: npt.NDArray[np.bool_], settings: Settings, parts: dict[int, Part]) -> None:
    """Add the valid transactions of a batch to the parts of their files.

    Args:
        batch: the tables of `columns`.
        valid: one element a transaction.
        settings: the limits of the anomalies.
        parts: file number -> the part to add to.
    """
    sales = sales_table(batch, valid)
    lines = lines_table(batch, sales, valid)
    sales = sales if valid.all() else sales[valid]
    add_sums(sales, parts)
    add_anomalies(sales, lines, settings, parts)
    for name, column in (("customers", "customer_id"), ("days", "day"), ("hours", "hour")):
        add_table(name, sales, column, parts)
    for name in ("order_values", "statuses", "payment_methods", "shipping_methods"):
        add_table(name, sales, name, parts)
    sold = lines if lines["lines"].all() else lines[lines["lines"] == 1]
    add_table("products", sold, "product_name", parts)
    add_table("categories", sold, "category", parts)
    add_occurrences(sales, parts)


def sales_table(batch: Batch, valid: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """A row a transaction, in whole cents; money is 0 unless it is completed."""
    table = batch.transactions
    completed = (table["status"] == COMPLETED).to_numpy(np.bool_)
    total = to_cents(table["total"].to_numpy())
    tax, shipping = to_cents(table["tax"].to_numpy()), to_cents(table["shipping_cost"].to_numpy())
    edges = np.searchsorted(np.array(HISTOGRAM_EDGES) * 100, total, side="right") - 1
    return table.assign(
        total_cents=total,
        mismatch=np.abs(total - to_cents(table["subtotal"].to_numpy()) - tax - shipping),
        revenue=np.where(completed, total, 0),
        tax=np.where(completed, tax, 0),
        shipping=np.where(completed, shipping, 0),
        orders=completed.astype(np.int64),
        transactions=1,
        customer_id=table["customer.customer_id"],
        order_values=np.where(completed, edges, -1),
        statuses=table["status"],
        payment_methods=table["payment_method"],
        shipping_methods=named(batch, "shipping_method", table["shipping_method"]),
    )


def lines_table(batch: Batch, sales: pd.DataFrame, valid: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """A row a line of a valid transaction: its file, product, category, cents and thousandths."""
    lines, owners = batch.lines, batch.lines["transaction"].to_numpy()
    completed = sales["orders"].to_numpy()[owners]
    table = pd.DataFrame(
        {
            "file": sales["file"].to_numpy()[owners],
            "transaction": owners,
            "pieces": lines["quantity"].to_numpy(),
            "revenue": to_cents(lines["subtotal"].to_numpy()) * completed,
            "quantity": to_thousandths(lines["quantity"].to_numpy()) * completed,
            "lines": completed,
            "product_name": named(batch, "line_items.product_name", lines["product_name"]),
            "category": named(batch, "line_items.category", lines["category"]),
        }
    )
    return table if valid.all() else table[valid[owners]]


def named(batch: Batch, path: str, names: Any) -> Any:
    """A column of names with "Unknown" for missing ones."""
    return names.where(names.notna(), UNKNOWN) if path in batch.gaps else names


def add_sums(sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """The summary's sums, file by file."""
    columns = ["transactions", "orders", "revenue", "tax", "shipping"]
    names = ["valid_transactions", "completed", "revenue", "tax", "shipping"]
    for file, values in group_sums(sales, sales["file"].to_numpy(), columns):
        add_counts(parts[file].counts, dict(zip(names, values, strict=True)))


def add_table(name: str, table: pd.DataFrame, column: str, parts: dict[int, Part]) -> None:
    """Group a table by file and key, and add the rows to each file's table of that name."""
    keys = numbered(name, table[column])
    files = table["file"].to_numpy()
    width = max(len(keys.names), 1)
    groups, rows = files * width + keys.codes, table[list(TABLES[name])]
    there = keys.codes >= 0
    if not there.all():
        groups, rows = groups[there], rows[there]
    for group, values in group_sums(rows, groups, list(TABLES[name])):
        file, code = divmod(group, width)
        add_rows(parts[file].tables.setdefault(name, {}), [(keys.names[code], values)])


def numbered(name: str, column: Any) -> Keys:
    """Number the keys of a column and name them."""
    if name in ("days", "hours", "order_values"):
        days, codes = np.unique(column.to_numpy(), return_inverse=True)
        names = [day_name(day) if name == "days" else f"{day:02d}" for day in days.tolist()]
        absent = 0 if name == "days" else -1
        return Keys(np.where(days[codes] == absent, -1, codes), names)
    codes, texts = pd.factorize(column.to_numpy())
    return Keys(codes.astype(np.int64), list(texts))


def group_sums(
    table: pd.DataFrame, groups: npt.NDArray[np.int64], columns: list[str]
) -> Iterator[tuple[int, list[int]]]:
    """Exact sums of whole-number columns for each group."""
    if table.empty:
        return
    values = table[columns]
    if int(values.abs().to_numpy().max()) * len(values) >= SAFE_SUM:
        values = values.astype(object)  # Python's own integers, which do not overflow
    sums = values.groupby(groups, sort=False).sum()
    yield from zip(sums.index.tolist(), [list(map(int, row)) for row in sums.to_numpy().tolist()], strict=True)


def add_occurrences(sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """How often each transaction id occurs in each file, and on which day first."""
    for file, rows in sales[sales["transaction_id"].notna()].groupby("file", sort=False):
        groups = rows.groupby(pd.factorize(rows["transaction_id"].to_numpy())[0], sort=False)
        first = groups["transaction_id"].first().tolist()
        found = zip(groups.size().tolist(), groups["day"].min().tolist(), strict=True)
        add_ids(parts[int(str(file))].ids, zip(first, map(list, found), strict=True))


def add_anomalies(sales: pd.DataFrame, lines: pd.DataFrame, settings: Settings, parts: dict[int, Part]) -> None:
    """High values and quantities and totals that do not add up; repeated ids and customers come with the merge."""
    limits = settings.anomalies
    high = sales[sales["total"] > limits.high_value]
    add_suspects("high_value", high, high["total_cents"], parts)
    mismatch_cents = int(to_cents(np.array([limits.total_mismatch], np.float64))[0])
    wrong = sales[sales["mismatch"] > mismatch_cents]
    add_suspects("total_mismatch", wrong, wrong["mismatch"], parts)
    many = lines[lines["pieces"] > limits.high_quantity]
    owners = sales.loc[many["transaction"]]
    add_suspects("high_quantity", owners, to_thousandths(many["pieces"].to_numpy()), parts)


def add_suspects(kind: str, rows: pd.DataFrame, values: Any, parts: dict[int, Part]) -> None:
    """Count what is unusual, by day too, and keep it."""
    column = TABLES["anomaly_days"].index(kind)
    names = ["transaction_id", "timestamp", "customer_id", "file", "day"]
    texts = [rows[name].tolist() for name in names]
    for identity, time, customer, file, day, value in zip(*texts, np.asarray(values).tolist(), strict=True):
        part = parts[file]
        add_counts(part.counts, {kind: 1})
        if day:
            row = [int(at == column) for at in range(len(TABLES["anomaly_days"]))]
            add_rows(part.tables.setdefault("anomaly_days", {}), [(day_name(day), row)])
        part.suspects.setdefault(kind, []).append(Suspect(-value, identity or "", time or "", customer or ""))
