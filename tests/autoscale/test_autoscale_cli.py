"""`batchkit autoscale evaluate`: the results, exit 0; the formula's error and its place, exit 1; bad input, exit 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batchkit.autoscale.cli import app

PENDING = "$TargetDedicatedNodes = min(10, max(0, avg($PendingTasks.GetSample(5 * TimeInterval_Minute, 70))))"
Evaluate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """A function that writes a formula and its metrics to files and runs the command on them."""

    def run(formula: str, metrics: object = None, *options: str) -> tuple[int, str, str]:
        (tmp_path / "formula.txt").write_text(formula)
        (tmp_path / "metrics.json").write_text(metrics if isinstance(metrics, str) else json.dumps(metrics))
        given = [] if metrics is None else ["--metrics", str(tmp_path / "metrics.json")]
        done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "formula.txt"), *given, *options])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_it_prints_what_the_service_would(evaluate: Evaluate):
    assert evaluate("$TargetDedicatedNodes=3") == (
        0,
        "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue\n",
        "",
    )


@pytest.mark.parametrize(
    ("metrics", "dedicated"),
    [
        ({"$PendingTasks": 7}, 7),
        ({"PendingTasks": 7.9}, 7),
        ({"$PendingTasks": [[60 + 30 * index, index] for index in range(9)]}, 4),
    ],
)
def test_a_metric_is_a_current_value_or_samples(evaluate: Evaluate, metrics: object, dedicated: int):
    code, printed, _ = evaluate(PENDING, metrics)
    assert (code, printed.split(";")[0]) == (0, f"$TargetDedicatedNodes={dedicated}")


def test_present_targets_can_be_given_and_what_is_not_given_is_zero(evaluate: Evaluate):
    _, printed, _ = evaluate("x = $TargetDedicatedNodes + $FailedTasks", {"$TargetDedicatedNodes": 4})
    assert printed.endswith(";x=4\n")


def test_the_moment_can_be_given(evaluate: Evaluate):
    _, printed, _ = evaluate("x = time()", None, "--at", "2016-10-13T19:18:47.805Z")
    assert printed.endswith(";x=2016-10-13T19:18:47.805Z\n")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("a = 1\nb = 2", "AutoScalingFormulaSyntaxError at line 2, column 1: "),
        ("a = b", "AutoScalingFormulaEvaluationError at line 1, column 5: "),
        (PENDING, "InsufficientSampleData at line 1, column 44: "),
        ("x" * 9000, "AutoScalingFormulaTooLong at line 1, column 1: "),
    ],
)
def test_a_formulas_error_has_its_code_and_place(evaluate: Evaluate, formula: str, said: str):
    code, printed, error = evaluate(formula)
    assert (code, printed) == (1, "")
    assert error.startswith(said)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"$PendngTasks": 1}, "Did you mean $PendingTasks?"),
        ({"$PendingTasks": "many"}, "is a number or a list of samples"),
        ({"$PendingTasks": [[1, 2, 3]]}, "is [seconds ago, value]"),
        ({"$PendingTasks": [[1e300, 2]]}, "out of range"),
        ({"$PendingTasks": True}, "is a number or a list of samples"),
        ({"$NodeDeallocationOption": 1}, "There is no metric"),
        ([1, 2], "one JSON object"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_wrong_metrics_file_is_one_line_and_exit_2(evaluate: Evaluate, metrics: object, said: str):
    code, _, error = evaluate(PENDING, metrics)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


def test_a_wrong_time_or_a_missing_file_is_exit_2(evaluate: Evaluate, tmp_path: Path):
    assert evaluate(PENDING, None, "--at", "yesterday")[0] == 2
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "none")])
    assert (done.exit_code, done.stderr) == (
        2,
        f"error: {tmp_path / 'none'} can't be read: No such file or directory.\n",
    )
