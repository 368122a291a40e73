"""The methods of a metric (GetSample and its kin) and the members of a timestamp."""

from __future__ import annotations

from datetime import datetime

from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.errors import INSUFFICIENT
from batchkit.autoscale.names import Names
from batchkit.autoscale.operators import TypeMismatch
from batchkit.autoscale.samples import PERIOD_SECONDS, Clock, Series, Window
from batchkit.autoscale.values import Interval, Value, show, type_name

_METHODS = ("GetSample", "GetSamplePercent", "GetSamplePeriod", "Count", "HistoryBeginTime")
_MEMBERS = ("year", "month", "day", "weekday", "hour", "minute", "second")


class InsufficientData(Exception):  # noqa: N818 - becomes a FormulaError once the place is known
    """A window holds fewer samples than the formula asks for."""

    code = INSUFFICIENT


def member(value: Value, name: str, names: Names, dialect: Dialect) -> float:
    """Return a timestamp's member as a number; raise TypeMismatch for other values and names."""
    found = names.find(name, _MEMBERS)
    if not isinstance(value, datetime) or found is None:
        raise TypeMismatch(f"A {type_name(value)} has no member '{name}'.")
    if found == "weekday":
        day = value.isoweekday()
        return float(dialect.sunday if day == 7 else day)
    return float(getattr(value, found))


def call_method(
    series: Series,
    metric: str,
    name: str,
    arguments: list[Value],
    clock: Clock,
    names: Names,
    dialect: Dialect,
) -> Value:
    """Return what a metric's method gives.

    Raises:
        TypeMismatch: no such method, or arguments that it does not take.
        InsufficientData: the window's share of samples is below the one asked for.
    """
    found = names.find(name, _METHODS)
    if found == "GetSample":
        vector = _get_sample(series, metric, arguments, clock)
        return vector if dialect.sample_order == "oldest_first" else vector[::-1]
    if found == "GetSamplePercent" and 1 <= len(arguments) <= 2:
        return series.percent(_window(arguments, clock), clock)
    if found is None or found == "GetSamplePercent" or arguments:
        raise TypeMismatch(f"'{metric}' has no method '{name}' with {len(arguments)} argument(s).")
    if found == "GetSamplePeriod":
        return Interval(PERIOD_SECONDS)
    if found == "Count":
        return float(len(series.samples))
    return series.samples[0][0] if series.samples else clock.now


def _get_sample(series: Series, metric: str, arguments: list[Value], clock: Clock) -> tuple[float, ...]:
    if len(arguments) == 1 and isinstance(arguments[0], float):
        if not 0 <= arguments[0] < 1e9:
            raise TypeMismatch(f"'GetSample' can't return {show(arguments[0])} samples.")
        return series.last(int(arguments[0]))
    *ends, last = arguments or [0.0]
    wanted = last if isinstance(last, float) else None
    window = _window(ends if wanted is not None else arguments, clock)
    if wanted is not None:
        _require(series.percent(window, clock), wanted, metric)
    return series.within(window, clock)


def _require(percent: float, wanted: float, metric: str) -> None:
    if percent < wanted:
        raise InsufficientData(
            f"Insufficient data from data set: {metric} wanted {show(wanted)}%, received {percent:.0f}%"
        )


def _window(ends: list[Value], clock: Clock) -> Window:
    """Return the window between one or two moments, each a timestamp or an interval back from now."""
    if not 1 <= len(ends) <= 2:
        raise TypeMismatch("A window of samples is (from), (from, percent), (from, to) or (from, to, percent).")
    back = [_seconds_back(end, clock) for end in ends]
    return Window(max(back), min(back)) if len(back) == 2 else Window(back[0])


def _seconds_back(end: Value, clock: Clock) -> float:
    if isinstance(end, Interval):
        return end.seconds
    if isinstance(end, datetime):
        return (clock.now - end).total_seconds() * clock.speed
    raise TypeMismatch(f"A window of samples has timestamps or time intervals, not a {type_name(end)}.")
