"""How the records of a file lie and how they are decoded: our own layout, or another one that a mapping describes."""

from collections.abc import Callable
from typing import Any

import msgspec

from node.contract import DOCUMENT_FIELDS, MAX_DEPTH
from node.mapping.file import ALL_NAMES, Mapping
from node.mapping.lines import flattened
from node.mapping.paths import EVERY, Steps, parse_path
from node.mapping.sheets import Sheets, prefix_of
from node.reading.learning import Types
from node.reading.scan import skip_value
from node.reading.transactions import Repaired, loose_json, repair, scrubbed


class Loose(list[Any]):
    """Records that were decoded loosely, because something in them is no JSON that a typed decoder takes."""


Records = list[Any] | Repaired
FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
OUR_PATH = ("transactions",)


class Layout:
    """Where the records are, and what makes them of bytes.

    Attributes:
        path: the keys from the top level to the list of records.
        lines: there is no list: records stand one after the other.
        decode_document: a small file's header and records.
        decode_records: the records of a list; with `lines`, of bytes without brackets.
        decode_record: one record, as a list of one (or of as many as it holds).
        bad: a record that does not decode, from its text.
    """

    path: tuple[str, ...] = OUR_PATH
    lines = False
    decode_document: Callable[[Any], tuple[dict[str, Any], Records]]
    decode_records: Callable[[Any], Records]
    decode_record: Callable[[Any], list[Any]]
    split: Callable[[Any], list[Any]] = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def bad(self, text: str) -> Records:
        """A record that does not fit, read loosely; one nested too deep is not read at all."""
        raise NotImplementedError

    def unknown(self, records: list[Any]) -> dict[str, int]:
        """Dotted names of keys that the layout does not know -> how many of these decoded records have them."""
        return {}


class OurLayout(Layout):
    """The contract's own layout; with it, keys that the contract does not know are counted."""

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.extra = extra
        self.may_learn = all(name in ALL_NAMES for name in extra)
        self.types = Types()
        self.compile()

    def compile(self) -> None:
        """Decoders of the types as they are now."""
        many = msgspec.json.Decoder(list[self.types.transaction]).decode  # type: ignore[name-defined]
        self.decode_records = self.checked(many) if self.types.rounds else many
        self.one = msgspec.json.Decoder(self.types.transaction).decode
        self.whole = msgspec.json.Decoder(self.types.document).decode

    def checked(self, decode: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
        """Records whose further keys were looked at."""

        def decoded(data: Any) -> list[Any]:
            found = decode(data)
            self.types.count(found)
            return found

        return decoded

    def decode_record(self, data: Any) -> list[Any]:
        """One record."""
        found = [self.one(data)]
        self.unknown(found)
        return found

    def decode_document(self, data: Any) -> tuple[dict[str, Any], Records]:
        """A small file."""
        document = self.whole(data)
        self.unknown(document.transactions)
        header = {name: getattr(document, name) for name in DOCUMENT_FIELDS if name != "transactions"}
        return header, document.transactions

    def unknown(self, records: list[Any]) -> dict[str, int]:
        """Keys that the contract does not know."""
        return self.types.count(records) if self.types.rounds else {}

    def bad(self, text: str) -> Records:
        """A record that does not fit; when it only has further keys, they are learned."""
        if too_deep(text):
            return repair(None)
        found = repair(loose_json(text), self.extra)
        if self.may_learn and found.unknown and not found.wrong and self.types.learn(found.unknown):
            self.compile()
        return found


class MappedLayout(Layout):
    """What a mapping says.

    Attributes:
        inner: steps in an element of the list to lists of records, when it is not a record itself.
    """

    def __init__(self, mapping: Mapping, sheets: Sheets) -> None:
        steps = parse_path(mapping.records, "records", through_lists=True)
        at = steps.index(EVERY) if EVERY in steps else len(steps)
        self.lines = mapping.format == "lines"
        self.path = () if self.lines else keys_of(steps[:at])
        self.inner = inner_of(steps if self.lines else steps[at + 1 :], prefix_of(mapping))
        kind = Any if self.inner or sheets.record is None else sheets.record
        self.one = msgspec.json.Decoder(kind)
        decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        self.many = self.one.decode_lines if self.lines else decoder.decode
        self.whole = msgspec.json.Decoder(nested(list[kind], self.path)).decode  # type: ignore[valid-type]
        if self.lines:
            self.split = msgspec.json.Decoder(msgspec.Raw).decode_lines

    def decode_document(self, data: Any) -> tuple[dict[str, Any], Records]:
        """A small file."""
        if self.lines:
            return {}, self.decode_records(data)
        check_utf8(data)
        found = self.whole(data)
        for _ in self.path:
            found = found.value
        return {}, self.flat(found)

    def decode_records(self, data: Any) -> Records:
        """Records; what a typed decoder skips must be UTF-8 too."""
        check_utf8(data)
        return self.flat(self.many(data))

    def decode_record(self, data: Any) -> list[Any]:
        """One record."""
        check_utf8(data)
        return self.flat([self.one.decode(data)])

    def flat(self, found: list[Any]) -> list[Any]:
        """The records in elements that hold several."""
        if not self.inner:
            return found
        return [record for one in found for record in self.held(one)]

    def held(self, element: Any) -> list[Any]:
        """The records of one element; an element that holds no list is a bad record itself."""
        found = flattened([element], (EVERY, *self.inner)[1:]) if EVERY in self.inner else None
        return [element] if found is None else found

    def bad(self, text: str) -> Records:
        """A record that does not fit."""
        return Loose([None]) if too_deep(text) else Loose(self.flat([scrubbed(loose_json(text))]))


def keys_of(steps: Steps) -> tuple[str, ...]:
    """The keys of a path that leads through objects."""
    return tuple(step for step in steps if isinstance(step, str))


def inner_of(steps: Steps, prefix: Steps) -> Steps:
    """The steps from an element of the list to the lists of records in it; none when it is a record."""
    inner = steps[: len(steps) - len(prefix)]
    return inner if EVERY in inner else ()


def nested(kind: Any, path: tuple[str, ...]) -> Any:
    """The type of a document that has a value of this kind at the end of a path."""
    for key in reversed(path):
        kind = msgspec.defstruct("Level", [("value", kind)], rename={"value": key}, gc=False)
    return kind


def check_utf8(data: Any) -> None:
    """Raises UnicodeDecodeError for bytes that are no UTF-8."""
    str(data, "utf-8")


def too_deep(text: str) -> bool:
    """True for a record nested deeper than the contract allows."""
    brackets = text.count("[") + text.count("{") > MAX_DEPTH
    return brackets and skip_value(text.encode(), 0, True).depth > MAX_DEPTH
