"""The worker against the slow reference: random transactions, random dirt, any split, any order of merging."""

import json
import math
import operator
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from node_reference import reference

from node.settings import parse_settings
from node.sums.rules import RULE_NAMES
from node.work.merge import merge
from node.work.process import process

# A failing example is kept and replayed as it is: shrinking many files takes longer than reading one.
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
money = st.one_of(
    st.integers(0, 20000).map(lambda cents: cents / 100),
    st.integers(0, 400000).map(lambda value: value / 1000),
    st.sampled_from([0, 1, 0.005, 0.015, 1.005, 2.675, 1.115, 5000, 5000.004, 5000.01, 99999.995, 100000, 1e-7, -1.0]),
)
texts = st.text(st.characters(codec="utf-8"), max_size=6)
ids = st.one_of(st.sampled_from(["a", "b", "c", "é", "10"]), st.integers(0, 12), st.just(10**30))
dirt = st.one_of(
    st.none(), st.booleans(), st.just(""), st.just("1.5"), st.just([]), st.just({}), st.just([5]), st.just({"a": [1]}),
    st.just(math.nan), st.just(math.inf), st.just(1e13), st.just(-3), st.just(10**400), st.just("\ud800"), st.just(1.0),
)  # fmt: skip
OFFSETS = st.sampled_from(["", "Z", "z", ".5", ".25Z", "+01:00", "+02:00", "-00:00", "+24:00"])
ODD_TIMES = [
    "2024-02-29T12:00:00Z",
    "2023-02-29T12:00:00Z",
    "2024-12-31 23:59:60",
    "2024-05-01",
    "\uff12024-01-01T00:00:00",
]
times = st.one_of(
    st.builds(
        "{}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}".format,
        st.just(2024), st.integers(1, 13), st.integers(1, 31), st.sampled_from("Tt "), st.integers(0, 24),
        st.integers(0, 60), st.integers(0, 61), OFFSETS,
    ),
    st.sampled_from(ODD_TIMES),
)  # fmt: skip


good_times = st.builds(
    "2024-{:02d}-{:02d}T{:02d}:00:00Z".format, st.integers(1, 3), st.integers(1, 28), st.integers(0, 23)
)
lines = st.fixed_dictionaries(
    {"quantity": st.one_of(st.integers(1, 30), st.sampled_from([0.5, 1.0005, 20.0001, 0, 101])), "unit_price": money},
    optional={"product_id": ids, "product_name": texts, "category": texts, "discount": money, "subtotal": money},
)
clean = st.fixed_dictionaries(
    {
        "transaction_id": ids,
        "timestamp": st.one_of(good_times, times),
        "customer": st.fixed_dictionaries(
            {"customer_id": ids, "email": texts}, optional={"name": texts, "country": texts}
        ),
        "line_items": st.lists(lines, max_size=3),
        "subtotal": money,
        "tax": money,
        "total": money,
        "payment_method": st.sampled_from(["card", "cash"]),
        "status": st.sampled_from(["completed", "completed", "pending", "Completed ", "paid"]),
    },
    optional={"shipping_cost": money, "shipping_method": texts, "currency": st.sampled_from(["", "EUR"])},
)
odd = st.fixed_dictionaries(
    {"currency": st.sampled_from(["EUR", "USD", "usd"]), "total": st.sampled_from([-5, -80.5, 0, 60, 5000.004])}
)


@st.composite
def dirty(draw: Any) -> Any:
    """A record with one part replaced, removed or added."""
    value = draw(clean)
    owner = value
    if draw(st.booleans()):
        owner = value["customer"]
    elif draw(st.booleans()) and value["line_items"]:
        owner = value["line_items"][0]
    name = draw(st.sampled_from([*owner, "extra", "x\ud800", "shipping_cost"]))
    if draw(st.booleans()):
        owner[name] = draw(dirt)
    else:
        owner.pop(name, None)
    return value


foreign = st.builds(operator.or_, clean, odd)
records = st.one_of(
    st.lists(st.one_of(clean, clean, dirty(), dirt), max_size=12), st.lists(st.one_of(clean, foreign), max_size=12)
)
LOW = {"max_total": 50, "frequent_customer": 1, "high_value": 20.5, "high_quantity": 1, "total_mismatch": 0}
EXTRA = ["customer.country", "line_items.category", "extra", "line_items.extra"]
OFF = ["quantity", "tax", "subtotal", "unit_price"]
WAIVED = ["customer", "payment_method", "status", "line_items"]
MONEY = {"statuses": ["paid", "completed"], "currency": "EUR", "refunds": True, "zero": True}
RULES: dict[str, dict[str, Any]] = {
    "": {},
    "[limits]\nmax_total = 50\n[anomalies]\n"
    + "\n".join(f"{key} = {value}" for key, value in list(LOW.items())[1:]): LOW,
    f"[required]\nextra = {json.dumps(EXTRA)}": {"extra": EXTRA},
    f"[rules]\noff = {json.dumps(OFF)}": {"off": OFF},
    f"[required]\nwaive = {json.dumps(WAIVED)}\n[money]\nrefunds = true": {"waive": WAIVED, "refunds": True},
    "[money]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in MONEY.items()): MONEY,
    "[limits]\nmax_total = 50\n[limits.EUR]\nmax_total = 500\nmax_quantity = 2": {
        "max_total": 50, "by_currency": {"EUR": {"max_total": 500, "max_quantity": 2}},
    },
    '[money]\nstatuses = ["nothing"]': {"statuses": ["nothing"]},
}  # fmt: skip


