"""A sample of a file whose layout nobody has said: how its records lie, and the first of them, decoded.

An object may be a document with a list of records in it, one record by itself, or the first of many.
"""

from io import BufferedIOBase
from pathlib import Path
from typing import Any

from msgspec import Struct

from node.contract import RejectedFile, UsageError
from node.mapping.paths import Steps
from node.reading.hints import no_json
from node.reading.inputs import open_input
from node.reading.plan import GZIP, Unpacked
from node.reading.transactions import loose_json, scrubbed
from node.reading.window import Window

MAX_RECORDS = 400
MAX_DEPTH = 6


class Sample(Struct):
    """How records lie, and some of them.

    Attributes:
        records: steps to the list.
        whole: all records of the file are here.
    """

    format: str
    records: Steps
    values: list[Any]
    whole: bool = False


def read_sample(path: Path) -> list[Sample]:
    """Every way in which a file can be taken, with its first records.

    Raises:
        UsageError: the file holds no objects at all, or cannot be read.
    """
    try:
        with open_input(path) as raw:
            return samples_of(Unpacked(fileobj=raw) if raw.peek(2)[:2] == GZIP else raw)
    except RejectedFile as error:
        at = "" if error.byte_offset is None else f" (byte {error.byte_offset})"
        raise UsageError(f"{path}: {error.reason}{at}.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None


def samples_of(stream: BufferedIOBase) -> list[Sample]:
    """The same of an open file."""
    window = Window(stream)
    window.fill()
    reason = no_json(window.data)
    if reason:
        raise RejectedFile(reason, 0)
    mark = bytes(window.peek())
    if mark == b"[":
        window.step("[")
        values = elements(window)
        return [Sample("object", (), values, not window.peek())]
    if mark != b"{":
        raise RejectedFile("the file is empty" if not mark else "it begins with no object and no list", window.offset)
    first = value(window)
    if window.peek() == b"{":
        return [Sample("lines", (), [first, *following(window)])]
    lists = [Sample("object", steps, found[:MAX_RECORDS], True) for steps, found in lists_in(first, ())]
    return [*lists, Sample("lines", (), [first], True)]


def value(window: Window) -> Any:
    """The next value, decoded."""
    return scrubbed(loose_json(bytes(window.take(window.quick_value())).decode("utf-8", "replace")))


def elements(window: Window) -> list[Any]:
    """The first elements of a list."""
    found: list[Any] = []
    if window.peek() == b"]":
        return found
    while len(found) < MAX_RECORDS:
        window.fill()
        window.peek()
        found.append(value(window))
        if window.step(",]") == "]":
            break
    return found


def following(window: Window) -> list[Any]:
    """The first records that stand one after the other."""
    found: list[Any] = []
    while window.peek() and len(found) < MAX_RECORDS:
        window.fill()
        found.append(value(window))
    return found


def lists_in(found: Any, steps: Steps) -> list[tuple[Steps, list[Any]]]:
    """The lists of objects in a value that lie in no other list, and their paths."""
    if isinstance(found, list):
        return [(steps, found)] if any(isinstance(one, dict) for one in found) else []
    if not isinstance(found, dict) or len(steps) >= MAX_DEPTH:
        return []
    return [pair for key, inner in found.items() for pair in lists_in(inner, (*steps, key))]
