"""Analysis with pandas: one batch of transactions, of any number of files, into each file's exact sums.

Every figure is a sum over a group, (file, key), of whole numbers; `fold` adds what a batch gives to the parts of
its files. Texts come as codes, so that pandas groups
integers.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.contract import COMPLETED, HISTOGRAM_EDGES
from node.ids import Block
from node.money import to_cents, to_thousandths
from node.partial import TABLES, Part, Suspect, add_counts, add_rows
from node.settings import Settings
from node.tables import Batch
from node.times import day_name

SAFE_SUM = 2**62
AMOUNTS = ("total", "subtotal", "tax", "shipping_cost")
EDGE_CENTS = np.array(HISTOGRAM_EDGES) * 100


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
    add_anomalies(batch, sales, lines, settings, parts)
    add_days(sales, parts)
    add_table("hours", sales, "hour", [f"{hour:02d}" for hour in range(24)], parts)
    sold = sales if sales["orders"].all() else sales[sales["orders"] == 1]
    add_table("order_values", sold, "order_value", [f"{at:02d}" for at in range(len(HISTOGRAM_EDGES))], parts)
    bought = lines if lines["lines"].all() else lines[lines["lines"] == 1]
    add_table("products", bought, "product_name", batch.names["line_items.product_name"], parts)
    add_table("categories", bought, "category", batch.names["line_items.category"], parts)
    add_table("customers", named(sales, "customer"), "customer", batch.names["customer.customer_id"], parts)
    for name, column in (("statuses", "status"), ("payment_methods", "payment_method")):
        add_table(name, named(sales, column), column, batch.names[column], parts)
    add_table("shipping_methods", sales, "shipping_method", batch.names["shipping_method"], parts)
    add_ids(batch, sales, parts)


def sales_table(batch: Batch, valid: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """A row a transaction, in whole cents; money is 0 unless it is completed."""
    table = batch.transactions
    codes = [code for code, name in enumerate(batch.names["status"]) if code and name == COMPLETED]
    completed = (table["status"] == (codes[0] if codes else -1)).to_numpy(np.int64)
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
        "order_value": np.searchsorted(EDGE_CENTS, total, side="right") - 1,
        "customer": table["customer.customer_id"],
        **{name: table[name] for name in ("status", "payment_method", "shipping_method")},
    }
    return pd.DataFrame(columns, copy=False)


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
            "product_name": lines["product_name"],
            "category": lines["category"],
        },
        copy=False,
    )
    return table if valid.all() else table[valid[owners]]


def named(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that have a name in a column of codes; all of them but where a rule is off."""
    there = table[column] > 0
    return table if there.all() else table[there]


def add_sums(sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """The summary's sums, file by file."""
    columns = ["transactions", "orders", "revenue", "tax", "shipping"]
    names = ["valid_transactions", "completed", "revenue", "tax", "shipping"]
    for file, values in group_sums(sales, sales["file"].to_numpy(), columns):
        add_counts(parts[file].counts, dict(zip(names, values, strict=True)))


def add_table(name: str, table: pd.DataFrame, column: str, names: list[str], parts: dict[int, Part]) -> None:
    """Group a table by file and code, and add the rows to each file's table of that name."""
    width = len(names)
    groups = table["file"].to_numpy() * width + table[column].to_numpy()
    for group, values in group_sums(table, groups, list(TABLES[name])):
        file, code = divmod(group, width)
        add_rows(parts[file].tables.setdefault(name, {}), [(names[code], values)])


def add_days(sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """The days' table; without the timestamp rule a transaction may have no day, and counts on none."""
    dated = sales if (sales["day"] > 0).all() else sales[sales["day"] > 0]
    days, codes = np.unique(dated["day"].to_numpy(), return_inverse=True)
    add_table("days", dated.assign(code=codes), "code", [day_name(day) for day in days.tolist()], parts)


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


def add_ids(batch: Batch, sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """Each file's transaction ids, with their days."""
    rows = sales["row"].to_numpy()
    whole = Block(batch.ids, batch.id_hashes, batch.transactions["day"].to_numpy().astype(np.int32))
    named = batch.ids.sizes[rows] > 0
    block = whole if len(rows) == len(whole) and named.all() else whole.take(rows[named])
    files = sales["file"].to_numpy()[named]
    bounds = [0, *(np.flatnonzero(np.diff(files)) + 1).tolist(), len(files)]
    for start, end in pairwise(bounds):
        if start < end:
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
