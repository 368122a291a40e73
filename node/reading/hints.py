"""What a rejected file is instead of what was expected, and what to do next: said by its first bytes or its keys."""

import re
from typing import Any

import msgspec

from node.mapping.paths import nearest_name, shortened, written

OURS = ("transactions",)
DRAFT = "see `python -m node draft`"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
OTHERS = {
    b"\x00\x00\xfe\xff": "the file is UTF-32, not UTF-8; write it as UTF-8",
    b"\xff\xfe\x00\x00": "the file is UTF-32, not UTF-8; write it as UTF-8",
    b"\xff\xfe": "the file is UTF-16, not UTF-8; write it as UTF-8",
    b"\xfe\xff": "the file is UTF-16, not UTF-8; write it as UTF-8",
    b"\xef\xbb\xbf": "the file starts with a byte order mark (BOM), which JSON does not allow; leave it out",
    b"PAR1": "the file is Parquet, not JSON",
    b"Obj\x01": "the file is Avro, not JSON",
    b"%PDF": "the file is a PDF, not JSON",
}
WIDE = (
    (re.compile(rb"\x00\x00\x00[^\x00]"), "UTF-32"),
    (re.compile(rb"[^\x00]\x00\x00\x00"), "UTF-32"),
    (re.compile(rb"\x00[^\x00]"), "UTF-16"),
    (re.compile(rb"[^\x00]\x00"), "UTF-16"),
)
HTML = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
XML = re.compile(rb"\s*<(?:\?xml|!--|!doctype|[A-Za-z_])", re.IGNORECASE)
MAX_DEPTH = 5
MAX_KEYS = 1000

items_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
entries_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def no_json(data: bytes | bytearray) -> str | None:
    """What a file is that begins like this, when it is no JSON in UTF-8."""
    for magic, name in PACKED.items():
        if data.startswith(magic):
            return f"the file is compressed with {name}; decompress it first" + (
                ", or give a --mapping, which reads it as it is" if name == "gzip" else ""
            )
    for magic, reason in OTHERS.items():
        if data.startswith(magic):
            return reason
    for pattern, name in WIDE:
        if pattern.match(data):
            return f"the file is {name}, not UTF-8; write it as UTF-8"
    if HTML.match(data):
        return "the file is an HTML page, not JSON: perhaps an error page or a login was saved instead of the data"
    return "the file is XML, not JSON" if XML.match(data) else None


class Hints:
    """Keeps what stands beside the way to the records, for the case that these are not there.

    Attributes:
        keys: a level of the way -> the keys seen there.
        lists: paths of lists of objects -> how many these are.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.keys: dict[int, list[str]] = {}
        self.lists: dict[tuple[str, ...], int] = {}

    def note(self, depth: int, key: str, data: bytes | bytearray) -> None:
        """An entry that does not lead to the records."""
        keys = self.keys.setdefault(depth, [])
        if len(keys) < MAX_KEYS:
            keys.append(key)
            self.lists |= lists_in(data, (*self.path[:depth], key))

    def no_list(self) -> str:
        """The path led nowhere; the nearest list is what was meant."""
        depth = max((at for at in self.keys), default=0)
        depth = min(depth, len(self.path) - 1)
        where = f" in {written(self.path[:depth])}" if depth else ""
        return f"there is no {self.path[depth]!r}{where}{self.instead(depth)}"

    def instead(self, depth: int) -> str:
        """What is there: the longest list of objects, else the keys."""
        if self.lists:
            path, count = max(self.lists.items(), key=lambda item: (item[1], -len(item[0])))
            return f"; {written(path)!r} is a list of {count} objects: {self.advice(path)}"
        keys = self.keys.get(depth, [])
        return f"; there is {shortened(nearest_name(self.path[depth], keys))}" if keys else ""

    def advice(self, path: tuple[str, ...]) -> str:
        """What to do with a list that was found."""
        return DRAFT if self.path == OURS else f'write records = "{written(path)}"'

    def not_this(self, depth: int, data: bytes | bytearray, expected: str) -> str:
        """What the path led to is of another kind."""
        where = written(self.path[: depth + 1]) or "the top level"
        found = lists_in(data, self.path[: depth + 1])
        self.lists |= found
        more = self.instead(depth) if self.lists else f" but {kind(data)}"
        return f"{where!r} is not {expected}{more}"

    def no_object(self, data: bytes | bytearray) -> str:
        """The top level is something else."""
        count = len(elements(data))
        if count and self.path == OURS:
            return f"the top level is not an object but a list of {count} objects: {DRAFT}"
        if count:
            return f'the top level is not an object but a list of {count} objects: write records = ""'
        return f"the top level is not an object but {kind(data)}"

    def something_behind(self, is_object: bool, no_list: bool) -> str:
        """More stands behind the end of the top level."""
        said = "not JSON: something stands behind the end of the top level"
        if not is_object:
            return said
        if no_list and self.path == OURS:
            return f"this is JSON Lines, records one after the other, and needs a mapping: {DRAFT} ({said})"
        hint = 'a mapping with format = "lines" reads records that stand one after the other'
        return f"{said}, another object; {hint}"


def kind(data: bytes | bytearray) -> str:
    """What a value is, by its first byte."""
    first = bytes(data[:1])
    kinds = {b"{": "an object", b"[": "a list", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}
    return kinds.get(first, "a number")


def elements(data: bytes | bytearray) -> list[Any]:
    """The elements of a list that begins with an object; nothing for all else."""
    try:
        found = items_of(data) if data[:1] == b"[" else []
    except FAILURES:
        return []
    return found if found and bytes(found[0])[:1] == b"{" else []


def lists_in(data: bytes | bytearray, path: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """Lists of objects in a value: their paths and lengths."""
    found = elements(data)
    if found:
        return {path: len(found)}
    if data[:1] != b"{" or len(path) >= MAX_DEPTH:
        return {}
    try:
        entries = entries_of(data)
    except FAILURES:
        return {}
    lists: dict[tuple[str, ...], int] = {}
    for key, value in list(entries.items())[:MAX_KEYS]:
        lists |= lists_in(bytes(value), (*path, key))
    return lists
