"""Money is never silently zero or meaningless: what does not count, or has no common unit, is said first."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.settings import parse_settings
from node.sums.rules import RULE_NAMES
from node.work.merge import merge
from node.work.process import process

LINE = {"product_name": "Mug", "category": "Home", "quantity": 2, "unit_price": 15.0, "subtotal": 30.0}
SALE = {
    "transaction_id": "t", "timestamp": "2025-01-17T14:30:22Z", "customer": {"customer_id": "c", "email": "e"},
    "line_items": [LINE], "subtotal": 30.0, "tax": 3.0, "shipping_cost": 5.0, "total": 38.0, "payment_method": "card",
    "status": "completed",
}  # fmt: skip
MONEY_NAMES = {"total_revenue", "revenue", "revenue_percent", "amount", "invalid_amount", "total", "total_tax"} | {
    "total_shipping", "average_order_value", "average_tax", "average_shipping",
}  # fmt: skip
MONEY_TABLES = {"revenue_by_category", "revenue_by_day", "revenue_by_hour", "revenue_by_weekday", "error_amounts"}


def sales(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Sales with ids of their own, each with some fields changed."""
    return [SALE | {"transaction_id": f"t{at}"} | change for at, change in enumerate(changes)]


def report(folder: Path, records: list[dict[str, Any]], rules: str = "") -> dict[str, Any]:
    (folder / "a.json").write_text(json.dumps({"transactions": records}))
    process([folder / "a.json"], folder / "out", parse_settings(rules, lambda: RULE_NAMES))
    found: dict[str, Any] = json.loads((folder / "out" / "a.report.json").read_bytes())
    return found


def summary(folder: Path, files: dict[str, list[dict[str, Any]]], rules: str = "") -> dict[str, Any]:
    """The merged report of files, each processed by a call of its own, merged in any order."""
    order = random.Random(len(files)).sample(sorted(files), len(files))
    for at, name in enumerate(order):
        path = folder / f"in-{at}" / name
        path.parent.mkdir()
        path.write_text(json.dumps({"transactions": files[name]}))
        process([path], folder / "parts" / str(at), parse_settings(rules, lambda: RULE_NAMES))
    merge(folder / "parts", folder / "summary.json")
    found: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    return found


def test_none_that_counts_is_said_first_with_the_line_that_counts_them(tmp_path: Path) -> None:
    records = sales({"status": "paid"}, {"status": "COMPLETED"}, {"status": "paid"}, {"status": 'with "quotes"'})
    found = report(tmp_path, records)
    line = '[money] statuses = ["paid", "COMPLETED", "with \\"quotes\\""]'
    assert found["warnings"][0] == (
        "none of the 4 valid transactions counts: "
        'their status is "paid" (2), "COMPLETED" (1), "with \\"quotes\\"" (1), '
        f'not "completed"; the rules file can count them: {line}'
    )
    assert found["analytics"]["summary"]["total_revenue"] == 0
    again = report(tmp_path, records, line.replace("] ", "]\n"))
    assert again["warnings"] == []
    assert again["analytics"]["summary"]["total_revenue"] == 4 * 38
    assert again["rules"]["money"]["statuses"] == ["paid", "COMPLETED", 'with "quotes"']


def test_spellings_of_a_status_that_counts_are_said_with_their_money(tmp_path: Path) -> None:
    records = sales({}, {"status": "Completed "}, {"status": "pending"}, {"status": "COMPLETED", "total": 38.5})
    assert report(tmp_path, records)["warnings"] == [
        '2 valid transactions, worth 76.50, do not count, for their status is "COMPLETED" (1), "Completed " (1); '
        'the rules file can count them: [money] statuses = ["completed", "COMPLETED", "Completed "]'
    ]


def test_an_empty_status_is_missing(tmp_path: Path) -> None:
    records = sales({"status": ""}, {"payment_method": ""}, {"timestamp": ""}, {"transaction_id": ""})
    records += sales({"customer": {"customer_id": "", "email": ""}}, {"currency": ""})
    assert report(tmp_path, records)["validation"]["error_counts"] == {"required": 5}


