"""A mapping's keys and what they mean; what is wrong with one is said by name; any bytes are an answer under it too."""

import gzip
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_node_ingest import COSTS_ONE, HEAD, ONE, REJECTED

from node.contract import UsageError
from node.mapping.file import load_mapping, read_mapping
from node.reading import shards
from node.reading.batches import read_tasks
from node.reading.inputs import find_inputs
from node.reading.plan import Plan
from node.samples import Shop
from node.settings import Settings, parse_settings
from node.sums.rules import RULE_NAMES
from node.work.process import process
from node.work.shares import put_together
from node.work.worker import Worker

FIELDS = {
    "transaction_id": "transaction_id", "timestamp": "timestamp", "customer.customer_id": "customer.customer_id",
    "customer.email": "customer.email", "subtotal": "subtotal", "tax": "tax", "shipping_cost": "shipping_cost",
    "total": "total", "payment_method": "payment_method", "shipping_method": "shipping_method", "status": "status",
}  # fmt: skip
LINES = {name: name for name in ("product_name", "category", "quantity", "unit_price", "discount", "subtotal")}
OURS = {"records": "transactions", "fields": FIELDS, "lines": {"from": "line_items", **LINES}}
FLAT = {"transaction_id": "id", "timestamp": "at", "total": "sum", "currency": "cur", "status": "state"}
BASE: dict[str, Any] = {
    "fields": FLAT, "guests": {"values": [""]},
    "constants": {"tax": 0, "customer.email": "none", "payment_method": "none", "status": "completed"},
}  # fmt: skip
RECORD: dict[str, Any] = {"id": "a", "at": "2024-05-06T07:08:09Z", "sum": 12.5}


def run(folder: Path, data: bytes, document: Any, rules: str = "", name: str = "x.json") -> Any:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(data)
    mapping = read_mapping(document) if document else None
    process([folder / "in" / name], folder / "out", parse_settings(rules, lambda: RULE_NAMES), mapping)
    return json.loads((folder / "out" / f"{name.removesuffix('.json')}.report.json").read_bytes())


def one(folder: Path, record: Any, document: Any = None, **changes: Any) -> Any:
    """The report of one record by a flat mapping with some sections changed."""
    found: dict[str, Any] = (
        BASE | (document or {}) | {name: BASE.get(name, {}) | more for name, more in changes.items()}
    )
    return run(folder, json.dumps([RECORD | record]).encode(), found)


def revenue(report: Any) -> Any:
    assert report["validation"]["errors"] == []
    return report["analytics"]["summary"]["total_revenue"]


def test_our_own_layout_by_a_mapping_is_our_own_report(tmp_path: Path) -> None:
    shop = Shop(60, 5)
    data = json.dumps({"transactions": [shop.transaction() for _ in range(900)]}, indent=1).encode()
    ours, mapped = (run(tmp_path, data, document) for document in (None, OURS))
    for name in ("analytics", "anomalies"):
        assert mapped[name] == ours[name]
    for name in ("error_counts", "error_amounts", "errors", "total_line_items", "valid_transactions"):
        assert mapped["validation"][name] == ours["validation"][name]


@pytest.mark.parametrize("name", [name for name in REJECTED if "transactions" not in name and name != "gzip"])
def test_broken_files_are_rejected_at_the_same_place(name: str, tmp_path: Path) -> None:
    data, reason, offset = REJECTED[name]
    report = run(tmp_path, data, OURS)
    if name == "an empty object":
        reason = "there is no 'transactions'"
    assert report["status"] == "rejected", name
    assert (reason in report["rejection"]["reason"], report["rejection"]["byte_offset"]) == (True, offset)


@pytest.mark.parametrize("name", [name for name in COSTS_ONE if "surrogate" not in name and "deep" not in name])
def test_a_bad_record_costs_itself_alone(name: str, tmp_path: Path) -> None:
    counts = run(tmp_path, COSTS_ONE[name], OURS)["validation"]
    assert (counts["total_transactions"], counts["valid_transactions"]) == (3, 2)
    assert counts["errors"][0]["index"] == 1


