"""The formula language by example: what each part computes, how results are printed, where errors are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchkit.autoscale import Dialect, Formula, FormulaError, Series, Targets
from batchkit.autoscale.errors import EVALUATION, INSUFFICIENT, SYNTAX, TOO_LONG

NOW = datetime(2016, 10, 13, 19, 18, 47, 805000, tzinfo=UTC)  # a Thursday
SERVICE = "$TargetDedicatedNodes={};$TargetLowPriorityNodes={};$NodeDeallocationOption={}"
PUBLISHED = {
    each["name"]: each["formula"]
    for each in json.loads((Path(__file__).parent / "autoscale_formulas.json").read_text(encoding="utf-8"))
}


def samples(*values: float, newest_seconds: float = 60.0) -> Series:
    """Return a metric sampled every 30 seconds, the oldest value first."""
    ages = [newest_seconds + 30 * (len(values) - 1 - index) for index in range(len(values))]
    return Series([(NOW - timedelta(seconds=age), value) for age, value in zip(ages, values, strict=True)])


def results(text: str, targets: Targets = Targets(), dialect: Dialect = Dialect(), **metrics: Any) -> str:  # noqa: B008
    named = {f"${name}": series for name, series in metrics.items()}
    return Formula(text, dialect).evaluate(named, NOW, targets).results


def value(expression: str, dialect: Dialect = Dialect(), **metrics: Any) -> str:  # noqa: B008
    """Return how the service would print an expression's value."""
    return results(f"x = {expression}", dialect=dialect, **metrics).rpartition(";x=")[2]


