"""OData query options of list calls: $filter, $select and the pages of maxresults.

The service takes comparisons joined by and/or/not, and startswith; times are DateTime'...'.
A filter is compiled once into a predicate over a document; names are paths such as nodeInfo/poolId.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, moment

Predicate = Callable[[Json], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<string>(?:datetime|guid)?'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?![\w:-]))"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<name>[A-Za-z_][\w/]*)|(?P<sign>[(),]))",
    re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and bool(a > b),
    "ge": lambda a, b: a is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and bool(a < b),
    "le": lambda a, b: a is not None and bool(a <= b),
}
_WORDS = {"true": True, "false": False, "null": None}


def _refused(text: str, reason: str) -> Exception:
    return error("InvalidQueryParameterValue", QueryParameterName="$filter", QueryParameterValue=text, Reason=reason)


def lookup(doc: Json, path: str) -> Any:
    """Return the value at a path such as executionInfo/exitCode, None where there is none."""
    value: Any = doc
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


class _Parser:
    """A recursive descent over one filter's tokens."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, position = text, [], 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise _refused(text, f"unexpected text at {position}")
            self.tokens.append((str(match.lastgroup), match.group(match.lastgroup or 0)))
            position = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1].lower() if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        if self.at >= len(self.tokens) or (wanted and self.peek() != wanted):
            raise _refused(self.text, f"expected {wanted or 'more'}")
        self.at += 1
        return self.tokens[self.at - 1]

    def parse(self) -> Predicate:
        predicate = self.either()
        if self.at < len(self.tokens):
            raise _refused(self.text, f"unexpected {self.peek()}")
        return predicate

    def either(self) -> Predicate:
        left = self.both()
        while self.peek() == "or":
            self.take()
            left = self._join(left, self.both(), any)
        return left

    def both(self) -> Predicate:
        left = self.term()
        while self.peek() == "and":
            self.take()
            left = self._join(left, self.term(), all)
        return left

    @staticmethod
    def _join(left: Predicate, right: Predicate, how: Callable[[list[bool]], bool]) -> Predicate:
        return lambda doc: how([left(doc), right(doc)])

    def term(self) -> Predicate:
        if self.peek() == "not":
            self.take()
            inner = self.term()
            return lambda doc: not inner(doc)
        if self.peek() == "(":
            self.take()
            inner = self.either()
            self.take(")")
            return inner
        if self.peek() in ("startswith", "endswith", "contains"):
            return self.function()
        return self.comparison()

    def function(self) -> Predicate:
        kind = self.take()[1].lower()
        self.take("(")
        path = self.take()[1]
        self.take(",")
        wanted = str(self.literal())
        self.take(")")
        tests: dict[str, Callable[[str], bool]] = {
            "startswith": lambda value: value.startswith(wanted),
            "endswith": lambda value: value.endswith(wanted),
            "contains": lambda value: wanted in value,
        }
        return lambda doc: tests[kind](str(lookup(doc, path) or ""))

    def comparison(self) -> Predicate:
        kind, path = self.take()
        word = self.take()[1].lower()
        if kind != "name" or word not in _COMPARE:
            raise _refused(self.text, "expected: name operator value")
        wanted, compare = self.literal(), _COMPARE[word]
        return lambda doc: compare(_as(lookup(doc, path), wanted), wanted)

    def literal(self) -> Any:
        kind, text = self.take()
        if kind == "number":
            return float(text)
        if kind == "time":
            return moment(text)
        if kind == "string":
            return self._quoted(text)
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        raise _refused(self.text, f"{text} is not a value")

    def _quoted(self, text: str) -> Any:
        kind, _, rest = text.partition("'")
        value = rest[:-1].replace("''", "'")
        if kind.lower() != "datetime":
            return value
        try:
            return moment(value)
        except ValueError:
            raise _refused(self.text, f"{value} is not a time") from None


def _as(value: Any, wanted: Any) -> Any:
    """Bring a document's value to the type of the literal it is compared with."""
    if value is None or isinstance(wanted, str | bool) or wanted is None:
        return value
    if isinstance(wanted, float):
        return float(value) if isinstance(value, int | float) else None
    return moment(str(value))


def compile_filter(text: str | None) -> Predicate:
    """Return the predicate of a $filter; no filter keeps everything.

    Raises:
        BatchError: InvalidQueryParameterValue, with the reason.
    """
    return _Parser(text).parse() if text else lambda _: True


def wanted_state(text: str | None) -> str | None:
    """Return the state that every match of a filter must have, when the filter says so at its start."""
    match = re.match(r"^\s*\(?\s*state\s+eq\s+'(\w+)'\s*\)?\s*(?:$|and\b)", text or "", re.IGNORECASE)
    simple = match and not re.search(r"\bor\b", text or "", re.IGNORECASE)
    return match.group(1) if match and simple else None


def select(doc: Json, names: str | None) -> Json:
    """Return the document with the selected properties alone (all, when none are named)."""
    if not names:
        return doc
    chosen: Json = {}
    for name in (part.strip() for part in names.split(",")):
        head, _, tail = name.partition("/")
        if head not in doc:
            continue
        if tail and isinstance(doc[head], dict):
            chosen.setdefault(head, {}).update(select(doc[head], tail))
        else:
            chosen[head] = doc[head]
    return chosen


def page_size(text: str | None) -> int:
    """Return how many results a page may hold: maxresults, 1 to 1,000.

    Raises:
        BatchError: it is not a whole number, or out of range.
    """
    if text is None:
        return 1000
    if not re.fullmatch(r"-?\d+", text):
        raise error(
            "InvalidQueryParameterValue",
            QueryParameterName="maxresults",
            QueryParameterValue=text,
            Reason="Invalid syntax for integer",
        )
    if not 1 <= int(text) <= 1000:
        raise error(
            "OutOfRangeQueryParameterValue",
            QueryParameterName="maxresults",
            QueryParameterValue=text,
            MinimumAllowed=1,
            MaximumAllowed=1000,
        )
    return int(text)