LAYOUTS: dict[str, tuple[Any, dict[str, str]]] = {
    "object": (lambda rows: json.dumps({"a": {"b c": rows}}), {"records": 'a."b c"'}),
    "list": (json.dumps, {"records": ""}),
    "lines": (lambda rows: "\n".join(map(json.dumps, rows)), {"format": "lines"}),
    "blank lines": (lambda rows: "\r\n\r\n".join(map(json.dumps, rows)) + "\n\n", {"format": "lines"}),
    "concatenated": (lambda rows: "".join(map(json.dumps, rows)), {"format": "lines"}),
    "indented": (lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows), {"format": "lines"}),
    "edges": (
        lambda rows: json.dumps({"d": {"edges": [{"cursor": 1, "node": row} for row in rows]}}),
        {"records": "d.edges[].node"},
    ),
    "pages": (
        lambda rows: json.dumps([{"rows": rows[at : at + 7]} for at in range(0, len(rows), 7)]),
        {"records": "[].rows[]"},
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_wherever_the_records_lie_the_report_is_the_same(name: str, packed: bool, tmp_path: Path) -> None:
    """With invalid ones among them, and more than fit into one piece."""
    chance = random.Random(2)
    rows = [RECORD | {"id": f"r{at}", "sum": chance.choice([1.25, "7.05", -3, None, [], "x"])} for at in range(3000)]
    plain = run(tmp_path, json.dumps(rows).encode(), BASE)
    assert plain["validation"]["error_counts"].keys() == {"required", "type", "total", "subtotal"}
    write, keys = LAYOUTS[name]
    data = write(rows).encode()
    found = run(tmp_path, gzip.compress(data) if packed else data, BASE | keys, name=f"{name}.json")
    for part in ("validation", "analytics", "anomalies"):
        assert found[part] == plain[part]


@pytest.mark.parametrize("name", ["object", "list", "lines", "edges"])
def test_two_processes_and_one_write_the_same(name: str, tmp_path: Path) -> None:
    write, keys = LAYOUTS[name]
    rows = [RECORD | {"id": f"r{at}", "x": [{"id": 5}, {"id": 6}], "sum": at % 7 or "?"} for at in range(2000)]
    data = write(rows).encode()
    whole = run(tmp_path, data, BASE | keys)
    plan = Plan((), read_mapping(BASE | keys))
    source = find_inputs([tmp_path / "in"]).inputs[0]
    pair = shards.halves(source, len(data) // 2, plan)
    assert pair is not None
    workers = [Worker(tmp_path / "out", Settings(), plan) for _ in pair]
    for worker, task in zip(workers, pair, strict=True):
        worker.run(read_tasks([task], plan))
    assert workers[0].halves[0].outcome.proven
    put_together(workers[0], workers[0].halves[0], workers[1].halves[0])
    again = json.loads((tmp_path / "out" / "x.report.json").read_bytes())
    assert {key: again[key] for key in whole if not key.startswith("process")} == {
        key: whole[key] for key in whole if not key.startswith("process")
    }


TIMES: list[tuple[Any, dict[str, str], str | None]] = [
    ("2024-05-06T07:08:09Z", {}, "2024-05-06"),
    ("2024-05-06 07:08:09", {}, "2024-05-06"),
    ("2024-05-06 07:08:09 UTC", {}, "2024-05-06"),
    ("2024-05-06T07:08:09.123+0000", {}, "2024-05-06"),
    ("2024-05-06T07:08", {}, "2024-05-06"),
    ("2024-05-06", {}, "2024-05-06"),
    ("2024-05-06", {"zone": "America/New_York"}, "2024-05-06"),
    ("2024-02-30", {}, None),
    (1714979289, {"time": "epoch_s"}, "2024-05-06"),
    ("1714979289", {"time": "epoch_s"}, "2024-05-06"),
    (1714979289123, {"time": "epoch_ms"}, "2024-05-06"),
    (1714960800, {"time": "epoch_s", "zone": "-05:00"}, "2024-05-05"),
    (1714979289123, {"time": "epoch_s"}, None),
    (True, {"time": "epoch_s"}, None),
    ("06/05/2024", {"time": "%d/%m/%Y"}, "2024-05-06"),
    ("Mon, 06 May 2024 23:30:00 -0700", {"time": "%a, %d %b %Y %H:%M:%S %z"}, "2024-05-06"),
    ("tomorrow", {}, None),
]


@pytest.mark.parametrize(("value", "units", "day"), TIMES)
def test_times(value: Any, units: dict[str, str], day: str | None, tmp_path: Path) -> None:
    report = one(tmp_path, {"at": value}, units=units)
    if day is None:
        [error] = report["validation"]["errors"]
        assert "timestamp" in error["errors"][0]
    else:
        assert list(report["analytics"]["revenue_by_day"]) == [day]


NUMBERS: list[tuple[Any, dict[str, str], float | None]] = [
    ("12.30", {}, 12.3),
    (" 7 ", {}, 7),
    ("1e2", {}, 100),
    ("1,234.56", {}, None),
    ("1,234.56", {"thousands": ","}, 1234.56),
    ("12,50", {"thousands": ","}, None),
    ("12,34,567.5", {"thousands": ","}, None),  # valid, but beyond the limit
    ("1.234,56", {"thousands": ".", "decimal": ","}, 1234.56),
    ("12,5", {"decimal": ","}, 12.5),
    ("12.5", {"thousands": ".", "decimal": ","}, None),
    ("1 234", {"thousands": " "}, 1234),
    ("1\u202f234,5", {"thousands": " ", "decimal": ","}, 1234.5),
    ("1_000", {}, None),
    ("nan", {}, None),
    ("Infinity", {}, None),
    ("٣", {}, None),
    ("$5", {}, None),
    (True, {}, None),
    ([], {}, None),
    (1230, {"money": "minor"}, 12.3),
    ("1230", {"money": "minor"}, 12.3),
]


@pytest.mark.parametrize(("value", "units", "total"), NUMBERS)
def test_numbers(value: Any, units: dict[str, str], total: float | None, tmp_path: Path) -> None:
    report = one(tmp_path, {"sum": value}, units=units)
    if total is None:
        assert report["validation"]["valid_transactions"] == 0
    else:
        assert revenue(report) == total


@pytest.mark.parametrize(("code", "total"), [("jpy", 1230), ("USD", 12.3), ("KWD", 1.23), ("XXX", 12.3), (None, 12.3)])
def test_minor_units_have_the_digits_of_their_currency(code: str | None, total: float, tmp_path: Path) -> None:
    report = one(tmp_path, {"sum": 1230, "cur": code}, units={"money": "minor"})
    assert report["analytics"]["revenue_by_currency"] == {code.upper() if code else "Unknown": total}


def test_a_path_that_never_leads_to_money_is_a_warning(tmp_path: Path) -> None:
    fields = FLAT | {"shipping_cost": ["post", "postage"], "tax": "vatt"}
    rows = [RECORD | {"id": str(at), "vat": 1} for at in range(5)]
    said = (
        "the mapping's paths lead to nothing in any of the 5 transactions: "
        'currency ("cur"), shipping_cost ("post" and "postage"), tax ("vatt")'
    )
    assert run(tmp_path, json.dumps(rows).encode(), BASE | {"fields": fields})["warnings"] == [said]
    rows[3] |= {"cur": "EUR", "postage": 0, "vatt": 0}
    assert run(tmp_path, json.dumps(rows).encode(), BASE | {"fields": fields})["warnings"] == []


def test_any_key_can_be_on_a_path(tmp_path: Path) -> None:
    keys = ["a b", "a.b", 'say "x"', "back\\slash", "tab\t", "[0]", "é", "$oid", "", "f0", "self", "class"]
    for key in keys:
        path = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
        assert revenue(one(tmp_path, {"in": {key: 3}}, {"fields": FLAT | {"total": f"in.{path}"}})) == 3, key


def test_unknown_keys_of_any_name_are_counted(tmp_path: Path) -> None:
    rows = [json.loads(ONE) | dict.fromkeys(("x", "a.b", 'q"', "b\\", "n\n"), at) for at in range(50)]
    found = run(tmp_path, json.dumps({"transactions": rows}).encode(), None)["validation"]
    assert found["valid_transactions"] == 50
    assert found["unknown_fields"] == {"a.b": 50, "b\\": 50, "n\n": 50, 'q"': 50, "x": 50}


def test_alternatives_constants_and_status(tmp_path: Path) -> None:
    fields = FLAT | {"total": ["gone", "empty", "sum"], "payment_method": ["pay[0].kind", "pay[1].kind"]}
    document = {"fields": fields, "status": {"OK": "completed", "true": "completed"}}
    record = {"empty": "", "pay": [{"kind": None}, {"kind": "cash"}], "state": "OK"}
    report = one(tmp_path, record, document)
    assert revenue(report) == 12.5
    assert report["analytics"]["payment_methods"] == {"cash": 1}
    assert revenue(one(tmp_path, {"state": True}, document)) == 12.5
    assert one(tmp_path, {"state": "open"}, document)["analytics"]["status_breakdown"] == {"open": 1}


def test_nobody_is_no_customer(tmp_path: Path) -> None:
    rows = [RECORD | {"id": str(at), "who": who} for at, who in enumerate([0, "0", "", None, "c", 7.0, False])]
    document = BASE | {"fields": FLAT | {"customer.customer_id": "who"}, "guests": {"values": [0, ""]}}
    report = run(tmp_path, json.dumps(rows).encode(), document)
    assert report["validation"]["valid_transactions"] == 7
    assert {row["customer_id"] for row in report["analytics"]["top_customers"]} == {"c", "7"}
    report = run(tmp_path, json.dumps(rows).encode(), document | {"guests": {"values": [0]}})
    assert report["validation"]["error_counts"] == {"required": 3}


def test_a_status_turns_the_amounts_of_refunds(tmp_path: Path) -> None:
    rows = [RECORD | {"id": str(at), "state": state} for at, state in enumerate(["ok", "ok", "back"])]
    document = BASE | {"status": {"ok": "completed", "back": "refunded"}, "signs": {"refunds": "refunded"}}
    report = run(tmp_path, json.dumps(rows).encode(), document, "[money]\nrefunds = true")
    assert revenue(report) == 25
    assert (report["analytics"]["refunds"]["transactions"], report["analytics"]["refunds"]["amount"]) == (1, 12.5)


def test_rows_are_grouped_wherever_they_are_in_the_file(tmp_path: Path) -> None:
    chance = random.Random(4)
    rows: list[dict[str, Any]] = [
        {"id": f"g{at % 700}", "at": RECORD["at"], "n": chance.randint(1, 9), "price": chance.randint(1, 999) / 100}
        for at in range(3000)
    ]
    expected: dict[str, Decimal] = {}
    for row in rows:
        expected[row["id"]] = expected.get(row["id"], Decimal(0)) + row["n"] * Decimal(str(row["price"]))
    document = BASE | {
        "group_by": "id", "fields": {"transaction_id": "id", "timestamp": "at"},
        "lines": {"quantity": "n", "unit_price": "price"},
    }  # fmt: skip
    report = run(tmp_path, json.dumps(rows).encode(), document)
    assert report["analytics"]["summary"]["total_transactions"] == 700
    assert revenue(report) == float(sum(expected.values()))
    rows[5]["n"] = -1
    report = run(tmp_path, json.dumps(rows).encode(), document)
    [error] = report["validation"]["errors"]
    assert (error["index"], error["errors"]) == (5, ["line_items.quantity: -1 is not above 0"])


def test_sums_are_rounded_once(tmp_path: Path) -> None:
    """As decimals: 0.7 * 3.05 is 2.135, which is 2.14 to even cents, and not what floats make of it."""
    lines = [{"q": 0.7, "p": 3.05}, {"q": 1, "p": 0.001}, {"q": 1.5, "p": 0.35, "d": 0.02}]
    document = BASE | {
        "fields": {"transaction_id": "id", "timestamp": "at"},
        "lines": {"from": "l", "quantity": "q", "unit_price": "p", "discount": "d"},
    }  # fmt: skip
    for chosen in ([0], [2], [0, 1], [0, 1, 2]):
        record = RECORD | {"l": [lines[at] for at in chosen]}
        exact = sum(Decimal(str(lines[at]["q"])) * Decimal(str(lines[at]["p"])) - Decimal(str(lines[at].get("d", 0)))
                    for at in chosen)  # fmt: skip
        report = run(tmp_path, json.dumps([record]).encode(), document)
        assert revenue(report) == float(Decimal(exact).quantize(Decimal("0.01"), "ROUND_HALF_EVEN"))


def test_a_line_is_made_of_what_tax_and_shipping_leave(tmp_path: Path) -> None:
    fields = FLAT | {"tax": "vat", "shipping_cost": "post"}
    report = one(tmp_path, {"sum": 15000.1, "vat": 0.2, "post": 0.3}, {"fields": fields})
    assert revenue(report) == 15000.1
    assert report["analytics"]["revenue_by_category"] == {"Unknown": 14999.6}
    assert report["anomalies"]["counts"]["total_mismatch"] == 0


def test_a_jmespath_gives_a_field(tmp_path: Path) -> None:
    record = {"id": None, "shop": "s", "no": "9", "fees": [1.25, 2.5]}
    document = {"escape": {"transaction_id": "join('-', [shop, no])", "tax": "sum(fees)"}}
    report = one(tmp_path, record | {"sum": -1}, document)
    assert report["validation"]["errors"][0]["transaction_id"] == "s-9"
    assert one(tmp_path, record, document)["analytics"]["summary"]["total_tax"] == 3.75


def test_odd_parts_cost_no_record(tmp_path: Path) -> None:
    """Where an object should be may be anything; what a path does not find is missing."""
    document = {"fields": FLAT | {"customer.customer_id": ["who.id", "who"], "shipping_cost": "post.cost"}}
    for who, post in (({"id": 5}, {"cost": 1}), ("five", None), (5, [1]), ([5], "x"), (None, True), ("é\ud83d", {})):
        report = one(tmp_path, {"who": who, "post": post}, document)
        assert report["validation"]["total_transactions"] == 1
        assert report["validation"]["errors"] == [] or who in ([5], "é\ud83d")


WRONG: dict[str, tuple[Any, str]] = {
    "an unknown key": ({"recordz": "x"}, "Unknown key or section: 'recordz'. Did you mean 'records'?"),
    "an unknown field": ({"fields": {"totl": "x"}}, "Unknown key in [fields]: 'totl'. Did you mean 'total'?"),
    "an unknown nested field": ({"fields": {"customer": {"mail": "x"}}}, "'customer.mail'. Did you mean"),
    "an unknown line field": ({"lines": {"qty": "x"}}, "Unknown key in [lines]: 'qty'. Did you mean 'quantity'?"),
    "an unknown unit": ({"units": {"money": "cents"}}, "'cents'. Did you mean 'minor'"),
    "an unknown time": ({"units": {"time": "epoch"}}, "Did you mean 'epoch_s'?"),
    "an unknown zone": ({"units": {"zone": "Europe/Berlim"}}, "Did you mean 'Europe/Berlin'?"),
    "a format": ({"format": "csv"}, "Unknown format: 'csv'"),
    "equal marks": ({"units": {"thousands": "."}}, "both '.'"),
    "a path that is none": ({"fields": {"total": "a..b"}}, "fields.total: the path 'a..b'"),
    "an open place": ({"fields": {"total": "a[0"}}, "fields.total"),
    "many values": ({"fields": {"total": "a[].b"}}, "must lead to one value"),
    "a number": ({"fields": {"total": 5}}, "fields.total must be a text"),
    "nothing": ({"fields": {}}, "nothing is mapped"),
    "no JMESPath": ({"escape": {"total": "a["}}, "escape.total"),
    "two kinds of lines": ({"group_by": "a", "lines": {"from": "b"}}, "lines.from"),
    "a section": ({"status": "x"}, "status must be a section"),
    "a status": ({"status": {"a": 1}}, "status.a must be a text"),
    "guests": ({"guests": {"values": "0"}}, "guests.values must be a list"),
    "a place in records": ({"records": "a[0]"}, "must lead to the whole list"),
    "a constant": ({"constants": {"tax": True}}, "constants.tax"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    document, said = WRONG[name]
    with pytest.raises(UsageError) as error:
        Plan((), read_mapping(BASE | document))
    assert said in str(error.value)


def test_a_mapping_that_is_not_there_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="shipped mappings are bigcommerce, magento, shopify"):
        load_mapping("shopfy")


def test_records_that_are_not_there_name_the_nearest_list(tmp_path: Path) -> None:
    data = json.dumps({"data": {"orders": [RECORD] * 4, "x": 1}}).encode()
    for records, said in (
        ("data.order", "there is no 'order' in data; 'data.orders' is a list of 4 objects: write records"),
        ("orders", "there is no 'orders'; 'data.orders' is a list of 4 objects"),
        ("", "not an object but a list"),
        ("data.x", "'data.x' is not a list"),
    ):
        report = run(tmp_path, data, BASE | {"records": records})
        assert report["status"] == "rejected"
        if records:
            assert said in report["rejection"]["reason"]
    report = run(tmp_path, b"[%b]" % b",".join([json.dumps(RECORD).encode()] * 2), BASE | {"records": "a"})
    assert "a list of 2 objects" in report["rejection"]["reason"]


HEADS = {
    "gzip": gzip.compress(b"{}"), "zip": b"PK\x03\x04x", "zstd": b"\x28\xb5\x2f\xfdx", "bz2": b"BZh91AY",
    "UTF-16": HEAD.encode("utf-16-le"), "UTF-32": HEAD.encode("utf-32-be"), "HTML": b"\n<!DOCTYPE html><html>",
    "XML": b'<?xml version="1.0"?><a/>', "Avro": b"Obj\x01", "Parquet": b"PAR1",
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_what_is_no_json_is_named(name: str, tmp_path: Path) -> None:
    assert name in run(tmp_path, HEADS[name], None)["rejection"]["reason"]


def test_rejected_files_say_what_to_do(tmp_path: Path) -> None:
    def reason(text: str) -> str:
        return str(run(tmp_path, text.encode(), None)["rejection"]["reason"])

    assert "'orders' is a list of 3 objects: see `python -m node draft`" in reason(
        f'{{"orders": [{ONE}, {ONE}, {ONE}]}}'
    )
    assert "'data.orders' is a list of 1 objects" in reason(f'{{"data": {{"orders": [{ONE}]}}}}')
    assert "a list of 2 objects: see `python -m node draft`" in reason(f"[{ONE}, {ONE}]")
    assert "JSON Lines" in reason(f"{ONE}\n{ONE}\n")
    assert "JSON Lines" in reason(ONE + ONE)
    assert "'a', 'b'" in reason('{"a": 1, "b": 2}')


def test_errors_carry_value_and_limit_but_nothing_of_a_person(tmp_path: Path) -> None:
    secret = "grace.hopper@example.org"
    record = json.loads(ONE)
    changed: list[tuple[dict[str, Any], str]] = [
        ({"total": 120000}, "total: 120000 > max_total 100000"),
        ({"total": 0}, "total: 0 is not above 0"),
        ({"total": "12.30"}, 'type: total: text "12.30", expected a number'),
        ({"total": 10**13}, "type: total: 10000000000000, expected a number of at most 10^12"),
        ({"tax": -0.5}, "tax: -0.5 < 0"),
        ({"timestamp": "May"}, 'timestamp: text "May", expected a date and time like 2025-01-17T14:30:22Z'),
        ({"line_items": []}, "line_items: an empty list"),
        ({"line_items": [{"quantity": 1, "unit_price": 1e5}]}, "line_items.unit_price: 100000 > max_unit_price 10000"),
        ({"line_items": {}}, "type: line_items: an object, expected a list of objects"),
        ({"status": "y" * 50 + "\n"}, ""),
        ({"status": ["y"]}, "type: status: a list of 1, expected a text"),
        ({"customer": {"customer_id": "c", "email": [secret]}}, "type: customer.email: a list of 1, expected a text"),
        ({"customer": {"customer_id": {secret: 1}, "email": "e"}}, "type: customer.customer_id: an object"),
        ({"customer": secret}, "type: customer: "),
        ({"customer": {"customer_id": "c", "email": 555}}, "type: customer.email: a number, expected a text"),
    ]  # fmt: skip
    for change, said in changed:
        report = run(tmp_path, json.dumps({"transactions": [record | change]}).encode(), None)
        errors = [text for error in report["validation"]["errors"] for text in error["errors"]]
        assert any(text.startswith(said) for text in errors) if said else not errors, errors
        assert secret not in json.dumps(report)
        assert "555" not in json.dumps(errors)
