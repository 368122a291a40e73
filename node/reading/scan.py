"""Where a JSON value ends, found without recursion and without decoding it.

The fast decoder says only that a piece is wrong. This scanner is slow and exact: it walks one value token by token,
whatever its depth, and says at which byte JSON is broken. It accepts NaN, Infinity and -Infinity, which Python
writes: they cost the record they stand in, not the file.
"""

import re

import msgspec

SPACE_BYTES = b" \t\n\r"
SPACE = re.compile(rb"[ \t\n\r]*")
# Possessive (*+): an unended string fails at once, however long it is.
STRING = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+'
NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
WORD = rb"true|false|null|NaN|-?Infinity"
TOKEN = re.compile(rb"[ \t\n\r]*(?:(" + STRING + rb'")|(' + WORD + rb"|" + NUMBER + rb")|([\[\]{},:]))")
UNENDED_STRING = re.compile(STRING)
UNENDED_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,4})?\Z")
UNENDED_WORD = re.compile(rb"[-+.0-9A-Za-z]*")

# Kinds of token: '"' a string, '0' any other scalar, and the punctuation itself.
STRING_KIND, SCALAR_KIND = '"', "0"
VALUES = '"0[{'
ALLOWED = {
    "a value": VALUES,
    "a value or ']'": VALUES + "]",
    "a key": STRING_KIND,
    "a key or '}'": STRING_KIND + "}",
    "':'": ":",
    "',' or ']'": ",]",
    "',' or '}'": ",}",
}


class NeedMore(Exception):  # noqa: N818 - not an error: the value goes on beyond these bytes
    """The bytes end inside the value."""


class Broken(Exception):  # noqa: N818 - becomes a RejectedFile where the file's offset is known
    """JSON is broken at `position` of the scanned bytes."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position = position
        self.reason = reason


class Span(msgspec.Struct, frozen=True):
    """One value: its first byte, the byte behind it, and how many levels of lists and objects it opens."""

    start: int
    end: int
    depth: int


class Walker:
    """JSON's grammar as a small machine: what may come next, and which lists and objects are open."""

    def __init__(self) -> None:
        self.expected = "a value"
        self.open: list[str] = []
        self.depth = 0
        self.done = False

    def step(self, kind: str, position: int) -> None:
        """Take the next token, or raise Broken."""
        if kind not in ALLOWED[self.expected]:
            raise Broken(position, f"not JSON: expected {self.expected}")
        if kind in "[{":
            self.enter("]" if kind == "[" else "}")
        elif kind == ":":
            self.expected = "a value"
        elif kind == ",":
            self.expected = "a key" if self.open[-1] == "}" else "a value"
        elif kind == STRING_KIND and self.expected in ("a key", "a key or '}'"):
            self.expected = "':'"
        else:
            self.leave(kind)

    def enter(self, closer: str) -> None:
        """A list or an object opens."""
        self.open.append(closer)
        self.depth = max(self.depth, len(self.open))
        self.expected = "a key or '}'" if closer == "}" else "a value or ']'"

    def leave(self, kind: str) -> None:
        """A scalar, a list or an object ends."""
        if kind in "]}":
            self.open.pop()
        if self.open:
            self.expected = f"',' or '{self.open[-1]}'"
        self.done = not self.open


def skip_value(data: bytes | bytearray, position: int, last: bool) -> Span:
    """Walk the value that starts at `position`; white space may stand before it.

    Raises:
        NeedMore: the value goes on behind the bytes given, and more are to come (`last` is False).
        Broken: it is no JSON.
    """
    walker = Walker()
    first = skip_space(data, position)
    while not walker.done:
        kind, start, position = next_token(data, position, last)
        walker.step(kind, start)
    return Span(first, position, walker.depth)


def skip_space(data: bytes | bytearray, position: int) -> int:
    """The first byte at or after `position` that is no white space."""
    match = SPACE.match(data, position)
    return match.end() if match else position


def next_token(data: bytes | bytearray, position: int, last: bool) -> tuple[str, int, int]:
    """The kind, start and end of the next token; raises as `skip_value` does."""
    match = TOKEN.match(data, position)
    if match is None:
        raise explain(data, skip_space(data, position), last)
    group = match.lastindex or 0
    start, end = match.span(group)
    if group == 2 and not last and reaches_end(data, start):
        raise NeedMore  # the number may go on
    return (STRING_KIND, SCALAR_KIND, chr(data[start]))[group - 1], start, end


def reaches_end(data: bytes | bytearray, position: int) -> bool:
    """True when a number or word that starts at `position` may go on behind the bytes given."""
    match = UNENDED_WORD.match(data, position)
    return match is not None and match.end() == len(data)


def explain(data: bytes | bytearray, position: int, last: bool) -> Exception:
    """Why no token starts at `position`, as the exception to raise."""
    if position == len(data):
        return Broken(position, "the file ends inside a JSON value") if last else NeedMore()
    if data[position : position + 1] == b'"':
        return explain_string(data, position, last)
    if not last and reaches_end(data, position):
        return NeedMore()
    return Broken(position, f"not JSON: unexpected {printable(data[position : position + 1])}")


def explain_string(data: bytes | bytearray, position: int, last: bool) -> Exception:
    """Why the string that starts at `position` does not end."""
    match = UNENDED_STRING.match(data, position)
    end = match.end() if match else position
    if end == len(data) or UNENDED_ESCAPE.match(data, end):
        return Broken(len(data), "the file ends inside a string") if last else NeedMore()
    byte = data[end : end + 1]
    what = "a wrong escape sequence" if byte == b"\\" else f"the control character {printable(byte)}"
    return Broken(end, f"not JSON: {what} in a string")


def printable(byte: bytes | bytearray) -> str:
    """A byte as a person would name it."""
    return repr(byte.decode("ascii")) if byte.isascii() else f"byte 0x{byte.hex()}"