def failure(text: str, **metrics: Any) -> FormulaError:
    with pytest.raises(FormulaError) as failed:
        results(text, **metrics)
    return failed.value


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3.5"),
        ("8 - 4 - 2", "2"),
        ("1e3 + .5", "1000.5"),
        ("-2 * -3", "6"),
        ("!0 + !5", "1"),
        ("1 < 2 == 2 > 1", "1"),
        ("1 <= 1 && 2 >= 3 || 1 != 2", "1"),
        ("0 || 0 && 1", "0"),
        ("1 ? 2 : 0 ? 3 : 4", "2"),
        ("0 ? 2 : 0 ? 3 : 4", "4"),
        ("1 > 2 ? 1 : 2 + 3", "5"),
        ("1 / 0", "Infinity"),
        ("ln(0) < 0", "1"),
        ("ln(0 - 1) < 0 || ln(0 - 1) > 0", "0"),
        ("ln(1)", "0"),
        ("0 / 0", "NaN"),
        ('"abc" < "abd"', "1"),
        ('"text"', "text"),
        ("TimeInterval_Minute * 90", "01:30:00"),
        ("2 * TimeInterval_Day + TimeInterval_Millisecond", "2.00:00:00.0010000"),
        ("-TimeInterval_Hour", "-01:00:00"),
        ("TimeInterval_Week / 7 == TimeInterval_Day", "1"),
        ("TimeInterval_Zero", "00:00:00"),
        ("TimeInterval_Second * 10 > TimeInterval_Minute", "0"),
        ("time()", "2016-10-13T19:18:47.805Z"),
        ("time().weekday", "4"),
        ("time().year * 10000 + time().month * 100 + time().day", "20161013"),
        ("time().hour * 10000 + time().minute * 100 + time().second", "191847"),
        ("time() - TimeInterval_Day", "2016-10-12T19:18:47.805Z"),
        ("TimeInterval_Day + time()", "2016-10-14T19:18:47.805Z"),
        ('time("Mon, 06 Oct 2014 10:20:00 GMT")', "2014-10-06T10:20:00.000Z"),
        ('time("2016-10-13T21:18:47.1234567+02:00")', "2016-10-13T19:18:47.123Z"),
        ('time("2016-10-13") < time()', "1"),
        ('time() - time("2016-10-13T19:00:47.805Z")', "00:18:00"),
        ("requeue == requeue", "1"),
    ],
)
def test_expressions(expression: str, printed: str):
    assert value(expression) == printed


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("$RunningTasks.GetSample(3)", "[1,2,3]"),
        ("$RunningTasks.GetSample(3) * 2 - 1", "[1,3,5]"),
        ("1 / $RunningTasks.GetSample(1)", "[0.3333333333333333]"),
        ("$RunningTasks.GetSample(3) + $RunningTasks.GetSample(3)", "[2,4,6]"),
        ("avg($RunningTasks.GetSample(3), 7)", "3.25"),
        ("len($RunningTasks.GetSample(3), 7, $RunningTasks.GetSample(2))", "6"),
        ("max(1, $RunningTasks.GetSample(3))", "3"),
        ("min($RunningTasks.GetSample(3), 7)", "1"),
        ("sum($RunningTasks.GetSample(3))", "6"),
        ("range(2, 5, 4)", "3"),
        ("norm(3, 4)", "5"),
        ("std($RunningTasks.GetSample(3))", "1"),
        ("lg(8) + ln(1) + log(1000)", "6"),
        ("lg($RunningTasks.GetSample(3)) - lg($RunningTasks.GetSample(3))", "[0,0,0]"),
        ("percentile($RunningTasks.GetSample(3), 50)", "2"),
        ("percentile($RunningTasks.GetSample(3), 100)", "3"),
        ("val($RunningTasks.GetSample(3), 0)", "1"),
        ("rand() < 1", "1"),
        ("$RunningTasks", "3"),
        ("$RunningTasks * 1.1 > 3", "1"),
        ("$RunningTasks.Count()", "3"),
        ("$RunningTasks.GetSamplePeriod()", "00:00:30"),
        ("$RunningTasks.HistoryBeginTime()", "2016-10-13T19:16:47.805Z"),
        ("$RunningTasks.GetSamplePercent(2 * TimeInterval_Minute)", "75"),
        ("$RunningTasks.GetSamplePercent(TimeInterval_Minute, 2 * TimeInterval_Minute)", "100"),
        ("$RunningTasks.GetSample(90 * TimeInterval_Second)", "[2,3]"),
        ("$RunningTasks.GetSample(TimeInterval_Minute * 2, 75)", "[1,2,3]"),
        ("$RunningTasks.GetSample(TimeInterval_Minute * 2, 90 * TimeInterval_Second)", "[1,2]"),
        ("$RunningTasks.GetSample(90 * TimeInterval_Second, TimeInterval_Minute * 2, 50)", "[1,2]"),
        ("$RunningTasks.GetSample(time() - 90 * TimeInterval_Second)", "[2,3]"),
        ("$RunningTasks.GetSample(time() - TimeInterval_Hour, time() - TimeInterval_Minute, 0)", "[1,2,3]"),
        ("$FailedTasks", "0"),
        ("$FailedTasks.Count()", "0"),
        ("$FailedTasks.GetSample(1)", "[]"),
        ("$FailedTasks.GetSamplePercent(TimeInterval_Hour)", "0"),
        ("max(0, $FailedTasks.GetSample(1))", "0"),
        ("min(25, $FailedTasks.GetSample(TimeInterval_Hour))", "25"),
    ],
)
def test_samples_and_functions(expression: str, printed: str):
    assert value(expression, RunningTasks=samples(1, 2, 3)) == printed


def test_results_come_in_the_services_order_and_targets_are_whole():
    printed = results("b = 1; $a = 2; $TargetLowPriorityNodes = 1.9; $A2 = $a; $TargetDedicatedNodes = 3.2")
    assert printed == SERVICE.format(3, 1, "requeue") + ";$A2=2;$a=2;b=1"


def test_the_golden_results_of_real_runs():
    assert results("$TargetDedicatedNodes=3") == SERVICE.format(3, 0, "requeue")
    formula = PUBLISHED["docs-python-workhours"].replace("$TargetDedicated ", "$TargetDedicatedNodes ")
    names = "$curTime=2016-10-13T19:18:47.805Z;$isWeekday=1;$isWorkingWeekdayHour=0;$workHours=0"
    assert results(formula) == SERVICE.format(10, 0, "requeue") + f";{names}"


