"""The guess where one record ends and the next begins; that what lies between decodes is the proof.

A guess is what stands between two records: the first one's last byte, the separator, the next one's first key. Where
the same stands inside a record too (lines that begin with the same key), the keys behind it tell the two apart.
"""

import re

from msgspec import Struct

from node.reading.scan import STRING, STRING_KIND, Broken, NeedMore, next_token

SCALAR = rb"(?:" + STRING + rb'"|[^\s,{}\[\]"]++)'
SPACES = rb"[ \t\n\r]*+"
MAX_KEYS = 12
MAX_TRIES = 200
MAX_LOOK = 64 * 1024


class Boundary(Struct, frozen=True):
    """What stands between two records.

    Attributes:
        mark: the bytes.
        end: how many of them belong to the record before.
        start: where in them the next record begins.
        behind: mark and what must follow it; empty when the mark is enough.
    """

    mark: bytes
    end: int
    start: int
    behind: bytes = b""

    def last(self, data: bytes | bytearray, position: int, limit: int) -> int:
        """The end of the last record that ends between two places; 0 when there is none."""
        at = data.rfind(self.mark, position, limit)
        tries = MAX_TRIES
        while at > position and not self.fits(data, at):
            at = data.rfind(self.mark, position, at) if tries else -1
            tries -= 1
        return at + self.end if at > position else 0

    def first(self, data: bytes | bytearray) -> int:
        """Where the first record begins that has another one before it; -1 when there is none."""
        at = data.find(self.mark)
        while at >= 0 and not self.fits(data, at):
            at = data.find(self.mark, at + 1)
        return at if at < 0 else at + self.start

    def fits(self, data: bytes | bytearray, at: int) -> bool:
        """True for a mark that is no part of a record, as far as one can see."""
        return not self.behind or re.compile(self.behind).match(data, at) is not None

    def parts(self, data: bytes) -> list[bytes]:
        """Records, cut at every place that looks like a boundary."""
        first, *rest = data.split(self.mark)
        head, tail = self.mark[: self.end], self.mark[self.start :]
        parts = [first, *(tail + part for part in rest)]
        return [part + head for part in parts[:-1]] + parts[-1:]


def guess_boundary(data: bytearray, start: int, end: int, last: bool, lines: bool) -> Boundary | None:
    """The guess from what follows the record that lies from `start` to `end`; with `lines`, no comma stands between."""
    try:
        if lines and is_line(data, start, end):
            return Boundary(b"\n", 0, 1)
        return marked(data, start, end, last, lines)
    except (NeedMore, Broken):
        return None


def is_line(data: bytearray, start: int, end: int) -> bool:
    """True for a record that is a line."""
    return data.find(b"\n", start, end) < 0 and data[end : end + 9].lstrip(b"\r ")[:1] == b"\n"


def marked(data: bytearray, start: int, end: int, last: bool, lines: bool) -> Boundary | None:
    """From the last byte of a record to the first key of the next."""
    comma, _, after = (",", end, end) if lines else next_token(data, end, last)
    brace, at, inside = next_token(data, after, last)
    key, _, behind = next_token(data, inside, last)
    if (comma, brace, key) != (",", "{", STRING_KIND) or data[end - 1 : end] != b"}":
        return None
    mark = bytes(data[end - 1 : behind])
    nested = data.find(mark, start, end) >= 0
    further = signature(data, behind, last, mark, bytes(data[start : min(end, start + MAX_LOOK)])) if nested else b""
    return Boundary(mark, 1, at - end + 1, further)


def signature(data: bytearray, position: int, last: bool, mark: bytes, record: bytes) -> bytes:
    """A pattern of the mark and the keys behind it, as many as it takes not to find it inside of a record."""
    pattern = re.escape(mark)
    for _ in range(MAX_KEYS):
        _, _, position = next_token(data, position, last)
        kind, _, position = next_token(data, position, last)
        pattern += SPACES + b":" + SPACES + (re.escape(kind.encode()) if kind in "[{" else SCALAR)
        if not re.search(pattern, record) or kind in "[{":
            break
        kind, _, position = next_token(data, position, last)
        if kind != ",":
            break
        _, start, position = next_token(data, position, last)
        pattern += SPACES + b"," + SPACES + re.escape(bytes(data[start:position]))
        if not re.search(pattern, record):
            break
    return pattern
