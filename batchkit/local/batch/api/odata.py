"""OData query options of list calls: $filter, $select and the pages of maxresults.

The service takes comparisons joined by and/or/not, and startswith; times are DateTime'...'.
A filter is compiled once into a predicate over a document; names are paths such as nodeInfo/poolId.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedEOF, UnexpectedInput

from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, moment

Predicate = Callable[[Json], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and bool(a > b),
    "ge": lambda a, b: a is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and bool(a < b),
    "le": lambda a, b: a is not None and bool(a <= b),
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda value, wanted: value.startswith(wanted),
    "endswith": lambda value, wanted: value.endswith(wanted),
    "contains": lambda value, wanted: wanted in value,
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


class _Compiler(Transformer[Token, Any]):
    """Turns each rule of filter.lark into a predicate, and literals into their values."""

    def start(self, parts: list[Any]) -> Predicate:
        return cast(Predicate, parts[0])

    def either(self, parts: list[Predicate]) -> Predicate:
        return parts[0] if len(parts) == 1 else lambda doc: any(part(doc) for part in parts)

    def both(self, parts: list[Predicate]) -> Predicate:
        return parts[0] if len(parts) == 1 else lambda doc: all(part(doc) for part in parts)

    def negation(self, parts: list[Any]) -> Predicate:
        return lambda doc: not parts[1](doc)

    def function(self, parts: list[Any]) -> Predicate:
        holds, path, wanted = _FUNCTIONS[parts[0].lower()], parts[1], str(parts[2])
        return lambda doc: holds(str(lookup(doc, path) or ""), wanted)

    def comparison(self, parts: list[Any]) -> Predicate:
        path, compare, wanted = parts[0], _COMPARE[parts[1].lower()], parts[2]
        return lambda doc: compare(_as(lookup(doc, path), wanted), wanted)

    def literal(self, parts: list[Any]) -> Any:
        return parts[0]

    def NUMBER(self, token: Token) -> float:  # noqa: N802 - the terminal's name in the grammar
        return float(token)

    def TIME(self, token: Token) -> Any:  # noqa: N802
        return moment(token)

    def WORD(self, token: Token) -> Any:  # noqa: N802
        return _WORDS[token.lower()]

    def STRING(self, token: Token) -> Any:  # noqa: N802
        kind, _, rest = token.partition("'")
        value = rest[:-1].replace("''", "'")
        if kind.lower() != "datetime":
            return value
        try:
            return moment(value)
        except ValueError:
            raise ValueError(f"{value} is not a time") from None


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("filter.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", transformer=_Compiler())


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
    if not text:
        return lambda _: True
    try:
        return cast(Predicate, _parser().parse(text))
    except UnexpectedEOF:
        raise _refused(text, "unexpected end") from None
    except UnexpectedInput as problem:
        raise _refused(text, f"unexpected text at {problem.pos_in_stream}") from None
    except ValueError as problem:  # a literal that reads as a time and is none
        raise _refused(text, str(problem)) from None


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
