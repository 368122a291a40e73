"""A pool's metrics: samples that the service takes every 30 seconds, and the windows a formula asks for.

Whoever records the samples adds them about a minute late and, on a faster clock, closer together;
a window that a formula names is divided by the same speed (`Clock`), so its share of samples stays right.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

PERIOD_SECONDS = 30.0
DELAY_SECONDS = 60.0

Sample: TypeAlias = tuple[datetime, float]


@dataclass(frozen=True)
class Clock:
    """The moment of an evaluation, and how many times faster than real the service's clock runs."""

    now: datetime
    speed: float = 1.0


@dataclass(frozen=True)
class Window:
    """A stretch of history, in seconds before now, on the service's clock: `far` is the older end."""

    far: float
    near: float = 0.0

    @property
    def capacity(self) -> int:
        """How many samples the window could hold: at least one."""
        return max(1, int((self.far - self.near) / PERIOD_SECONDS))


@dataclass
class Series:
    """One metric's samples in order of time; `current` is its value when the formula uses it bare.

    Without `current` the newest sample stands for it, and 0 when there is none.
    """

    samples: Sequence[Sample] = field(default_factory=list)
    current: float | None = None

    @property
    def value(self) -> float:
        """The metric used as a number."""
        if self.current is not None:
            return float(self.current)
        return float(self.samples[-1][1]) if self.samples else 0.0

    def last(self, count: int) -> tuple[float, ...]:
        """Return up to `count` newest samples, the oldest first."""
        return tuple(float(value) for _, value in self.samples[-count:]) if count > 0 else ()

    def within(self, window: Window, clock: Clock) -> tuple[float, ...]:
        """Return the samples of a window, both ends included, the oldest first."""
        begin = bisect_left(self.samples, _before(clock, window.far), key=_moment)
        end = bisect_right(self.samples, _before(clock, window.near), key=_moment)
        return tuple(float(value) for _, value in self.samples[begin:end])

    def percent(self, window: Window, clock: Clock) -> float:
        """Return the share (0 to 100) of the samples that the window could hold."""
        return min(100.0, 100.0 * len(self.within(window, clock)) / window.capacity)


Metrics: TypeAlias = Mapping[str, Series]


def _moment(sample: Sample) -> datetime:
    return sample[0]


def _before(clock: Clock, seconds: float) -> datetime:
    try:
        return clock.now - timedelta(seconds=seconds / clock.speed)
    except OverflowError:
        edge = datetime.min if seconds > 0 else datetime.max
        return edge.replace(tzinfo=clock.now.tzinfo)
