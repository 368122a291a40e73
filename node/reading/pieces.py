"""From a list of records, or records one after the other, to decoded records, piece by piece.

A piece is cut at a guessed boundary; that it decodes as records is the proof that the guess was right. A piece that
fails is decoded again in smaller parts, record by record and with the exact scanner where it must be, so a bad record
costs only itself, and what is broken beyond that rejects the file at its byte. The guess is made again at every record
that had to be looked for, so that one odd record costs no other.
"""

from collections.abc import Iterator
from typing import Any

from node.contract import RejectedFile
from node.reading.boundary import Boundary, guess_boundary
from node.reading.layout import FAILURES, Layout, Loose, Records
from node.reading.scan import Broken
from node.reading.transactions import Repaired
from node.reading.window import Window

SMALL_BYTES = 8 * 1024


class Pieces:
    """Reads the records of one list.

    Attributes:
        stopped: the reader arrived at `stop`, exactly where a record begins.
        boundary: what is guessed to stand between two records.
    """

    def __init__(self, window: Window, layout: Layout, stop: int | None = None) -> None:
        self.window = window
        self.layout = layout
        self.stop = stop
        self.stopped = False
        self.boundary: Boundary | None = None
        self.scan_until = 0
        self.cautious = False

    def read(self) -> Iterator[Records]:
        """The records, of which one starts here, up to the list's end or to `stop`."""
        window = self.window
        closed = False
        while not closed:
            window.fill()
            window.peek()
            if self.stop is not None and window.offset >= self.stop:
                self.stopped = window.offset == self.stop
                return
            end = window.last_before(self.boundary, self.stop) if window.offset >= self.scan_until else 0
            if end:
                yield from self.piece(end)
            else:
                yield self.element()
            closed = not window.peek() if self.layout.lines else window.step(",]") == "]"

    def element(self) -> Records:
        """The next record, looked for by itself."""
        window = self.window
        end = window.quick_value()
        self.boundary = (
            guess_boundary(window.data, window.position, end, window.last, self.layout.lines) or self.boundary
        )
        raw = window.take(end)
        return self.one(raw, window.offset - len(raw))

    def piece(self, end: int) -> Iterator[Records]:
        """The records up to a guessed boundary: at once, in small parts, or one by one when the guess is wrong.

        Invalid records often follow one another: behind a piece that has some, the next one is not tried at once.
        """
        window = self.window
        found = None if self.cautious else self.at_once(end)
        if found is None:
            data = bytes(window.data[window.position : end])
            found = self.in_parts(data)
            self.cautious = found is not None and any(isinstance(records, Repaired | Loose) for records in found)
        if found is None:
            self.scan_until = window.base + end
            yield self.element()
            return
        yield from found
        window.position = end

    def at_once(self, end: int) -> list[Records] | None:
        """The records up to a guessed boundary when all are good; they are decoded where they lie."""
        window = self.window
        try:
            if not self.layout.lines:
                return [window.listed(end, self.layout.decode_records)]
            with memoryview(window.data) as memory, memory[window.position : end] as piece:
                return [self.layout.decode_records(piece)]
        except FAILURES:
            return None

    def bracketed(self, data: bytes) -> bytes:
        """Records as the layout's decoders take them."""
        return data if self.layout.lines else b"[%b]" % data

    def in_parts(self, data: bytes) -> list[Records] | None:
        """The records of a piece, a few at a time, and one by one where some are bad; None when it is no list."""
        boundary = self.boundary
        assert boundary is not None
        found: list[Records] = []
        start = 0
        while start < len(data):
            end = boundary.last(data, start, start + SMALL_BYTES) or len(data)
            part = data[start:end]
            records = self.good(part) or self.one_by_one(boundary.parts(part))
            if records is None:
                return self.one_by_one(self.split(data))
            found += records
            start = end + boundary.start - boundary.end
        return found

    def good(self, data: bytes) -> list[Records] | None:
        """Good records, or None."""
        try:
            return [self.layout.decode_records(self.bracketed(data))]
        except FAILURES:
            return None

    def split(self, data: bytes) -> list[bytes]:
        """The elements of a piece, found by the decoder; none when the piece is not whole elements."""
        try:
            return list(map(bytes, self.layout.split(self.bracketed(data))))
        except FAILURES:
            return []

    def one_by_one(self, parts: list[bytes]) -> list[Records] | None:
        """The records of a piece that does not decode as a whole; None when a part is no JSON value.

        Neighbours that are good stay together.
        """
        good: list[Any] = []
        found: list[Records] = [good]
        for part in parts:
            try:
                good += self.layout.decode_record(part)
            except FAILURES:
                if self.layout.lines and not part.strip():
                    continue
                bad = self.bad_part(part)
                if bad is None:
                    return None
                good = []
                found += [bad, good]
        return found if parts else None

    def bad_part(self, part: bytes) -> Records | None:
        """A bad record, or None when these bytes are no JSON value: the scanner will say why."""
        try:
            return self.layout.bad(part.decode("utf-8"))
        except (ValueError, Broken):
            return None

    def one(self, raw: bytes | bytearray, offset: int) -> Records:
        """One element, good or bad."""
        try:
            return self.layout.decode_record(raw)
        except FAILURES:
            return self.layout.bad(utf8(raw, offset))


def utf8(data: bytes | bytearray, offset: int) -> str:
    """Text of bytes that stand at `offset` of the file.

    Raises:
        RejectedFile: they are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectedFile("not UTF-8", offset + error.start) from None
