"""The tables of `merge --tables`: nothing in the data becomes a formula, and every text can be had back."""

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.report.export import as_csv, harmless
from node.settings import Settings
from node.work.merge import merge
from node.work.process import process

NAMES = ['=HYPERLINK("http://x","y")', "@SUM(1+1)*cmd|' /C calc'!A0", "+1-1", "-2+3", "\t=1", "\r=1", "'=1", "''@x"]
PLAIN = ["-5", "+1.5e3", "-.5", "5-", "a=1", "'quoted'", " =1", "", "é"]


def original(cell: str) -> str:
    """What the README says of taking the quote away again."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_becomes_a_text(name: str) -> None:
    assert harmless(name) == f"'{name}"
    assert original(f"'{name}") == name


@pytest.mark.parametrize("name", PLAIN)
def test_everything_else_stays_as_it_is(name: str) -> None:
    assert harmless(name) == name


@given(st.lists(st.text(st.sampled_from("'=+-@\t\r\n\",5ea "), min_size=1, max_size=6), min_size=1))
def test_every_text_comes_back_from_the_file(texts: list[str]) -> None:
    table = pd.DataFrame({"name": texts, "revenue": [None, *[1.5] * (len(texts) - 1)]})
    cells = [row[0] for row in csv.reader(io.StringIO(as_csv(table), newline=""))][1:]
    assert [original(cell) for cell in cells] == texts
    number = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r" and not number.fullmatch(cell)]


def test_the_files_of_a_merge(tmp_path: Path) -> None:
    line = {"product_name": NAMES[1], "category": NAMES[2], "quantity": 1, "unit_price": 6000, "subtotal": 6000}
    record = {
        "transaction_id": "=1+1", "timestamp": "2025-01-17T14:30:22Z", "line_items": [line], "subtotal": 6000, "tax": 0,
        "customer": {"customer_id": NAMES[0], "email": "e"}, "total": 6000, "payment_method": "card",
        "status": "completed",
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"transactions": [record, record | {"total": -1}]}))
    process([tmp_path / "a.json"], tmp_path / "out", Settings())
    merge(tmp_path / "out", tmp_path / "summary.json", tables=tmp_path / "tables")
    cells = {
        path.stem: list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
        for path in (tmp_path / "tables").iterdir()
    }
    assert cells["customers"][0] == {
        "customer_id": f"'{NAMES[0]}", "total_revenue": "6000.0", "order_count": "1", "transactions": "1",
    }  # fmt: skip
    assert cells["products"][0]["product"] == f"'{NAMES[1]}"
    assert cells["categories"][0]["category"] == f"'{NAMES[2]}"
    assert cells["anomalies"][0]["transaction_id"] == "'=1+1"
    assert cells["anomalies"][0]["customer_id"] == f"'{NAMES[0]}"
    assert cells["errors"][0]["amount"] == "-1.0"
