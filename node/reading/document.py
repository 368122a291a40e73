"""From bytes to records: one pass, in pieces, flat in memory, and a plain answer for any bytes at all.

A small file is decoded whole. A large one is cut into pieces at a guessed record boundary; that a piece decodes
as a list of records is the proof that the guess was right. A piece that fails is decoded again record by record,
so a bad record costs only itself, and what is broken beyond that rejects the file at its byte.
"""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

from node.contract import DOCUMENT_FIELDS, MAX_DEPTH, RejectedFile
from node.reading.decoding import (
    FAILURES,
    Records,
    decode_document,
    decode_record,
    decode_records,
    good_records,
    guess_parts,
    split_parts,
    utf8,
)
from node.reading.scan import Broken, skip_value
from node.reading.transactions import Document, Repaired, Transaction, clean, loose_json, repair
from node.reading.window import Window

SMALL_BYTES = 8 * 1024

MAGIC = {
    b"\x1f\x8b": "the file is compressed with gzip; decompress it first",
    b"\xef\xbb\xbf": "the file starts with a byte order mark (BOM), which JSON does not allow",
    b"\xff\xfe": "the file is UTF-16, not UTF-8",
    b"\xfe\xff": "the file is UTF-16, not UTF-8",
}


class Reader:
    """Reads one file.

    Attributes:
        header: the top level's own fields but the transactions, as far as they were there.
        unknown: the top level's keys that the contract does not know.
        restarts: how often a later `transactions` key replaced an earlier one.
        stopped: the reader arrived at `stop`, exactly where a record begins.
    """

    def __init__(self, stream: BufferedIOBase, extra: tuple[str, ...] = (), stop: int | None = None) -> None:
        self.window = Window(stream)
        self.extra = extra
        self.stop = stop
        self.stopped = False
        self.header: dict[str, Any] = {}
        self.unknown: list[str] = []
        self.restarts = 0
        self.list_error: RejectedFile | None = RejectedFile("there is no 'transactions'")
        self.boundary = b""
        self.scan_until = 0
        self.cautious = False

    def read(self) -> Iterator[Records]:
        """The records in their order: lists of good ones, and each bad one by itself.

        Raises:
            RejectedFile: the file is no batch of transactions; what was read before is void.
        """
        self.window.fill()
        self.check_start()
        document = self.small_document()
        if document is None:
            yield from self.top_level()
            return
        self.header = {name: getattr(document, name) for name in DOCUMENT_FIELDS if name != "transactions"}
        yield document.transactions

    def read_from(self, start: int, boundary: bytes) -> Iterator[Records]:
        """The records from the one that starts at byte `start` on, and the rest of the top level."""
        self.window.seek(start)
        self.boundary, self.list_error = boundary, None
        yield from self.elements()
        yield from self.rest_of_top_level()

    def check_start(self) -> None:
        """Refuse what is no JSON text at all."""
        for magic, reason in MAGIC.items():
            if self.window.data.startswith(magic):
                raise RejectedFile(reason, 0)
        if not self.window.peek():
            raise RejectedFile("the file is empty", 0)

    def small_document(self) -> Document | None:
        """A file of one piece, decoded whole when nothing is wrong with it."""
        if not self.window.last:
            return None
        try:
            return decode_document(self.window.data)
        except FAILURES:
            return None

    def top_level(self) -> Iterator[Records]:
        """The top level's object, key by key."""
        window = self.window
        if window.peek() != b"{":
            window.value()
            raise RejectedFile("the top level is not an object", window.offset)
        window.step("{")
        if window.peek() == b"}":
            window.step("}")
            self.check_end()
            return
        yield from self.entry(self.key())
        if not self.stopped:
            yield from self.rest_of_top_level()

    def rest_of_top_level(self) -> Iterator[Records]:
        """What follows a value of the top level, up to the file's end."""
        window = self.window
        while window.step(",}") == ",":
            yield from self.entry(self.key())
            if self.stopped:
                return
        self.check_end()

    def check_end(self) -> None:
        """Nothing may stand behind the top level, and the transactions must have been there."""
        window = self.window
        if window.peek():
            raise RejectedFile("not JSON: something stands behind the end of the top level", window.offset)
        if self.list_error and {"schema_version", "validation"} <= set(self.unknown):
            raise RejectedFile("this is a report of the worker, not its input")
        if self.list_error:
            raise self.list_error

    def key(self) -> str:
        """Take a key and the colon behind it."""
        if self.window.peek() != b'"':
            raise RejectedFile("not JSON: expected a key in double quotes", self.window.offset)
        key = self.text(self.window.take(self.window.value().end))
        self.window.step(":")
        return str(loose_json(key))

    def entry(self, key: str) -> Iterator[Records]:
        """One value of the top level."""
        if key == "transactions":
            yield from self.transactions()
            return
        span = self.window.value()
        text = self.text(self.window.take(span.end))
        if key not in DOCUMENT_FIELDS:
            self.unknown.append(clean(key))
        else:
            self.header[key] = loose_json(text) if span.depth < MAX_DEPTH else []

    def text(self, data: bytes | bytearray) -> str:
        """Bytes just taken from the window, which must be UTF-8."""
        return utf8(data, self.window.offset - len(data))

    def transactions(self) -> Iterator[Records]:
        """The value of `transactions`; of two, the last wins."""
        self.restarts += self.list_error is None
        if self.window.peek() == b"[":
            self.list_error = None
            self.window.step("[")
            if self.window.peek() == b"]":
                self.window.step("]")
            else:
                yield from self.elements()
            return
        self.list_error = RejectedFile("'transactions' is not a list", self.window.offset)
        self.text(self.window.take(self.window.value().end))

    def elements(self) -> Iterator[Records]:
        """The elements of the list, of which one starts here, up to the list's end or to `stop`."""
        window = self.window
        closed = False
        while not closed:
            window.fill()
            window.peek()
            if self.stop is not None and window.offset >= self.stop:
                self.stopped = window.offset == self.stop
                return
            end = window.cut(self.boundary, self.stop) if window.offset >= self.scan_until else 0
            if end:
                yield from self.piece(end)
            else:
                yield self.element()
            closed = window.step(",]") == "]"

    def element(self) -> Records:
        """The next element, found by scanning."""
        span = self.window.value()
        raw = self.window.take(span.end)
        self.boundary = self.boundary or self.window.boundary(span.end)
        return self.one(raw, self.window.offset - len(raw))

    def piece(self, end: int) -> Iterator[Records]:
        """The records up to a guessed boundary: at once, in small parts, or with the scanner when the guess is wrong.

        Invalid records often follow one another: behind a piece that has some, the next one is not tried at once.
        """
        window = self.window
        found = None if self.cautious else self.at_once(end)
        if found is None:
            data = bytes(window.data[window.position : end])
            found = self.in_parts(data)
            self.cautious = found is not None and any(isinstance(records, Repaired) for records in found)
        if found is None:
            self.scan_until = window.base + end
            yield self.element()
            return
        yield from found
        window.position = end

    def at_once(self, end: int) -> list[Records] | None:
        """The records up to a guessed boundary when all are good; they are decoded where they lie."""
        try:
            return [self.window.listed(end, decode_records)]
        except FAILURES:
            return None

    def in_parts(self, data: bytes) -> list[Records] | None:
        """The records of a piece, a few at a time, and one by one where some are bad; None when it is no list."""
        opening = self.boundary.index(b"{")
        found: list[Records] = []
        start = 0
        while start < len(data):
            end = data.rfind(self.boundary, start, start + SMALL_BYTES) + 1 or len(data)
            part = data[start:end]
            records = good_records(part) or self.one_by_one(guess_parts(part, self.boundary))
            if records is None:
                return self.one_by_one(split_parts(data))
            found += records
            start = end + opening - 1
        return found

    def one_by_one(self, parts: list[bytes]) -> list[Records] | None:
        """The records of a piece that does not decode as a whole; None when a part is no JSON value.

        Neighbours that are good stay together.
        """
        good: list[Transaction] = []
        found: list[Records] = [good]
        for part in parts:
            try:
                good.append(decode_record(part))
            except FAILURES:
                bad = self.bad_part(part)
                if bad is None:
                    return None
                good = []
                found += [bad, good]
        return found if parts else None

    def bad_part(self, part: bytes) -> Repaired | None:
        """A bad record, or None when these bytes are no JSON value: the scanner will say why."""
        try:
            return self.bad(part.decode("utf-8"))
        except (ValueError, Broken):
            return None

    def one(self, raw: bytes | bytearray, offset: int) -> Records:
        """One element, good or bad."""
        try:
            return [decode_record(raw)]
        except FAILURES:
            return self.bad(utf8(raw, offset))

    def bad(self, text: str) -> Repaired:
        """A record that does not fit, read loosely; one nested too deep is not read at all."""
        deep = text.count("[") + text.count("{") > MAX_DEPTH
        if deep and skip_value(text.encode(), 0, True).depth > MAX_DEPTH:
            return repair(None)
        return repair(loose_json(text), self.extra)
