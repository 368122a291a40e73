"""Distinct transaction ids: which ones occur more than once, how often, and on which day each is seen first.

There are as many as there are transactions, so they are kept as a few flat arrays, some 50 bytes an id. Ids are
compared by their 64-bit hashes, and what has the same hash by its text. The hash is Python's own, which a process and
its forks agree on, and nobody else: it never leaves them.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from node.sums.texts import Sizes, Texts

Hashes = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]
PENDING = 200_000  # ids: so many may be there twice before anybody looks


@dataclass
class Block:
    """Some ids, an element each: the text, its hash, and the first day as YYYYMMDD (0: none)."""

    texts: Texts
    hashes: Hashes
    days: Days

    def __len__(self) -> int:
        """How many ids."""
        return len(self.texts)

    def slice(self, start: int, stop: int) -> "Block":
        """Neighbouring ids, which share this one's memory."""
        return Block(self.texts.slice(start, stop), self.hashes[start:stop], self.days[start:stop])

    def take(self, rows: Any) -> "Block":
        """The ids of these rows."""
        return Block(self.texts.take(rows), self.hashes[rows], self.days[rows])


class Ids:
    """A set of ids that grows by blocks and is settled when somebody asks.

    Attributes:
        blocks: once settled, every id once; until then, repeated ones may stand in several places.
        further: id -> how often it occurs beyond its places in the blocks.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.further: dict[str, int] = {}
        self.count = 0
        self.pending = 0

    def __len__(self) -> int:
        """How many places the blocks have."""
        return self.count

    def add(self, block: Block) -> None:
        """Add ids, each of which occurs once more."""
        self.extend([block], len(block), len(block))

    def merge(self, more: "Ids") -> None:
        """Add another set; settled ids that meet none stay settled."""
        for text, count in more.further.items():
            self.further[text] = self.further.get(text, 0) + count
        self.extend(more.blocks, more.count, more.count if self.count else more.pending)

    def extend(self, blocks: list[Block], count: int, pending: int) -> None:
        """Take more blocks; from time to time settle, so that memory grows with the distinct ids only."""
        self.blocks.extend(blocks)
        self.count += count
        self.pending += pending
        if self.pending > max(PENDING, self.count // 2):
            self.settle()

    def settle(self) -> None:
        """Give every id one place: its first, with its first day."""
        if self.pending:
            self.drop(self.same_hash())
            self.pending = 0

    def same_hash(self) -> list[int]:
        """Places of ids that have the same hash as another one, in order."""
        hashes = np.concatenate([block.hashes for block in self.blocks])
        hashes.sort()
        equal = hashes[1:] == hashes[:-1]
        if not equal.any():
            return []
        repeated = np.unique(hashes[1:][equal])
        places: list[int] = []
        start = 0
        for block in self.blocks:
            nearest = np.minimum(np.searchsorted(repeated, block.hashes), len(repeated) - 1)
            places += (np.flatnonzero(repeated[nearest] == block.hashes) + start).tolist()
            start += len(block)
        return places

    def drop(self, places: list[int]) -> None:
        """Of these places, keep one for each text."""
        if not places:
            return
        starts = np.cumsum([0, *map(len, self.blocks)])
        numbers = np.searchsorted(starts, places, side="right") - 1
        dropped: dict[int, list[int]] = {}
        first: dict[str, tuple[Days, int]] = {}
        for place, number in zip(places, numbers.tolist(), strict=True):
            block, row = self.blocks[number], place - int(starts[number])
            text = block.texts[row]
            if text in first:
                days, at = first[text]
                days[at] = min(days[at], block.days[row])
                self.further[text] = self.further.get(text, 0) + 1
                dropped.setdefault(number, []).append(row)
            else:
                first[text] = (block.days, row)
        for number, rows in dropped.items():
            kept = np.delete(np.arange(len(self.blocks[number])), rows)
            self.blocks[number] = self.blocks[number].take(kept)
            self.count -= len(rows)

    def repeats(self) -> dict[str, int]:
        """Ids that occur more than once, and how often."""
        self.settle()
        return {text: count + 1 for text, count in self.further.items()}

    def first_days(self) -> dict[int, int]:
        """Day -> how many ids are seen first on it."""
        self.settle()
        if not self.blocks:
            return {}
        days, counts = np.unique(np.concatenate([block.days for block in self.blocks]), return_counts=True)
        return dict(zip(days.tolist(), counts.tolist(), strict=True))

    def columns(self) -> Iterator[memoryview | bytes]:
        """Everything but `further` as bytes: all sizes and all days as int32, then all texts."""
        self.settle()
        for block in self.blocks:
            yield block.texts.sizes.astype("<i4").tobytes()
        for block in self.blocks:
            yield block.days.astype("<i4").tobytes()
        for block in self.blocks:
            yield memoryview(block.texts.data)


def read_columns(count: int, data: memoryview) -> Block:
    """`count` ids from what `Ids.columns` wrote.

    Raises:
        ValueError: the bytes are not that, or a text is not UTF-8.
    """
    sizes: Sizes = np.frombuffer(data[: 4 * count], "<i4")
    days: Days = np.frombuffer(data[4 * count : 8 * count], "<i4").copy()
    texts = Texts(data[8 * count :], sizes)
    if len(days) != count or (sizes < 1).any() or int(sizes.sum(dtype=np.int64)) != len(texts.data):
        raise ValueError("its ids are damaged")
    hashes = np.frombuffer(array("q", map(hash, texts)), np.int64)
    return Block(texts, hashes, days)
