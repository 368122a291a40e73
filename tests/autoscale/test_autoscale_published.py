"""Every published formula evaluates, or fails, as its note says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batchkit.autoscale import Dialect, Formula, FormulaError, Series, Targets
from batchkit.autoscale.errors import INSUFFICIENT, SYNTAX
from batchkit.autoscale.names import METRICS

FORMULAS = json.loads((Path(__file__).parent / "autoscale_formulas.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
NAMES = [each["name"] for each in FORMULAS]

# Targets with six of everything for two hours, from a pool of two; without samples, from the same pool.
BUSY_AND_NEW = {
    "docs-pending-tasks": ((6, 0), (1, 0)),
    "docs-preempted-nodes": ((6, 19), (25, 0)),
    "docs-monday": ((5, 0), (5, 0)),
    "docs-keep": ((6, 0), (0, 0)),
    "docs-python-workhours": ((20, 0), (20, 0)),
    "docs-ex1-time-mdt": ((10, 0), (10, 0)),
    "docs-ex2-task-based": ((6, 0), (1, 0)),
    "docs-ex3-parallel": ((2, 0), (0, 0)),
    "docs-ex4-initial-size": ((4, 0), INSUFFICIENT),
    "docs-snippets": ((6, 0), INSUFFICIENT),
    "azure-sdk-tests-set2": ((2, 0), (2, 0)),
    "azure-sdk-tests-eval3": ((3, 0), (3, 0)),
    "batch-117": ((6, 0), (1, 0)),
    "shipyard-208": ((2, 1), (2, 0)),
    "docs-cpu": (SYNTAX, SYNTAX),
}


def formula(name: str) -> str:
    return next(str(each["formula"]) for each in FORMULAS if each["name"] == name)


def outcome(text: str, metrics: dict[str, Series]) -> object:
    try:
        targets = Formula(text).evaluate(metrics, NOW, Targets(2, 0)).targets
    except FormulaError as error:
        return error.code
    return targets.dedicated, targets.low_priority


def steady(number: float) -> dict[str, Series]:
    samples = [(NOW - timedelta(seconds=60 + 30 * index), number) for index in range(240)][::-1]
    return dict.fromkeys(METRICS, Series(samples))


def test_the_table_names_every_published_formula():
    assert sorted(NAMES) == sorted(BUSY_AND_NEW)


@pytest.mark.parametrize("name", NAMES)
def test_a_published_formula_on_a_busy_pool_and_on_a_new_one(name: str):
    text = formula(name)
    assert (outcome(text, steady(6)), outcome(text, {})) == BUSY_AND_NEW[name]


def test_the_missing_semicolon_of_the_documents_is_named_where_it_is():
    with pytest.raises(FormulaError) as failed:
        Formula(formula("docs-cpu"))
    assert (failed.value.line, failed.value.column) == (8, 1)
    accepted = Formula(formula("docs-cpu"), Dialect(missing_semicolon="accept"))
    assert accepted.evaluate(steady(10), NOW, Targets()).targets == Targets(11, 0, "taskcompletion")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "docs-cpu"])
def test_a_formula_printed_and_parsed_again_is_the_same(name: str):
    parsed = Formula(formula(name))
    assert Formula(str(parsed)) == parsed


# More that people published, shortened: older names, lower case, no last semicolon, vectors with numbers.
ELSEWHERE = {
    "enable autoscale, REST reference": (
        "totalNodes=($CPUPercent.GetSamplePercent(TimeInterval_Minute*0,TimeInterval_Minute*10)<0.7?5:"
        "(min($CPUPercent.GetSample(TimeInterval_Minute*0, TimeInterval_Minute*10))>0.8?"
        "($CurrentDedicated*1.1):$CurrentDedicated));$targetDedicatedNodes=min(100,totalNodes);",
        6,
    ),
    "data factory": (
        "v=$PendingTasks.GetSample(600 * TimeInterval_Second);$TargetDedicated = (max(v)>0)?1:0;",
        1,
    ),
    "queue with slots": (
        "$perNode = 4; $round = $perNode - 1; $tasks = $PendingTasks.GetSample(1);"
        "$target = max($tasks) > 0 ? ((max($tasks) + $round) / $perNode) : max(0, $TargetDedicated/2) + 0.5;"
        "$TargetDedicatedNodes = max(0, min($target, 10))",
        2,
    ),
    "last sample against the history": (
        "sli = TimeInterval_Second * 900; part = $PendingTasks.GetSamplePercent(sli);"
        "last = val($PendingTasks.GetSample(1), 0);"
        "mean = part < 70 ? max(0, last) : avg($PendingTasks.GetSample(sli));"
        "rebalance = 0 == 1; n = last < mean ? avg(last, mean) : max(last, mean);"
        "$TargetDedicatedNodes = min($CurrentDedicatedNodes + 3, n);$TargetLowPriorityNodes = rebalance ? 1 : 0;",
        6,
    ),
    "counted samples": (
        "n=$PendingTasks.Count();c=min(4, $PendingTasks.GetSample(1));$TargetDedicatedNodes=(n>0)?c:4;",
        4,
    ),
    "grow by steps": (
        "cores = $TargetDedicatedNodes * 2;"
        "$extra = (avg($PendingTasks.GetSample(180 * TimeInterval_Second)) - cores) / 2;"
        "$extra = max(-20, min(20, $extra)); $TargetDedicatedNodes = max(0,min(1000, $TargetDedicatedNodes + $extra));",
        3,
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_formulas_published_elsewhere(name: str):
    text, dedicated = ELSEWHERE[name]
    assert outcome(text, steady(6)) == (dedicated, 0)
    assert isinstance(outcome(text, {}), tuple)
