"""The rules file, the rules' table, and the README's example of a rule of one's own."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.settings import Settings, default_rules_text, parse_settings
from node.sums import rules
from node.sums.money import decimal_units, to_cents
from node.work.process import process

README = Path(__file__).parents[2] / "node" / "README.md"


def node(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def test_the_printed_rules_are_the_defaults_with_a_comment_behind_each_key() -> None:
    text = default_rules_text(rules.RULE_NAMES)
    assert parse_settings(text, lambda: rules.RULE_NAMES) == Settings()
    assert all("#" in line for line in text.splitlines() if "=" in line)


WRONG = {
    "[limit]\nmax_total = 1": "Unknown section: 'limit'. Did you mean 'limits'?",
    "[limits]\nmax_totel = 1": "Unknown key in [limits]: 'max_totel'. Did you mean 'max_total'?",
    '[rules]\noff = ["quantitys"]': "Unknown rule: 'quantitys'. Did you mean 'quantity'?",
    "[limits]\nmax_total = -1": "limits.max_total must be a number from 0 to 10^12, but is -1.",
    '[limits]\nmax_total = "1"': "limits.max_total must be a number",
    "[limits]\nmax_total = nan": "limits.max_total must be a number",
    "[limits]\nmax_total = true": "limits.max_total must be a number",
    "limits = 3": "limits must be a section",
    "[required]\nextra = [1]": "required.extra must be a list of names",
    '[required]\nwaive = ["custmer"]': "Unknown required field: 'custmer'. Did you mean 'customer'?",
    "[money]\nstatuses = []": "money.statuses must name at least one status",
    '[money]\nstatuses = "paid"': 'money.statuses must be a list of names, like ["completed"]',
    '[money]\ncurrency = "eur"': 'money.currency must be a currency\'s code, like "EUR"',
    "[money]\nzero = 1": "money.zero must be true or false, but is 1.",
    "[limits.euro]\nmax_total = 1": "limits.euro: a section of limits is named by a currency's code",
    "[limits.EUR]\nmax_totel = 1": "Unknown key in [limits.EUR]: 'max_totel'. Did you mean 'max_total'?",
    "[limits": "is not TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_rules_file_is_one_line_and_exit_2(text: str, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(text)
    (tmp_path / "x.json").write_text("{}")
    done = node("process", "x.json", "--output", "out", "--rules", "rules.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert WRONG[text] in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_arguments_are_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("a/x.json", "b/x.json", ".hidden.json", "a/old.report.json"):
        (tmp_path / name).write_text('{"transactions": []}')
    for arguments, said in (
        (["a", "b"], "would both write x.report.json"),
        (["nowhere.json"], "There is no file or folder nowhere.json."),
        (["empty"], "has no *.json"),
    ):
        done = node("process", *arguments, "--output", "out", folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert not (tmp_path / "out").exists()
    assert node("merge", "empty", "--output", "summary.json", folder=tmp_path).returncode == 1
    assert node("process", "a", "--output", "out", folder=tmp_path).stderr.endswith("\nx.json processed 0 of 0\n")
    (tmp_path / "plan.json").write_text('{"tasks": [{"inputs": [{"name": "x.json"}, {"name": "y.json"}]}]}')
    assert node("merge", "out", "--output", "s.json", "--plan", "plan.json", folder=tmp_path).returncode == 0
    assert json.loads((tmp_path / "s.json").read_bytes())["source"]["missing"] == ["y.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["task.partial", "x.report.json"]


def test_an_output_that_cannot_be_written_is_exit_1(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"transactions": []}')
    done = node("process", "x.json", "--output", "x.json/out", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_the_readmes_rule_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function, row = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    scope: dict[str, Any] = {**vars(rules)}
    exec(function + "NEW = (" + row + ")", scope)
    monkeypatch.setattr(rules, "RULES", (*rules.RULES, *scope["NEW"]))
    line = {"quantity": 2, "unit_price": 3.0}
    record = {
        "transaction_id": "t", "timestamp": "2025-01-17T14:30:22Z", "customer": {"customer_id": "c", "email": "e"},
        "subtotal": 5, "tax": 0, "total": 5, "payment_method": "card", "status": "completed",
    }  # fmt: skip
    values = [record | {"line_items": [line | discount]} for discount in ({}, {"discount": 6}, {"discount": 6.01})]
    (tmp_path / "x.json").write_text(json.dumps({"transactions": values}))
    process([tmp_path / "x.json"], tmp_path / "out", Settings())
    report = json.loads((tmp_path / "out" / "x.report.json").read_bytes())
    assert report["validation"]["error_counts"] == {"discount": 1}
    assert report["validation"]["errors"][0]["errors"] == ["discount: line_items.discount"]


def test_the_readme_names_every_rule() -> None:
    assert [name for name in rules.RULE_NAMES if f"`{name}`" not in README.read_text()] == []


@pytest.mark.parametrize("value", [1.005, 2.675, 1.115, 0.005, 0.015, -0.005, 1e12 - 0.01, 99999.995, 1e-9, 8.345])
def test_money_is_the_nearest_cent_of_the_shortest_decimal(value: float) -> None:
    import numpy as np

    assert to_cents(np.array([value])).tolist() == [decimal_units(value, 100)]


def test_a_negative_total_stands_in_the_histograms_first_class(tmp_path: Path) -> None:
    line = {"quantity": 1, "unit_price": 2}
    record = {
        "transaction_id": "t", "timestamp": "2025-01-01T00:00:00", "customer": {"customer_id": "c", "email": "e"},
        "line_items": [line], "subtotal": 2, "tax": 0, "total": -2, "payment_method": "card", "status": "completed",
    }  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps({"transactions": [record]}))
    settings = parse_settings('[rules]\noff = ["total"]', lambda: rules.RULE_NAMES)
    process([tmp_path / "x.json"], tmp_path / "out", settings)
    analytics = json.loads((tmp_path / "out" / "x.report.json").read_bytes())["analytics"]
    assert analytics["order_value_histogram"][0] == {"from": 0, "to": 1, "orders": 1, "revenue": -2}
    assert analytics["customer_pareto"][0]["revenue"] == -2