def test_what_a_formula_does_not_set_stays_and_a_full_name_wins_over_its_alias():
    present = Targets(2, 5)
    assert results("", present) == SERVICE.format(2, 5, "requeue")
    assert results("$TargetDedicated = 9", present) == SERVICE.format(9, 5, "requeue")
    assert results("$TargetDedicatedNodes = 4; $TargetDedicated = 9", present) == SERVICE.format(4, 5, "requeue")
    assert results("$TargetLowPriority = $TargetDedicated + 1", present) == SERVICE.format(2, 3, "requeue")


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion", "retaineddata"])
def test_each_deallocation_option(option: str):
    evaluation = Formula(f"$NodeDeallocationOption = {option}").evaluate({}, NOW, Targets())
    assert evaluation.targets == Targets(0, 0, option)


def test_stop_ends_the_evaluation_with_what_was_set():
    assert results("$TargetDedicatedNodes = 1; stop(); $TargetDedicatedNodes = 2") == SERVICE.format(1, 0, "requeue")
    assert results("x = 1 ? stop() : 2; $TargetDedicatedNodes = 2") == SERVICE.format(0, 0, "requeue")


def test_comments_empty_statements_and_a_missing_last_semicolon_are_fine():
    assert results("// only a comment") == results(";;") == results(" \n")
    assert results("x = 1; // one\n// two\ny = 2 // three").endswith(";x=1;y=2")


def test_windows_are_divided_by_the_clocks_speed():
    fast = Series([(NOW - timedelta(seconds=1 + 0.5 * index), 4.0) for index in range(9)][::-1])
    formula = Formula("p = $PendingTasks.GetSamplePercent(5 * TimeInterval_Minute)")
    assert formula.evaluate({"$PendingTasks": fast}, NOW, Targets(), clock_speed=60).results.endswith("p=90")


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a = 1\n$b = 2", SYNTAX, (2, 1)),
        ("a = (1 + 2", SYNTAX, (1, 11)),
        ("a = 1 +\n  * 2;", SYNTAX, (2, 3)),
        ("a = 1 & 2", SYNTAX, (1, 7)),
        ('a = "open', SYNTAX, (1, 5)),
        ("1 = a", SYNTAX, (1, 3)),
        ("a = " + "-" * 200 + "1", SYNTAX, (1, 105)),
        ("a = " + "1" * 9000, TOO_LONG, (1, 1)),
        ("a = 1;\n" * 101, TOO_LONG, (101, 1)),
        ("\n  $something_useless", EVALUATION, (2, 3)),
        ("a = nosuch(1)", EVALUATION, (1, 5)),
        ("a = max(time())", EVALUATION, (1, 5)),
        ('a = 1 + "x"', EVALUATION, (1, 9)),
        ("a = time() * 2", EVALUATION, (1, 14)),
        ("a = time() * TimeInterval_Minute", EVALUATION, (1, 14)),
        ("a = time() + 2 * TimeInterval_Year * 1e9", EVALUATION, (1, 14)),
        ('a = time("yesterday")', EVALUATION, (1, 5)),
        ("a = requeue && 1", EVALUATION, (1, 5)),
        ("a = !TimeInterval_Hour", EVALUATION, (1, 5)),
        ("a = (1).hour", EVALUATION, (1, 6)),
        ("a = $PendingTasks.GetSample()", EVALUATION, (1, 5)),
        ("a = $PendingTasks.GetSample(-1)", EVALUATION, (1, 5)),
        ("a = val($RunningTasks.GetSample(1), 3)", EVALUATION, (1, 5)),
        ("x = 1; a = x.GetSample(1)", EVALUATION, (1, 12)),
        ("$PendingTasks = 1", EVALUATION, (1, 1)),
        ("TimeInterval_Hour = 1", EVALUATION, (1, 1)),
        ("$TargetDedicatedNodes = 1 / 0", EVALUATION, (1, 1)),
        ("$TargetDedicatedNodes = $RunningTasks.GetSample(1)", EVALUATION, (1, 1)),
        ("$NodeDeallocationOption = 1", EVALUATION, (1, 1)),
        ("a = $PendingTasks.GetSample(TimeInterval_Hour, 10)", INSUFFICIENT, (1, 5)),
    ],
)
def test_errors_carry_their_code_and_place(text: str, code: str, place: tuple[int, int]):
    error = failure(text, RunningTasks=samples(1))
    assert (error.code, (error.line, error.column)) == (code, place)
    assert error.message
    assert error.summary


