"""The one progress bar: in a notebook, in a terminal and in a log it is a line of text on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
QUIET: list[bool] = [False]  # whether bars are left out, as where a command's stderr is no terminal


def progress(items: Iterable[Item], title: str, unit: str = "files", total: int | None = None) -> Iterator[Item]:
    """Pass the items on and show how many have passed; `total` where `items` has no length."""
    yield from tqdm(items, desc=title, unit=f" {unit}", total=total, dynamic_ncols=True, disable=QUIET[0])


def say(text: str) -> None:
    """Tell the person at work something in one line, above any progress bar."""
    tqdm.write(text)
