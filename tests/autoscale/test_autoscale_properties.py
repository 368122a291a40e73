"""Whatever the text: a result or a FormulaError with a place in it, and a printed formula means the same."""

from __future__ import annotations

import math
import operator
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchkit.autoscale import Dialect, Formula, FormulaError, Series, Targets

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
METRICS = {"$PendingTasks": Series([(NOW - timedelta(seconds=90), 3.0), (NOW - timedelta(seconds=60), 5.0)])}

WORDS = r"""
a $b $PendingTasks $FailedTasks $TargetDedicatedNodes $NodeDeallocationOption requeue TimeInterval_Minute
TimeInterval_Year time() rand() stop() 0 1 2.5 1e308 "x" "2026-01-01" + - * / ! && || < <= == != >= > ? :
= ; , ( ) . .GetSample( .GetSamplePercent( .Count() .hour .weekday avg( max( val( percentile( time( std( //
"""
BINARY = ["+", "-", "*", "/", "<", "<=", "==", "!=", ">=", ">", "&&", "||"]
FUNCTIONS = ["avg", "max", "min", "sum", "len", "std", "lg", "val", "percentile", "time"]

words = st.sampled_from([*WORDS.split(), "\n"])
numbers = st.floats(0, 1e6, allow_subnormal=False) | st.integers(0, 100).map(float)
leaves = (
    numbers.map(repr)
    | st.sampled_from(["a", "$PendingTasks", "time()", "TimeInterval_Hour", '"x"', "requeue"])
    | st.sampled_from(["$PendingTasks.GetSample(2)", "$PendingTasks.GetSample(TimeInterval_Minute * 5, 10)"])
)


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(" ".join),
        st.tuples(st.sampled_from("-!"), inner).map("".join),
        inner.map("({})".format),
        st.tuples(inner, inner, inner).map(lambda three: "{} ? {} : {}".format(*three)),
        st.tuples(st.sampled_from(FUNCTIONS), inner, inner).map(lambda call: "{}({}, {})".format(*call)),
        inner.map("({}).hour".format),
    )


expressions = st.recursive(leaves, deeper, max_leaves=12)
formulas = st.lists(expressions.map("a = {}".format) | expressions.map("$b = {}".format), max_size=4).map(";\n".join)


def run(text: str, dialect: Dialect = Dialect()) -> str | FormulaError:  # noqa: B008
    try:
        return Formula(text, dialect).evaluate(METRICS, NOW, Targets(1, 2)).results
    except FormulaError as error:
        return error


def check_place(text: str, error: FormulaError) -> None:
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(words, max_size=30).map(" ".join) | formulas)
@example("(" * 8000)
@example("!" * 8000 + "1")
@example("a=" + "1?" * 2000)
@example("a" + ".b" * 4000)
@example("a=1" + "+1" * 4000)
@example("\x00\udcff")
def test_any_text_gives_results_or_an_error_with_a_place_in_it(text: str):
    done = run(text)
    if isinstance(done, FormulaError):
        check_place(text, done)
    else:
        assert done.startswith("$TargetDedicatedNodes=")


@settings(max_examples=200, deadline=None)
@given(formulas)
def test_a_printed_formula_is_the_same_formula(text: str):
    try:
        parsed = Formula(text)
    except FormulaError:
        return
    assert Formula(str(parsed)) == parsed
    assert str(Formula(str(parsed))) == str(parsed)


@settings(max_examples=200, deadline=None)
@given(st.lists(words, max_size=12).map(" ".join))
def test_overlooking_semicolons_never_refuses_what_the_strict_reading_takes(text: str):
    strict, lenient = run(text), run(text, Dialect(missing_semicolon="accept"))
    if not isinstance(strict, FormulaError) and "rand" not in text:
        assert lenient == strict


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 50)), min_size=1, max_size=8), st.integers(0, 50))
def test_arithmetic_is_pythons(steps: list[tuple[str, int]], first: int):
    text = str(first) + "".join(f" {symbol} {number}" for symbol, number in steps)
    printed = run(f"x = {text}")
    assert isinstance(printed, str)
    assert float(printed.rpartition("x=")[2]) == eval(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_statistics_agree_with_their_definitions(values: list[float]):
    text = ",".join(f"({value!r})" for value in values)
    printed = run(f"a=avg({text});l=len({text});m=max({text});n=min({text});r=range({text});s=sum({text})")
    assert isinstance(printed, str)
    found = {name: float(number) for name, number in (pair.split("=") for pair in printed.split(";")[3:])}
    assert found["l"] == len(values)
    assert (found["m"], found["n"]) == (max(values), min(values))
    assert math.isclose(found["a"], math.fsum(values) / len(values), abs_tol=1e-6)
    assert math.isclose(found["r"], max(values) - min(values), abs_tol=1e-6)
