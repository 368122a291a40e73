"""How the files of a call are read: the layout, the fields that are wanted, and what else may be an input."""

import gzip
import io
import zlib
from typing import Any

from node.contract import TRANSACTION_FIELDS, RejectedFile, UsageError, endings_of
from node.mapping.file import ALL_NAMES, Mapping
from node.mapping.sheets import Sheets
from node.reading.columns import fields_of
from node.reading.layout import Layout, MappedLayout, OurLayout

GZIP = b"\x1f\x8b"


class Plan:
    """Our layout, or another one by a mapping.

    Attributes:
        extra: fields that the rules file requires beside the contract's.
        sheets: the mapping, compiled; None for our layout. With `whole` it keeps all of a record, to look at it.
    """

    def __init__(self, extra: tuple[str, ...] = (), mapping: Mapping | None = None, whole: bool = False) -> None:
        self.extra = extra
        self.mapping = mapping
        self.sheets = Sheets(mapping, wanted(extra), whole) if mapping else None
        self.layout: Layout = MappedLayout(mapping, self.sheets) if mapping and self.sheets else OurLayout(extra)

    @property
    def endings(self) -> tuple[str, ...]:
        """How the names of inputs in a folder end."""
        return endings_of(self.mapping.format if self.mapping else None)

    @property
    def divisible(self) -> bool:
        """True when a file can be read in halves: rows that are grouped belong to the whole file."""
        return not (self.mapping and self.mapping.group_by)

    @property
    def document(self) -> dict[str, Any]:
        """The mapping as it stands in reports."""
        return self.mapping.document if self.mapping else {}

    @property
    def notes(self) -> list[str]:
        """What a report warns of."""
        return self.sheets.notes if self.sheets else []

    def unpacked(self, stream: io.BufferedReader) -> io.BufferedIOBase:
        """A file's content: with a mapping, a gzipped one is decompressed on the way."""
        return Unpacked(fileobj=stream) if self.mapping and stream.peek(2)[:2] == GZIP else stream


class Unpacked(gzip.GzipFile):
    """A gzipped file; what is wrong with it rejects the input."""

    def read(self, size: int | None = -1) -> bytes:
        """Bytes of the content."""
        try:
            return super().read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RejectedFile(f"the gzipped file is damaged: {error}") from None

    def readinto(self, buffer: Any) -> int:
        """The same into memory that is there."""
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def wanted(extra: tuple[str, ...]) -> tuple[str, ...]:
    """The dotted names of all columns.

    Raises:
        UsageError: a field is required that no mapping can give.
    """
    for name in extra:
        if name not in (*ALL_NAMES, *TRANSACTION_FIELDS):
            raise UsageError(f"required.extra: {name!r} is none of our fields, so no mapping gives it.")
    return tuple(prefix + name for prefix, names in fields_of(extra).items() for name in names)
