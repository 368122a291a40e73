"""What the operators mean for each pair of types; any other pair is a `TypeMismatch`.

Doubles follow IEEE 754 as the service's runtime does: 1/0 is infinity, 0/0 is not a number.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from batchkit.autoscale.values import Interval, Value, Vector, type_name


class TypeMismatch(Exception):  # noqa: N818 - becomes a FormulaError once the place is known
    """An operator or a function was given values that it does not take."""


def _divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def binary(symbol: str, left: Value, right: Value) -> Value:
    """Return `left symbol right`.

    Raises:
        TypeMismatch: the operator does not take these two types, or a timestamp leaves the calendar.
    """
    if symbol in _COMPARISONS:
        return _compare(symbol, left, right)
    if symbol in ("&&", "||"):
        both = (truth(left), truth(right))
        return float(all(both) if symbol == "&&" else any(both))
    result = _arithmetic(symbol, left, right)
    if result is None:
        raise _refuse(symbol, left, right)
    return result


def unary(symbol: str, operand: Value) -> Value:
    """Return `-operand` or `!operand`; raise TypeMismatch for other types than the language has it for."""
    if symbol == "!":
        return float(not truth(operand))
    if isinstance(operand, float):
        return -operand
    if isinstance(operand, Interval):
        return Interval(-operand.seconds)
    raise TypeMismatch(f"'-' does not take a {type_name(operand)}.")


def truth(value: Value) -> bool:
    """Return whether a double is nonzero; raise TypeMismatch for any other type."""
    if isinstance(value, float):
        return value != 0
    raise TypeMismatch(f"A condition must be a double, not a {type_name(value)}.")


def _compare(symbol: str, left: Value, right: Value) -> float:
    if type(left) is not type(right) or isinstance(left, tuple):
        raise _refuse(symbol, left, right)
    try:
        return float(_COMPARISONS[symbol](left, right))
    except TypeError:
        raise _refuse(symbol, left, right) from None


def _arithmetic(symbol: str, left: Value, right: Value) -> Value | None:
    if isinstance(left, float) and isinstance(right, float):
        return _ARITHMETIC[symbol](left, right)
    if isinstance(left, (float, tuple)) and isinstance(right, (float, tuple)):
        return _elementwise(symbol, left, right)
    if isinstance(left, datetime):
        return _shift(symbol, left, right)
    return _intervals(symbol, left, right)


def _elementwise(symbol: str, left: float | Vector, right: float | Vector) -> Vector:
    length = len(left) if isinstance(left, tuple) else len(right) if isinstance(right, tuple) else 0
    one = left if isinstance(left, tuple) else (left,) * length
    other = right if isinstance(right, tuple) else (right,) * length
    if len(one) != len(other):
        raise TypeMismatch(f"'{symbol}' needs vectors of one length, not {len(one)} and {len(other)}.")
    return tuple(map(_ARITHMETIC[symbol], one, other))


def _shift(symbol: str, left: datetime, right: Value) -> Value | None:
    if symbol == "-" and isinstance(right, datetime):
        return Interval((left - right).total_seconds())
    if symbol not in "+-" or not isinstance(right, Interval):
        return None
    seconds = right.seconds if symbol == "+" else -right.seconds
    try:
        return left + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise TypeMismatch("The timestamp is out of range.") from None


def _intervals(symbol: str, left: Value, right: Value) -> Value | None:
    if isinstance(left, Interval) and isinstance(right, Interval) and symbol in "+-":
        return Interval(_ARITHMETIC[symbol](left.seconds, right.seconds))
    if isinstance(left, Interval) and isinstance(right, float) and symbol in "*/":
        return Interval(_ARITHMETIC[symbol](left.seconds, right))
    if isinstance(left, float) and isinstance(right, Interval) and symbol == "*":
        return Interval(left * right.seconds)
    if symbol == "+" and isinstance(left, Interval) and isinstance(right, datetime):
        return _shift(symbol, right, left)
    return None


def _refuse(symbol: str, left: Value, right: Value) -> TypeMismatch:
    return TypeMismatch(f"'{symbol}' does not take a {type_name(left)} and a {type_name(right)}.")
