"""The variables of one evaluation: the pool's metrics, its targets, the constants and the user's own."""

from __future__ import annotations

import math

from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.names import DEALLOCATION, DEDICATED, LOW_PRIORITY, WRITABLE, Names
from batchkit.autoscale.operators import TypeMismatch
from batchkit.autoscale.results import Evaluation, Targets, results
from batchkit.autoscale.samples import Metrics, Series
from batchkit.autoscale.values import INTERVALS, OPTIONS, Interval, Value, Word, type_name

_LARGEST_TARGET = 2**31 - 1


class Scope:
    """Reads and assigns variables; turns what was assigned into the evaluation's result."""

    def __init__(self, metrics: Metrics, targets: Targets, dialect: Dialect) -> None:
        self._dialect = dialect
        self.names = Names(dialect)
        self._metrics = {self.names.service(name) or name: series for name, series in metrics.items()}
        self._current: dict[str, Value] = {
            DEDICATED: float(targets.dedicated),
            LOW_PRIORITY: float(targets.low_priority),
            DEALLOCATION: Word("requeue"),
        }
        self._assigned: dict[str, Value] = {}
        self._own: dict[str, Value] = {}
        self._spelling: dict[str, str] = {}

    def metric(self, name: str) -> Series | None:
        """Return a metric's samples (none, when nothing was recorded), or None for other names."""
        full = self.names.service(name)
        return self._metrics.get(full, Series()) if full in self.names.metrics and full else None

    def read(self, name: str) -> Value:
        """Return a name's value; raise TypeMismatch when nothing has that name."""
        full = self.names.service(name)
        if full in WRITABLE:
            return self._target(full)
        series = self.metric(name)
        if series is not None:
            return series.value
        key = self.names.fold(name)
        return self._own[key] if key in self._own else self._constant(name)

    def assign(self, name: str, value: Value) -> None:
        """Set a target or a variable of the user's; raise TypeMismatch when the name can't take the value."""
        full = self.names.service(name)
        if full in WRITABLE:
            self._assigned[full] = self._fitting(full, value)
        elif full is not None or self.names.find(name, (*INTERVALS, *OPTIONS)):
            raise TypeMismatch(f"'{full or name}' is read-only.")
        else:
            key = self.names.fold(name)
            self._own[key] = value
            self._spelling.setdefault(key, name)

    def evaluation(self) -> Evaluation:
        """Return the targets and the results string of what was assigned so far."""
        option = self._target(DEALLOCATION)
        targets = Targets(
            self._whole(self._target(DEDICATED)),
            self._whole(self._target(LOW_PRIORITY)),
            option.text if isinstance(option, Word) else "requeue",
        )
        own = {self._spelling[key]: value for key, value in self._own.items()}
        return Evaluation(targets, results(targets, own))

    def _target(self, name: str) -> Value:
        full = WRITABLE[name]
        short = next((each for each in WRITABLE if each != full and WRITABLE[each] == full), full)
        for each in (full, short):
            if each in self._assigned:
                return self._assigned[each]
        return self._current[full]

    def _constant(self, name: str) -> Value:
        option = self.names.find(name, OPTIONS)
        if option:
            return Word(option)
        interval = self.names.find(name, INTERVALS)
        if interval:
            return Interval(INTERVALS[interval])
        raise TypeMismatch(f"There is no variable '{name}'.")

    def _fitting(self, name: str, value: Value) -> Value:
        if name == DEALLOCATION:
            if isinstance(value, Word):
                return value
            raise TypeMismatch(f"'{name}' is one of {', '.join(OPTIONS)}, not a {type_name(value)}.")
        if not isinstance(value, float):
            raise TypeMismatch(f"'{name}' must be a double, not a {type_name(value)}.")
        self._whole(value)
        return float(self._whole(value)) if self._dialect.round_when == "assignment" else value

    def _whole(self, value: Value) -> int:
        """Return a target as the number of nodes it means."""
        if not isinstance(value, float) or not abs(value) <= _LARGEST_TARGET:
            raise TypeMismatch(f"A number of nodes can't be {value}.")
        whole = math.trunc(value) if self._dialect.rounding == "truncate" else math.floor(value + 0.5)
        if whole < 0 and self._dialect.negative_target == "error":
            raise TypeMismatch(f"A number of nodes can't be negative: {whole}.")
        return max(0, whole)
