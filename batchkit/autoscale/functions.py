"""The functions of the language over numbers and vectors.

A doubleVecList (numbers and vectors mixed) is flattened first: with v = [1,2,3], avg(v, 7) is
avg(1,2,3,7). `time`, `stop` and the samples' methods need the evaluation and live with it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.operators import TypeMismatch
from batchkit.autoscale.values import Value, Vector, type_name

Statistic: TypeAlias = Callable[[Vector], float]
Elementwise: TypeAlias = Callable[[float], float]


def call(name: str, arguments: Sequence[Value], dialect: Dialect) -> Value:
    """Return a function's value.

    Raises:
        TypeMismatch: no such function, or arguments that it does not take.
    """
    if name in _ANY_NUMBER:
        return float(_ANY_NUMBER[name](_flatten(name, arguments)))
    if name in _STATISTICS:
        return _statistic(name, _flatten(name, arguments), dialect)
    if name in _ELEMENTWISE or (dialect.newer_names and name in _NEWER):
        return _map(name, *_exactly(1, name, arguments))
    if name == "val":
        return _element(dialect, *_exactly(2, name, arguments))
    if name == "percentile":
        return _percentile(dialect, *_exactly(2, name, arguments))
    if name == "rand":
        _exactly(0, name, arguments)
        return random.random()  # noqa: S311 - the language's rand(), no secret
    raise TypeMismatch(f"There is no function '{name}'.")


def names(dialect: Dialect) -> list[str]:
    """Return the names that `call` knows under a dialect."""
    newer = [*_NEWER] if dialect.newer_names else []
    return [*_ANY_NUMBER, *_STATISTICS, *_ELEMENTWISE, *newer, "val", "percentile", "rand"]


def _norm(vector: Vector) -> float:
    return math.sqrt(sum(x * x for x in vector))


def _deviation(vector: Vector) -> float:
    """Return the sample deviation; one number has none."""
    if len(vector) < 2:
        return 0.0
    mean = sum(vector) / len(vector)
    return math.sqrt(sum((x - mean) * (x - mean) for x in vector) / (len(vector) - 1))


def _logarithm(base: Callable[[float], float]) -> Elementwise:
    def logarithm(number: float) -> float:
        if number > 0:
            return base(number)
        return -math.inf if number == 0 else math.nan

    return logarithm


def _whole(step: Callable[[float], float]) -> Elementwise:
    return lambda number: float(step(number)) if math.isfinite(number) else number


_ANY_NUMBER: dict[str, Statistic] = {"len": len, "sum": sum, "norm": _norm}
_STATISTICS: dict[str, Statistic] = {
    "avg": lambda vector: sum(vector) / len(vector),
    "max": max,
    "min": min,
    "range": lambda vector: max(vector) - min(vector),
    "std": _deviation,
}
_ELEMENTWISE: dict[str, Elementwise] = {
    "lg": _logarithm(math.log2),
    "ln": _logarithm(math.log),
    "log": _logarithm(math.log10),
}
_NEWER: dict[str, Elementwise] = {
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "round": _whole(lambda number: math.floor(number + 0.5)),
}


def _flatten(name: str, arguments: Sequence[Value]) -> Vector:
    flat: list[float] = []
    for argument in arguments:
        if not isinstance(argument, (float, tuple)):
            raise TypeMismatch(f"'{name}' does not take a {type_name(argument)}.")
        flat.extend(argument if isinstance(argument, tuple) else (argument,))
    return tuple(flat)


def _statistic(name: str, vector: Vector, dialect: Dialect) -> float:
    if vector:
        return float(_STATISTICS[name](vector))
    if dialect.empty_statistic == "error":
        raise TypeMismatch(f"'{name}' has no values to work on.")
    return 0.0 if dialect.empty_statistic == "zero" else math.nan


def _exactly(count: int, name: str, arguments: Sequence[Value]) -> Sequence[Value]:
    if len(arguments) != count:
        raise TypeMismatch(f"'{name}' takes {count} argument(s), not {len(arguments)}.")
    return arguments


def _map(name: str, argument: Value) -> Value:
    function = _ELEMENTWISE.get(name) or _NEWER[name]
    if isinstance(argument, float):
        return function(argument)
    if isinstance(argument, tuple):
        return tuple(map(function, argument))
    raise TypeMismatch(f"'{name}' does not take a {type_name(argument)}.")


def _vector_and_number(name: str, vector: Value, number: Value) -> tuple[Vector, float]:
    if not isinstance(vector, tuple) or not isinstance(number, float):
        given = f"{type_name(vector)} and a {type_name(number)}"
        raise TypeMismatch(f"'{name}' takes a doubleVec and a double, not a {given}.")
    return vector, number


def _element(dialect: Dialect, vector: Value, index: Value) -> float:
    values, at = _vector_and_number("val", vector, index)
    if not values:
        return _statistic("min", values, dialect)
    if not 0 <= at < len(values):
        raise TypeMismatch(f"'val' has no element {at:g} in a vector of {len(values)}.")
    return values[int(at)]


def _percentile(dialect: Dialect, vector: Value, percent: Value) -> float:
    values, share = _vector_and_number("percentile", vector, percent)
    if not 0 <= share <= 100:
        raise TypeMismatch(f"'percentile' takes 0 to 100, not {share:g}.")
    if not values:
        return _statistic("min", values, dialect)
    ordered = sorted(values)
    if dialect.percentile == "nearest":
        return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
    position = share / 100 * (len(ordered) - 1)
    below = min(int(position), max(0, len(ordered) - 2))
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