def money_in(value: Any, money: bool = False) -> list[Any]:
    """Every figure of money in a report, by its name."""
    if isinstance(value, dict):
        return [
            found
            for key, item in value.items()
            if key not in ("revenue_by_currency", "rules", "error_counts")
            for found in money_in(item, money or key in MONEY_NAMES or key in MONEY_TABLES)
        ]
    if isinstance(value, list):
        return [found for item in value for found in money_in(item)]
    return [value] if money else []


def test_several_currencies_are_never_added_up(tmp_path: Path) -> None:
    records = sales(
        {"currency": "USD"}, {"currency": "JPY", "total": 6000, "subtotal": 0}, {}, {"total": -1, "currency": "USD"}
    )
    found = report(tmp_path, records)
    figures = money_in(found)
    assert len(figures) > 50
    assert set(figures) == {None}
    assert found["analytics"]["revenue_by_currency"] == {"JPY": 6000.0, "USD": 38.0, "Unknown": 38.0}
    assert found["analytics"]["summary"]["completed_transactions"] == 3
    assert found["anomalies"]["counts"]["high_value"] == 1
    assert found["warnings"] == [
        'the valid transactions are of several currencies, "JPY" (1), "USD" (1), Unknown (1), so no money is added up; '
        'the rules file can choose one: [money] currency = "JPY"'
    ]
    chosen = report(tmp_path, records, '[money]\ncurrency = "USD"')
    assert chosen["warnings"] == []
    assert chosen["validation"]["error_counts"] == {"currency": 1, "total": 1}
    assert chosen["analytics"]["revenue_by_currency"] == {"USD": 76.0}
    assert chosen["analytics"]["summary"]["total_revenue"] == 76
    off = report(tmp_path, records, '[money]\ncurrency = "USD"\n[rules]\noff = ["currency"]')
    assert set(money_in(off["analytics"])) == {None}


def test_what_names_no_currency_is_of_the_one_that_is_there(tmp_path: Path) -> None:
    found = summary(tmp_path, {"a.json": sales({"currency": "EUR"}), "b.json": sales({"total": 39.0})})
    assert found["analytics"]["revenue_by_currency"] == {"EUR": 77.0}
    single = json.loads(next(tmp_path.rglob("b.report.json")).read_bytes())
    assert single["analytics"]["revenue_by_currency"] == {"Unknown": 39.0}


def test_limits_of_one_currency(tmp_path: Path) -> None:
    rules = "[limits]\nmax_total = 30\n[limits.JPY]\nmax_total = 9000\n[limits.USD]\nmax_quantity = 1"
    records = sales({}, {"currency": "JPY"}, {"currency": "USD"}, {"currency": "JPY", "total": 9001})
    found = report(tmp_path, records, rules)
    assert [error["errors"] for error in found["validation"]["errors"]] == [
        ["total: 38 > max_total 30"], ["line_items.quantity: 2 > max_quantity 1", "total: 38 > max_total 30"],
        ["total: 9001 > max_total 9000"],
    ]  # fmt: skip
    assert found["rules"]["limits"]["JPY"] == {"max_unit_price": 10000, "max_quantity": 100, "max_total": 9000}
    merged = tmp_path / "summary.json"
    merge(tmp_path / "out", merged)
    assert json.loads(merged.read_bytes())["rules"] == found["rules"]


