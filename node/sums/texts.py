"""Many short texts in one piece of memory: their bytes one behind the other, and their sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pickle import PickleBuffer

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
BLOCK = 65_536  # texts whose places are Python's own numbers at a time


@dataclass
class Texts:
    """Texts in UTF-8.

    Attributes:
        data: the bytes of all, without anything between them.
        sizes: bytes of each.
    """

    data: bytes | bytearray | memoryview
    sizes: Sizes

    def __len__(self) -> int:
        """How many texts."""
        return len(self.sizes)

    def __reduce__(self) -> tuple[type["Texts"], tuple[PickleBuffer, Sizes]]:
        """For pickle, which takes no memoryview."""
        return Texts, (PickleBuffer(self.data), self.sizes)

    @cached_property
    def ends(self) -> Integers:
        """Where each text ends in `data`."""
        return np.cumsum(self.sizes, dtype=np.int64)

    def __getitem__(self, row: int) -> str:
        """One text."""
        end = int(self.ends[row])
        return str(self.data[end - int(self.sizes[row]) : end], "utf-8")

    def __iter__(self) -> Iterator[str]:
        """All texts."""
        start = 0
        for first in range(0, len(self), BLOCK):
            for end in self.ends[first : first + BLOCK].tolist():
                yield str(self.data[start:end], "utf-8")
                start = end

    def slice(self, start: int, stop: int) -> "Texts":
        """Neighbouring texts, which share this one's memory."""
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[stop - 1]) if stop else 0
        return Texts(memoryview(self.data)[first:last], self.sizes[start:stop])

    def take(self, rows: Integers) -> "Texts":
        """Texts of these rows; neighbours are copied together."""
        if not len(rows):
            return Texts(b"", self.sizes[:0])
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        firsts, lasts = rows[np.append(0, breaks)], rows[np.append(breaks, len(rows)) - 1]
        starts, ends = self.ends[firsts] - self.sizes[firsts], self.ends[lasts]
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        return Texts(b"".join([self.data[start:end] for start, end in spans]), self.sizes[rows])