def write(folder: Any, name: Any, values: Any, indent: Any = None) -> None:
    text = json.dumps({"transactions": values}, indent=indent)
    Path(folder, name).write_text(text)


def run(folder: Any, toml: Any = "") -> None:
    Path(folder, "out").mkdir(exist_ok=True)
    process([Path(folder)], Path(folder, "out"), parse_settings(toml, lambda: RULE_NAMES))


def read(folder: Any, name: Any) -> Any:
    return json.loads(Path(folder, "out", name).read_bytes())


def short(error: str) -> str:
    """`rule: field` of an error, which says more."""
    first, rest = error.split(": ", 1)
    return f"{first}: {rest.split(': ')[0]}" if first in ("type", "required") else f"{first.split('.')[-1]}: {first}"


def assert_same(report: Any, expected: Any) -> None:
    for error in report["validation"]["errors"]:
        error["errors"] = list(map(short, error["errors"]))
    for one in (report, expected):  # of equal errors, the values are sorted, which the reference does not say
        rows = one["validation"]["errors"]
        rows.sort(key=lambda row: (row["transaction_id"] or "", row["errors"], row.get("file", ""), row["index"]))
    assert report["warnings"] == expected["warnings"]
    for name in ("validation", "analytics", "anomalies"):
        assert report[name] == expected[name]
        assert [list(value) for value in report[name].values() if isinstance(value, dict)] == [
            list(value) for value in expected[name].values() if isinstance(value, dict)
        ]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(records, st.sampled_from(list(RULES)), st.sampled_from([None, 2]))
def test_one_file_is_what_the_reference_says(values: Any, toml: Any, indent: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "a.json", values, indent)
        run(folder, toml)
        assert_same(read(folder, "a.report.json"), reference([("a.json", values)], RULES[toml]))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(
    st.lists(records, min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from(list(RULES)),
)
def test_any_split_and_order_of_merging_gives_the_same_report(
    files: Any, chance: Any, in_two_steps: Any, toml: Any
) -> None:
    named = [(f"{at}.json", values) for at, values in enumerate(files)]
    with tempfile.TemporaryDirectory() as folder:
        partials = Path(folder, "partials")
        partials.mkdir()
        for at, values in named:
            Path(folder, at + ".d").mkdir()
            write(Path(folder, at + ".d"), at, values)
            run(Path(folder, at + ".d"), toml)
            Path(folder, at + ".d", "out", "task.partial").rename(partials / f"{chance.random()}-{at}.partial")
        if in_two_steps:
            halve(partials, chance)
        merge(partials, Path(folder, "summary.json"))
        report = json.loads(Path(folder, "summary.json").read_bytes())
        assert_same(report, reference(named, RULES[toml], merged=True))
        assert report["source"]["files"] == len(files)


def halve(partials: Path, chance: random.Random) -> None:
    """Merge some of the partials into one that takes their place."""
    some = [path for path in sorted(partials.iterdir()) if chance.random() < 0.5]
    inner = partials / "inner"
    inner.mkdir()
    for path in some:
        path.rename(inner / path.name)
    if some:
        merge(inner, partials / "first.partial")
        for path in inner.iterdir():
            path.unlink()
    inner.rmdir()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(st.lists(records, min_size=1, max_size=4))
def test_many_files_in_one_call_are_what_each_is_alone(files: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for at, values in enumerate(files):
            write(folder, f"{at}.json", values)
        run(folder)
        for at, values in enumerate(files):
            assert_same(read(folder, f"{at}.report.json"), reference([(f"{at}.json", values)]))
        merge(Path(folder, "out"), Path(folder, "out", "summary.json"))
        named = [(f"{at}.json", values) for at, values in enumerate(files)]
        assert_same(read(folder, "summary.json"), reference(named, merged=True))


@pytest.mark.parametrize("piece", [64, 700, 5000])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(values=st.lists(st.one_of(clean, clean, clean, dirty()), max_size=30), indent=st.sampled_from([None, 2]))
def test_pieces_of_any_size_give_the_same_report(piece: Any, values: Any, indent: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.reading.window.PIECE_BYTES", piece)
        write(folder, "a.json", values, indent)
        run(folder)
        assert_same(read(folder, "a.report.json"), reference([("a.json", values)]))
