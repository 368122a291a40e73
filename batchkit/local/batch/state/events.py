"""What happened, told at once and in order to whoever asked to hear it; `service.py` says who does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Event(Generic[P]):
    """One kind of thing that happens: called by where it happens, heard by what it leads to."""

    def __init__(self) -> None:
        self._heard: list[Callable[P, None]] = []

    def connect(self, hear: Callable[P, None]) -> None:
        """Have this called at each event, after those that were connected before."""
        self._heard.append(hear)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell everyone."""
        for hear in self._heard:
            hear(*args, **kwargs)