def test_refunds_are_in_no_figure_but_their_own(tmp_path: Path) -> None:
    back = {"total": -38.0, "subtotal": -30.0, "tax": -3.0, "line_items": [LINE | {"quantity": -2, "subtotal": -30.0}]}
    records = sales({}, {}, back, back | {"status": "pending"}, {"total": -100001})
    assert report(tmp_path, records)["validation"]["valid_transactions"] == 2
    found = report(tmp_path, records, "[money]\nrefunds = true")
    assert found["validation"]["error_counts"] == {"total": 1}
    assert found["analytics"]["refunds"] == {"transactions": 2, "amount": 76.0, "rate": 1.0}
    assert found["analytics"]["summary"]["total_transactions"] == found["validation"]["valid_transactions"] == 4
    plain = report(tmp_path, records[:2])
    for name, figure in plain["analytics"].items():
        if name not in ("summary", "refunds"):
            assert found["analytics"][name] == figure
    assert found["analytics"]["summary"] == plain["analytics"]["summary"] | {"total_transactions": 4}
    assert plain["analytics"]["refunds"] == {"transactions": 0, "amount": 0.0, "rate": 0.0}


def test_a_total_of_nothing_is_valid_when_the_rules_say_so(tmp_path: Path) -> None:
    assert report(tmp_path, sales({"total": 0}))["validation"]["error_counts"] == {"total": 1}
    found = report(tmp_path, sales({"total": 0}, {}), "[money]\nzero = true")
    assert found["analytics"]["summary"]["completed_transactions"] == 2
    assert found["analytics"]["summary"]["average_order_value"] == 19


def test_waived_fields_need_not_be_there(tmp_path: Path) -> None:
    bare = {key: value for key, value in SALE.items() if key not in ("customer", "payment_method", "line_items")}
    rules = '[required]\nwaive = ["customer", "payment_method", "line_items"]'
    found = report(tmp_path, [bare, {**bare, "transaction_id": "u", "line_items": []}, SALE], rules)
    assert found["validation"]["valid_transactions"] == 3
    assert found["analytics"]["summary"]["total_revenue"] == 3 * 38
    assert found["analytics"]["top_customers"] == [{"customer_id": "c", "total_revenue": 38.0, "order_count": 1}]
    assert found["analytics"]["payment_methods"] == {"card": 1}


def test_the_same_file_under_two_names_is_said_once(tmp_path: Path) -> None:
    same, other = sales({}, {"total": 40}), sales({}, {"total": 41})
    files = {"a.json": same, "b.json": other, "c.json": same, "d.json": [], "e.json": []}
    assert summary(tmp_path, files)["warnings"] == ['an input is a copy, and counts twice: "c.json" is "a.json" again']


def test_a_copy_is_known_however_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = sales(*({"total": 40 + at} for at in range(400)))
    data = json.dumps({"transactions": records}, indent=2)
    for name in ("in/a.json", "more/a.json", "more/b.json", "more/c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(data)
    (tmp_path / "more" / "c.json").write_text(data.replace('"total": 40,', '"total": 41,'))
    process([tmp_path / "more"], tmp_path / "out" / "together", parse_settings("", lambda: RULE_NAMES))
    monkeypatch.setattr("node.reading.shards.MIN_SHARD_BYTES", 10_000)
    (tmp_path / "in" / "a.json").rename(tmp_path / "in" / "halves.json")
    process([tmp_path / "in"], tmp_path / "out" / "halves", parse_settings("", lambda: RULE_NAMES))
    merge(tmp_path / "out", tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_bytes())["warnings"] == [
        '2 inputs are copies, and count twice: "b.json" is "a.json" again, "halves.json" is "a.json" again'
    ]


def times(*texts: str) -> list[dict[str, Any]]:
    return sales(*({"timestamp": text} for text in texts))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("2025-01-17T14:00:00Z", "2025-01-17T14:00:00+00:00", "2025-01-17T14:00:00.5-00:00"), None),
        (("2025-01-17T14:00:00Z", "2025-01-17 14:00:00"), '"+00:00" (1), "none" (1)'),
        (("2025-01-18T00:30:00+05:30", "2025-01-17T19:00:00Z", "2025-01-17T14:00:00-05:00"),
         '"+00:00" (1), "+05:30" (1), "-05:00" (1)'),
        (("2025-01-17T14:00:00-05:00", "2025-07-17T14:00:00-04:00"), None),
        (("2025-03-01T14:00:00-05:00", "2025-03-27T14:00:00-04:00"), None),
        (("2025-01-17T14:00:00-05:00", "2025-01-17T14:00:00-04:00"), '"-04:00" (1), "-05:00" (1)'),
        (("2025-01-17T14:00:00+00:30", "2025-07-17T14:00:00-00:30"), None),
        (("2025-01-17T14:00:00-05:00", "2025-07-17T14:00:00-03:00"), '"-03:00" (1), "-05:00" (1)'),
    ],
)  # fmt: skip
def test_mixed_offsets_are_said_but_not_summer_time(texts: tuple[str, ...], said: str | None, tmp_path: Path) -> None:
    one = report(tmp_path, times(*texts))["warnings"]
    files = {f"{at}.json": [record] for at, record in enumerate(times(*texts))}
    assert one == summary(tmp_path, files)["warnings"]
    expected = f"the times are written with several UTC offsets, {said}; days and hours are as written"
    assert one == ([expected] if said else [])


