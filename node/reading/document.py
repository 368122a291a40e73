"""From bytes to records: one pass, in pieces, flat in memory, and a plain answer for any bytes at all.

A small file is decoded whole. Of a large one, the way from the top level to the list of records is walked key by key;
`pieces` reads the list.
"""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

from node.contract import DOCUMENT_FIELDS, MAX_DEPTH, RejectedFile
from node.reading.boundary import Boundary
from node.reading.hints import Hints, no_json
from node.reading.layout import FAILURES, Layout, OurLayout, Records
from node.reading.pieces import Pieces, utf8
from node.reading.transactions import clean, loose_json
from node.reading.window import Window


class Reader:
    """Reads one file.

    Attributes:
        header: the top level's own fields but the transactions, as far as they were there.
        unknown: the top level's keys that the contract does not know.
        restarts: how often a later list of records replaced an earlier one.
    """

    def __init__(self, stream: BufferedIOBase, layout: Layout | None = None, stop: int | None = None) -> None:
        self.window = Window(stream)
        self.layout = layout or OurLayout()
        self.pieces = Pieces(self.window, self.layout, stop)
        self.header: dict[str, Any] = {}
        self.unknown: list[str] = []
        self.restarts = 0
        self.hints = Hints(self.layout.path)
        self.list_error: RejectedFile | None = RejectedFile("")

    @property
    def stopped(self) -> bool:
        """The reader arrived at `stop`, exactly where a record begins."""
        return self.pieces.stopped

    def read(self) -> Iterator[Records]:
        """The records in their order: lists of good ones, and the bad ones by themselves.

        Raises:
            RejectedFile: the file holds no records of this layout; what was read before is void.
        """
        self.window.fill()
        self.check_start()
        found = self.small_document() if self.pieces.stop is None else None
        if found is None:
            yield from self.walk()
        else:
            self.header, records = found
            yield records

    def walk(self) -> Iterator[Records]:
        """The same by the way to the list and piece by piece, whatever the file's size."""
        if self.layout.lines:
            yield from self.pieces.read()
            return
        yield from self.level(0)
        if not self.stopped:
            self.check_end()

    def read_from(self, start: int, boundary: Boundary) -> Iterator[Records]:
        """The records from the one that starts at byte `start` on, and what stands behind their list."""
        self.window.seek(start)
        self.pieces.boundary, self.list_error = boundary, None
        yield from self.pieces.read()
        if self.layout.lines:
            return
        for depth in reversed(range(len(self.layout.path))):
            yield from self.rest(depth)
        self.check_end()

    def check_start(self) -> None:
        """Refuse what is no JSON text at all."""
        reason = no_json(self.window.data)
        if reason:
            raise RejectedFile(reason, 0)
        if not self.window.peek():
            raise RejectedFile("the file is empty", 0)

    def small_document(self) -> tuple[dict[str, Any], Records] | None:
        """A file of one piece, decoded whole when nothing is wrong with it."""
        if not self.window.last:
            return None
        try:
            return self.layout.decode_document(self.window.data)
        except FAILURES:
            return None

    def level(self, depth: int) -> Iterator[Records]:
        """The value that so many keys of the path have led to."""
        window = self.window
        if depth == len(self.layout.path):
            yield from self.records()
        elif window.peek() == b"{":
            window.step("{")
            if window.peek() == b"}":
                window.step("}")
            else:
                yield from self.entry(depth, self.key())
                yield from self.rest(depth)
        else:
            self.no_object(depth)

    def rest(self, depth: int) -> Iterator[Records]:
        """What follows an entry of an object, up to its end."""
        while not self.stopped and self.window.step(",}") == ",":
            yield from self.entry(depth, self.key())

    def no_object(self, depth: int) -> None:
        """Something else than an object on the way to the list."""
        start = self.window.offset
        data = self.window.take(self.window.quick_value())
        if not depth:
            raise RejectedFile(self.hints.no_object(data), start)
        self.list_error = RejectedFile(self.hints.not_this(depth - 1, data, "an object"), start)

    def key(self) -> str:
        """Take a key and the colon behind it."""
        if self.window.peek() != b'"':
            raise RejectedFile("not JSON: expected a key in double quotes", self.window.offset)
        key = self.text(self.window.take(self.window.value().end))
        self.window.step(":")
        return str(loose_json(key))

    def entry(self, depth: int, key: str) -> Iterator[Records]:
        """One entry of an object on the way; of two with the path's key, the last wins."""
        if key == self.layout.path[depth]:
            self.restarts += self.list_error is None
            self.list_error = RejectedFile("")
            yield from self.level(depth + 1)
        elif depth or key not in DOCUMENT_FIELDS or self.layout.path != OurLayout.path:
            data = self.window.take(self.window.quick_value())
            self.text(data)
            self.hints.note(depth, key, data)
            self.unknown += [clean(key)]
        else:
            span = self.window.value()
            text = self.text(self.window.take(span.end))
            self.header[key] = loose_json(text) if span.depth < MAX_DEPTH else []

    def text(self, data: bytes | bytearray) -> str:
        """Bytes just taken from the window, which must be UTF-8."""
        return utf8(data, self.window.offset - len(data))

    def records(self) -> Iterator[Records]:
        """The list of records."""
        if self.window.peek() == b"[":
            self.list_error = None
            self.window.step("[")
            if self.window.peek() == b"]":
                self.window.step("]")
            else:
                yield from self.pieces.read()
            return
        start = self.window.offset
        data = self.window.take(self.window.quick_value())
        self.text(data)
        self.list_error = RejectedFile(self.hints.not_this(len(self.layout.path) - 1, data, "a list"), start)

    def check_end(self) -> None:
        """Nothing may stand behind the top level, and the list of records must have been there."""
        window = self.window
        mark = window.peek()
        if mark:
            raise RejectedFile(self.hints.something_behind(mark == b"{", self.list_error is not None), window.offset)
        if self.list_error is None:
            return
        if {"schema_version", "validation"} <= set(self.unknown):
            raise RejectedFile("this is a report of the worker, not its input")
        raise self.list_error if self.list_error.reason else RejectedFile(self.hints.no_list())