def test_missing_samples_read_as_the_service_words_them():
    error = failure("\n x = $CPUPercent.GetSample(TimeInterval_Minute * 10, 70)", CPUPercent=samples(*[0.5] * 10))
    assert str(error) == "Line 2, Col 6: Insufficient data from data set: $CPUPercent wanted 70%, received 50%"


@pytest.mark.parametrize(
    ("expression", "dialect", "printed"),
    [
        ("avg($PendingTasks.GetSample(1))", Dialect(empty_statistic="zero"), "0"),
        ("avg($PendingTasks.GetSample(1))", Dialect(empty_statistic="nan"), "NaN"),
        ('time("2016-10-16").weekday', Dialect(sunday=7), "7"),
        ('time("2016-10-16").weekday', Dialect(sunday=0), "0"),
        ("percentile($RunningTasks.GetSample(2), 50)", Dialect(percentile="linear"), "1.5"),
        ("$RunningTasks.GetSample(2)", Dialect(sample_order="newest_first"), "[2,1]"),
        ("$runningtasks.getsample(TIMEINTERVAL_MINUTE)", Dialect(), "[2]"),
        ("ceil(1.2) + floor(1.8) + round(2.5)", Dialect(newer_names=True), "6"),
        ("0 && requeue", Dialect(short_circuit=True), "0"),
        ("$CurrentDedicated", Dialect(legacy_names=True), "0"),
    ],
)
def test_each_unknown_is_a_switch(expression: str, dialect: Dialect, printed: str):
    assert value(expression, dialect, RunningTasks=samples(1, 2)) == printed


@pytest.mark.parametrize(
    ("expression", "dialect"),
    [
        ("avg($PendingTasks.GetSample(1))", Dialect(empty_statistic="error")),
        ("$pendingtasks", Dialect(case_sensitive_names=True)),
        ("ceil(1.2)", Dialect(newer_names=False)),
        ("0 && requeue", Dialect(short_circuit=False)),
        ("$CurrentDedicated", Dialect(legacy_names=False)),
    ],
)
def test_the_stricter_side_of_a_switch_fails(expression: str, dialect: Dialect):
    with pytest.raises(FormulaError, match="Line 1"):
        value(expression, dialect)


def test_the_switches_of_targets():
    text = "$TargetDedicatedNodes = 2.5; x = $TargetDedicatedNodes; $TargetLowPriorityNodes = -1"
    assert results(text) == SERVICE.format(2, 0, "requeue") + ";x=2.5"
    nearest = Dialect(rounding="nearest", round_when="assignment")
    assert results(text, dialect=nearest) == SERVICE.format(3, 0, "requeue") + ";x=3"
    with pytest.raises(FormulaError, match="negative"):
        results(text, dialect=Dialect(negative_target="error"))


def test_case_sensitive_names_are_different_names():
    text = "$Tasks = 1; $tasks = 2"
    assert results(text).endswith(";$Tasks=2")
    assert results(text, dialect=Dialect(case_sensitive_names=True)).endswith(";$Tasks=1;$tasks=2")


def test_a_missing_semicolon_can_be_overlooked():
    lenient = Dialect(missing_semicolon="accept")
    assert results("a = 1\nb = a + 1", dialect=lenient).endswith(";a=1;b=2")
