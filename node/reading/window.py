"""A window that slides over a file: the bytes that are being read, and no more than these.

`position` is where the reader stands in `data`; `offset` is the same place counted from the file's first byte.
"""

import re
from collections.abc import Callable
from io import BufferedIOBase
from typing import Any

import msgspec

from node.contract import MAX_RECORD_BYTES, RejectedFile
from node.reading.boundary import Boundary
from node.reading.scan import SPACE_BYTES, Broken, NeedMore, Span, skip_space, skip_value

PIECE_BYTES = 128 * 1024
TOO_LARGE = "one value is larger than 64 MiB"
# How the decoder says where a value ended that is followed by something else.
TRAILING = re.compile(r"trailing characters \(byte ([0-9]+)\)")
# Half a surrogate pair, of which the decoder says that the data were truncated.
LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
skip_any = msgspec.json.Decoder(msgspec.Raw).decode


class Window:
    """Reads a stream forward; every failure is a RejectedFile with its byte offset."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self.stream = stream
        self.data = bytearray()
        self.position = 0
        self.base = 0
        self.last = False

    def seek(self, offset: int) -> None:
        """Stand at a byte of the file that is not its first."""
        self.stream.seek(offset)
        self.data, self.position, self.base = bytearray(b"?"), 1, offset - 1

    @property
    def offset(self) -> int:
        """Where the reader stands, from the file's first byte."""
        return self.base + self.position

    def fill(self) -> None:
        """Forget what was read and hold at least one piece ahead, or all that is left."""
        ahead = len(self.data) - self.position
        if ahead < PIECE_BYTES and not self.last:
            self.more(2 * PIECE_BYTES - ahead)

    def more(self, size: int) -> None:
        """Read up to `size` bytes more, mostly into the same memory; the byte before `position` stays."""
        start = max(self.position - 1, 0)
        kept = self.data[start:]
        self.base, self.position = self.base + start, self.position - start
        size = min(size, MAX_RECORD_BYTES + PIECE_BYTES - len(kept))
        if size <= 0:
            raise RejectedFile(TOO_LARGE, self.offset)
        if len(kept) + size == len(self.data):
            self.data[: len(kept)] = kept
            with memoryview(self.data) as memory:
                found = self.stream.readinto(memory[len(kept) :])
            del self.data[len(kept) + found :]
        else:
            self.data = kept
            chunk = self.stream.read(size)
            found = len(chunk)
            self.data += chunk
        self.last = found < size

    def peek(self) -> bytearray:
        """The next byte that is no white space, not taken; nothing at the file's end."""
        while True:
            self.position = skip_space(self.data, self.position)
            if self.position < len(self.data) or self.last:
                return self.data[self.position : self.position + 1]
            self.more(PIECE_BYTES)

    def step(self, expected: str) -> str:
        """Take one mark, one of the `expected`, and return it."""
        mark = self.peek()
        if not mark or mark not in expected.encode():
            wanted = " or ".join(f"'{choice}'" for choice in expected)
            what = "the file ends" if not mark else "not JSON"
            raise RejectedFile(f"{what}: expected {wanted}", self.offset)
        self.position += 1
        return mark.decode()

    def value(self) -> Span:
        """The span of the value that stands next, in `data`, not taken."""
        while True:
            try:
                span = skip_value(self.data, self.position, self.last)
            except NeedMore:
                self.more(max(PIECE_BYTES, len(self.data) - self.position))
            except Broken as broken:
                raise RejectedFile(broken.reason, self.base + broken.position) from None
            else:
                if span.end - span.start > MAX_RECORD_BYTES:
                    raise RejectedFile(TOO_LARGE, self.base + span.start)
                return span

    def quick_value(self) -> int:
        """Where the value that stands next ends, in `data`: the decoder skips it, the scanner says what is wrong."""
        if bytes(self.peek()) not in (b"{", b"["):
            return self.value().end
        while True:
            end, whole = self.skipped()
            if end and end - self.position <= MAX_RECORD_BYTES:
                return end
            if end or whole or self.last:
                return self.value().end
            self.more(max(PIECE_BYTES, len(self.data) - self.position))

    def skipped(self) -> tuple[int, bool]:
        """The end of the value that begins here, or 0; and False when only what is to come can tell."""
        with memoryview(self.data) as memory, memory[self.position :] as rest:
            try:
                skip_any(rest)
            except msgspec.DecodeError as error:
                said = str(error)
            except RecursionError:
                return 0, True
            else:
                return len(self.data), True
        found = TRAILING.search(said)
        if found is None:
            return 0, "truncated" not in said or LONE_SURROGATE.search(self.data, self.position) is not None
        end = self.position + int(found[1]) - 1
        while self.data[end - 1] in SPACE_BYTES:
            end -= 1
        return end, True

    def take(self, end: int) -> bytearray:
        """The bytes from here to `end` of `data`."""
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def listed(self, end: int, decode: Callable[[memoryview], Any]) -> Any:
        """What `decode` makes of the bytes from here to `end`, as a list with brackets around.

        The byte before and the byte behind are overwritten with brackets meanwhile, so that nothing is copied.
        """
        data, start = self.data, self.position - 1
        overwritten = data[start], data[end]
        data[start], data[end] = b"[]"
        try:
            with memoryview(data) as memory:
                return decode(memory[start : end + 1])
        finally:
            data[start], data[end] = overwritten

    def last_before(self, boundary: Boundary | None, stop: int | None) -> int:
        """The guessed end of the records that lie whole in the window and before `stop`: 0 without a guess."""
        if boundary is None:
            return 0
        limit = self.position + PIECE_BYTES
        if stop is not None:
            limit = min(limit, stop - self.base + len(boundary.mark) - boundary.start)
        return boundary.last(self.data, self.position, limit)
