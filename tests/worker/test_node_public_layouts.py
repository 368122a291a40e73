"""Layouts of real systems, with values of our own: a short mapping, a shipped one and a draft give the right revenue.

Each expected revenue is worked out here from the file itself, with Python's json and decimals.
"""

import gzip
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node.drafting.draft import draft
from node.mapping.file import load_mapping, read_mapping, shipped_names
from node.settings import Settings
from node.work.process import process

LAYOUTS = Path(__file__).parent / "layouts"
Orders = Callable[[Any], list[tuple[Any, bool]]]


def cents(*values: Any) -> Decimal:
    return sum((Decimal(str(value)) for value in values), Decimal(0))


def german(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


# What a record brings in, and whether it counts.
REVENUE: dict[str, Orders] = {
    "shopify": lambda top: [(cents(o["total_price"]), o["financial_status"] == "paid") for o in top["orders"]],
    "woocommerce": lambda top: [(cents(o["total"]), o["status"] == "completed") for o in top],
    "square": lambda top: [(cents(o["total_money"]["amount"]), o["state"] == "COMPLETED") for o in top["orders"]],
    "stripe": lambda top: [(cents(o["amount"]) / 100, o["status"] == "succeeded") for o in top["data"]],
    "bigcommerce": lambda top: [(cents(o["total_inc_tax"]), o["status"] == "Completed") for o in top],
    "magento": lambda top: [(cents(o["grand_total"]), o["status"] == "complete") for o in top["items"]],
    "shopify_graphql": lambda top: [
        (cents(e["node"]["totalPriceSet"]["shopMoney"]["amount"]), e["node"]["displayFinancialStatus"] == "PAID")
        for e in top["data"]["orders"]["edges"]
    ],
    "paypal": lambda top: [
        (
            cents(o["transaction_info"]["transaction_amount"]["value"]),
            o["transaction_info"]["transaction_status"] == "S",
        )
        for o in top["transaction_details"]
    ],
    "amazon": lambda top: [
        (cents(o.get("OrderTotal", {"Amount": 0})["Amount"]), o["OrderStatus"] == "Shipped")
        for o in top["payload"]["Orders"]
    ],
    "mercadolibre": lambda top: [(cents(o["total_amount"]), o["status"] == "paid") for o in top["results"]],
    "odoo": lambda top: [(cents(o["amount_total"]), o["state"] == "sale") for o in top["result"]],
    "mongodb": lambda top: [(cents(o["total"]["$numberDecimal"]), o["status"] == "paid") for o in top],
    "openbanking": lambda top: [
        (cents(o["Amount"]["Amount"]), o["Status"] == "Booked") for o in top["Data"]["Transaction"]
    ],
    "uci_retail": lambda top: [(cents(o["Quantity"]) * cents(o["Price"]), o["Quantity"] > 0) for o in top],
    "erpnext": lambda top: [(cents(o["grand_total"]), o["status"] == "Paid") for o in top["data"]],
    "receipts": lambda top: [(german(o["total"]), True) for o in top["receipts"]],
}


def expected(name: str) -> float:
    text = (LAYOUTS / f"{name}.json").read_text()
    values = [json.loads(line, parse_float=Decimal) for line in (text.splitlines() if name == "mongodb" else [text])]
    top = values if name == "mongodb" else values[0]
    amounts = [amount.quantize(Decimal("0.01")) for amount, counts in REVENUE[name](top) if counts]
    return float(sum(amounts, Decimal(0)))


def mapping_of(name: str) -> str:
    return name if name in shipped_names() else str(LAYOUTS / f"{name}.toml")


def report(folder: Path, source: Path, mapping: Any) -> Any:
    process([source], folder / "out", Settings(), mapping)
    stem = source.name.removesuffix(".json")
    return json.loads((folder / "out" / f"{stem}.report.json").read_bytes())


def test_every_layout_has_its_revenue() -> None:
    assert {path.stem for path in LAYOUTS.glob("*.json")} == set(REVENUE)


@pytest.mark.parametrize("name", REVENUE)
def test_a_short_mapping_gives_the_revenue_to_the_cent(name: str, tmp_path: Path) -> None:
    mapping = load_mapping(mapping_of(name))
    if name not in shipped_names():
        lines = [line for line in (LAYOUTS / f"{name}.toml").read_text().splitlines() if line.strip()]
        assert len(lines) <= 25, lines
    found = report(tmp_path, LAYOUTS / f"{name}.json", mapping)
    assert found["analytics"]["summary"]["total_revenue"] == expected(name), found["validation"]["errors"]
    assert found["source"]["mapping"] == mapping.document
    assert found["anomalies"]["counts"]["total_mismatch"] == 0


@pytest.mark.parametrize("name", REVENUE)
def test_a_draft_gives_the_revenue_to_the_cent(name: str, tmp_path: Path) -> None:
    mapping = read_mapping(tomllib.loads(draft(LAYOUTS / f"{name}.json")))
    found = report(tmp_path, LAYOUTS / f"{name}.json", mapping)
    assert found["analytics"]["summary"]["total_revenue"] == expected(name), found["validation"]["errors"]


@pytest.mark.parametrize("name", REVENUE)
def test_the_same_compressed_split_and_merged(name: str, tmp_path: Path) -> None:
    """The records one after the other, gzipped, give what the file gives: whatever stands around them."""
    mapping = load_mapping(mapping_of(name))
    whole = report(tmp_path, LAYOUTS / f"{name}.json", mapping)
    packed = tmp_path / f"{name}.json.gz"
    packed.write_bytes(gzip.compress((LAYOUTS / f"{name}.json").read_bytes()))
    process([packed], tmp_path / "out", Settings(), mapping)
    again = json.loads((tmp_path / "out" / f"{name}.json.gz.report.json").read_bytes())
    for part in ("validation", "analytics", "anomalies", "warnings"):
        assert again[part] == whole[part]
    assert again["source"]["bytes"] == packed.stat().st_size


def test_a_mapped_call_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jsonl", "b.ndjson", "c.json", "d.jsonl.gz", "e.csv"):
        data = (LAYOUTS / "mongodb.json").read_bytes()
        (tmp_path / "in" / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    mapping = str(LAYOUTS / "mongodb.toml")
    command = [sys.executable, "-m", "node", "process", "in", "--output", "out", "--mapping", mapping]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.splitlines() == [
        "left out: 1 other suffix (.csv)", *(f"{name} processed 3 of 3" for name in ("a.jsonl", "b.ndjson", "c.json")),
        "d.jsonl.gz processed 3 of 3",
    ]  # fmt: skip
    reports = sorted(path.name for path in (tmp_path / "out").glob("*.json"))
    assert reports == ["a.jsonl.report.json", "b.ndjson.report.json", "c.report.json", "d.jsonl.gz.report.json"]
    merge = [sys.executable, "-m", "node", "merge", "out", "--output", "summary.json"]
    subprocess.run(merge, cwd=tmp_path, check=True)
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert summary["analytics"]["summary"]["total_revenue"] == 4 * expected("mongodb")
    assert summary["source"]["mapping"]["format"] == "lines"
