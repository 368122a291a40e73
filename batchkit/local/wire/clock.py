"""The one clock: what is now, and how to wait. A test puts a virtual one in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class Clock:
    """Real time, in UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock."""
        await asyncio.sleep(seconds)


_clock = Clock()


def now() -> datetime:
    """Return the present moment in UTC."""
    return _clock.now()


async def sleep(seconds: float) -> None:
    """Wait; at least until everything else that is due has had its turn."""
    await _clock.sleep(max(0.0, seconds))


@contextmanager
def use(clock: Clock) -> Iterator[None]:
    """Have everything in this process go by another clock."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