def test_categories_that_look_alike_are_said_with_their_lines(tmp_path: Path) -> None:
    names = ["Café", "Cafe\u0301", "café ", "ice cream", "IceCream", "Tea", None]
    changes = [{"line_items": [LINE | {"category": name}] * (1 + at % 2)} for at, name in enumerate(names)]
    assert report(tmp_path, sales(*changes))["warnings"] == [
        "5 categories differ only in case, blanks or Unicode form, and count apart: "
        '"Cafe\u0301" (2) and "Café" (1) and "café " (1), "IceCream" (1) and "ice cream" (2)'
    ]


def test_long_lists_and_long_names_stay_short(tmp_path: Path) -> None:
    records = sales(*({"status": f"s{at}" * 100, "customer": {"customer_id": "x" * 9000 + str(at), "email": "e"}}
                      for at in range(200)))  # fmt: skip
    found = report(tmp_path, records)
    assert len(found["warnings"][0]) < 2500
    assert "and 190 more" in found["warnings"][0]
    broken = sales(*({"status": "", "timestamp": "x"} for _ in range(200)))
    assert len(report(tmp_path, broken)["validation"]["errors"]) == 50
    twice = [record | {"total": 6000 + at} for at, record in enumerate(sales(*({} for _ in range(40))) * 12)]
    found = report(tmp_path, twice)
    assert len(found["anomalies"]["high_value_transactions"]) == 20
    assert len(found["anomalies"]["suspicious_patterns"]) == 20 + 1 + 20
    assert len(found["analytics"]["customer_pareto"]) == 10


def test_different_rules_are_one_warning_in_any_order(tmp_path: Path) -> None:
    for at, limit in enumerate((1, 2, 1, 2)):
        (tmp_path / f"{at}.json").write_text(json.dumps({"transactions": sales({})}))
        settings = parse_settings(f"[anomalies]\nhigh_value = {limit}", lambda: RULE_NAMES)
        process([tmp_path / f"{at}.json"], tmp_path / "out" / str(at), settings)
    merge(tmp_path / "out", tmp_path / "summary.json")
    found = json.loads((tmp_path / "summary.json").read_bytes())
    assert found["warnings"][-1] == "the inputs were processed with different rules"
    assert len(found["warnings"]) == 2


def test_an_older_partial_is_refused_in_one_line(tmp_path: Path) -> None:
    report(tmp_path, sales({}))
    partial = tmp_path / "out" / "task.partial"
    partial.write_bytes(partial.read_bytes().replace(b'"schema_version":4', b'"schema_version":1'))
    command = [sys.executable, "-m", "node", "merge", str(tmp_path / "out"), "--output", str(tmp_path / "summary.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"node: {partial} is no partial of this worker: its schema version is 1, this worker's is 4. "
        "Process its inputs again.\n"
    )
