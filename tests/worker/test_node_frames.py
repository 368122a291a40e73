"""Tables of a report that has little or nothing in it, or days that are far apart."""

import inspect
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from node import frames
from node.settings import Settings
from node.work.process import process

SALE = {
    "transaction_id": "t", "timestamp": "2025-01-17T14:30:22Z", "customer": {"customer_id": "c", "email": "e"},
    "line_items": [{"quantity": 1, "unit_price": 9000.0, "subtotal": 38.0}], "subtotal": 38.0, "tax": 0, "total": 6000,
    "payment_method": "card", "status": "completed",
}  # fmt: skip
BATCHES: dict[str, str | list[Any]] = {
    "rejected": "{",
    "empty": [],
    "all invalid": [SALE | {"total": -1}],
    "none that counts": [SALE | {"status": "paid"}],
    "one": [SALE],
    "several currencies": [SALE | {"currency": "EUR"}, SALE | {"currency": "USD"}, SALE | {"total": -1}],
}
HELPERS = {"section", "pairs", "numbers", "rows", "daily_revenue", "dates", "in_span"}
TABLES = [
    function for name, function in inspect.getmembers(frames, inspect.isfunction)
    if name not in HELPERS and function.__module__ == frames.__name__
]  # fmt: skip


def report(folder: Path, batch: str | list[Any]) -> dict[str, Any]:
    text = batch if isinstance(batch, str) else json.dumps({"transactions": batch})
    (folder / "a.json").write_text(text)
    process([folder / "a.json"], folder / "out", Settings())
    found: dict[str, Any] = json.loads((folder / "out" / "a.report.json").read_bytes())
    return found


@pytest.mark.parametrize("name", BATCHES)
def test_every_table_has_its_columns_and_their_types(name: str, tmp_path: Path) -> None:
    found, full = report(tmp_path, BATCHES[name]), report(tmp_path, [SALE, SALE | {"total": -1}])
    for function in TABLES:
        table, other = function(found), function(full)
        assert list(table.columns) == list(other.columns), function.__name__
        text = [column for column in other if column in ("revenue", "amount", "total", "day", "orders", "value")]
        assert table.dtypes[text].to_dict() == other.dtypes[text].to_dict(), function.__name__


def test_no_money_is_nan_and_what_is_made_of_it_is_empty(tmp_path: Path) -> None:
    found = report(tmp_path, BATCHES["several currencies"])
    for function in (frames.top_customers, frames.top_products, frames.revenue_by_day, frames.errors_by_rule):
        table = function(found)
        assert len(table) == 1
        assert table.select_dtypes("float64").iloc[:, 0].isna().all()
    assert frames.order_values(found).empty
    assert frames.pareto(found).empty
    assert frames.revenue_by_hour(found)["revenue"].isna().sum() == 1
    assert frames.revenue_by_currency(found)["revenue"].tolist() == [6000.0, 6000.0]


def days(*texts: str) -> dict[str, Any]:
    return {
        "analytics": {"revenue_by_day": dict.fromkeys(texts, 1.0)},
        "anomalies": {"by_day": {text: {"high_value": 1} for text in texts}},
    }


@pytest.mark.parametrize("far", ["0001-01-01", "9999-12-31"])
def test_a_far_day_makes_no_long_table(far: str) -> None:
    found = days(far, "2017-01-01", "2017-01-04")
    table = frames.revenue_by_day(found)
    assert table["day"].dt.strftime("%Y-%m-%d").tolist() == ["2017-01-01", "2017-01-02", "2017-01-03", "2017-01-04"]
    assert table["revenue"].tolist() == [1, 0, 0, 1]
    assert frames.stray_days(found)["day"].dt.strftime("%Y-%m-%d").tolist() == [far]
    assert len(frames.anomalies_by_day(found)) == 2


def test_years_with_gaps_are_kept_whole_and_the_latest_of_equals_wins() -> None:
    found = days("2010-01-01", "2019-12-31")
    assert len(frames.revenue_by_day(found)) == 3652
    assert frames.stray_days(found).empty
    assert frames.revenue_by_day(days("1990-01-01", "2020-01-01"))["day"].tolist() == [pd.Timestamp("2020-01-01")]


def test_any_days_make_a_bounded_table_and_lose_none() -> None:
    found = days(*(f"{year:04d}-06-15" for year in range(1, 2026, 3)))
    table = frames.revenue_by_day(found)
    assert len(table) <= frames.MAX_DAYS
    assert (table["revenue"] > 0).sum() + len(frames.stray_days(found)) == 675
