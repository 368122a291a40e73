"""A file's content in a few numbers, by which the same file under two names is known again.

It is taken from the columns, which is a tenth of the work of hashing the file: its size, and checksums of its
transaction ids, timestamps and totals, in their order.
"""

import zlib
from typing import Any

from msgspec import Struct

ZEROS = bytes(1024 * 1024)


class Checksum(Struct):
    """The CRC-32 of so many bytes."""

    value: int = 0
    size: int = 0

    def add(self, data: Any) -> None:
        """Take what comes next."""
        self.value = zlib.crc32(data, self.value)
        self.size += memoryview(data).nbytes

    def append(self, more: "Checksum") -> None:
        """Take what another one has taken: a checksum is linear, so zeros carry this one behind the other's bytes."""
        start, zeros = self.value, 0
        for at in range(0, more.size, len(ZEROS)):
            piece = memoryview(ZEROS)[: more.size - at]
            start, zeros = zlib.crc32(piece, start), zlib.crc32(piece, zeros)
        self.value, self.size = start ^ zeros ^ more.value, self.size + more.size


class Content(Struct):
    """What a file, or a part of one, holds."""

    ids: Checksum
    timestamps: Checksum
    totals: Checksum

    @classmethod
    def empty(cls) -> "Content":
        """Nothing yet."""
        return cls(Checksum(), Checksum(), Checksum())

    def add(self, ids: Any, timestamps: Any, totals: Any) -> None:
        """The next records' ids and timestamps as they are written, and totals as floats."""
        self.ids.add(ids)
        self.timestamps.add(timestamps)
        self.totals.add(totals)

    def append(self, more: "Content") -> None:
        """The part of the file that follows."""
        self.ids.append(more.ids)
        self.timestamps.append(more.timestamps)
        self.totals.append(more.totals)

    def text(self, size: int) -> str:
        """The content of a file of so many bytes as a text; empty when it has no transactions."""
        sums = (self.ids, self.timestamps, self.totals)
        return f"{size:x}-" + "".join(f"{one.value:08x}" for one in sums) if self.totals.size else ""
