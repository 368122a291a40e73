"""The values a formula computes with, and how the service prints them.

A double is a float (a condition's answer is 1.0 or 0.0), a doubleVec a tuple of floats, a string a
str, a timestamp an aware datetime in UTC; a time interval and a bare word have types of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_LARGEST_WHOLE = 1e15
_TICKS = 10_000_000


@dataclass(frozen=True, order=True)
class Interval:
    """A length of time, in seconds; negative when it reaches back."""

    seconds: float


@dataclass(frozen=True)
class Word:
    """A node deallocation option, written as a bare word."""

    text: str


Vector: TypeAlias = tuple[float, ...]
Value: TypeAlias = float | Vector | str | datetime | Interval | Word

INTERVALS = {
    "TimeInterval_Zero": 0.0,
    "TimeInterval_100ns": 1e-7,
    "TimeInterval_Microsecond": 1e-6,
    "TimeInterval_Millisecond": 1e-3,
    "TimeInterval_Second": 1.0,
    "TimeInterval_Minute": 60.0,
    "TimeInterval_Hour": 3600.0,
    "TimeInterval_Day": 86_400.0,
    "TimeInterval_Week": 7 * 86_400.0,
    "TimeInterval_Year": 365 * 86_400.0,
}

_TYPE_NAMES: dict[type, str] = {
    float: "double",
    tuple: "doubleVec",
    str: "string",
    datetime: "timestamp",
    Interval: "timeinterval",
    Word: "deallocation option",
}


def type_name(value: Value) -> str:
    """Return the language's own name of a value's type."""
    return _TYPE_NAMES[type(value)]


def show(value: Value) -> str:
    """Return a value as the service prints it in `results` (of an interval: inferred, .NET's way)."""
    if isinstance(value, float):
        return _show_number(value)
    if isinstance(value, tuple):
        return "[" + ",".join(map(_show_number, value)) + "]"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, Interval):
        return _show_interval(value.seconds)
    return value.text if isinstance(value, Word) else value


def _show_number(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number.is_integer() and abs(number) < _LARGEST_WHOLE:
        return str(int(number))
    return repr(number).replace("e", "E")


def _show_interval(seconds: float) -> str:
    if not math.isfinite(seconds):
        return _show_number(seconds)
    whole, ticks = divmod(round(abs(seconds) * _TICKS), _TICKS)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    sign = "-" if seconds < 0 else ""
    return sign + (f"{days}." if days else "") + clock + (f".{ticks:07d}" if ticks else "")
