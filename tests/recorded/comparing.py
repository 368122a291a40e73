"""An answer of the local service held against the recorded one: status, code, body and headers.

Masked values agree with any value of their kind. What depends on the moment (states, counts, whether a task has
ended yet) is compared by type, or not at all; everything else must be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests

from recorded.kinds import FILTERED, HOP, MAYBE, MOMENT
from recorded.names import COMMAND, FILLED, Names
from recorded.pairs import Pair
from recorded.service import code_of, path_of

Json = dict[str, Any]
_ANY = {"<string>", "<guid>", "<auto-pool-id>", "<number>", "<url>", "<blob-url>", "<token>", "<file>", COMMAND}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]00:00)$")
_HTTP_TIME = re.compile(r"^\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT$")
_ETAG = re.compile(r'(W/)?"?<etag-\d+>"?')
_REQUEST_ID = re.compile(r"\s*\n?RequestId:.*", re.S)
_KEYS = ("id", "taskId", "poolId", "name", "key", "familyName")


class Difference(NamedTuple):
    """One thing that is not as recorded: what kind of difference, where, and both values in short."""

    kind: str
    where: str
    recorded: str
    local: str


def compare(pair: Pair, answer: requests.Response, body: Any, names: Names) -> list[Difference]:
    """Return where an answer differs from the recorded one; a wrong status is the one difference then."""
    if pair.status != answer.status_code:
        said = f"{pair.status} {code_of(pair.response)}".strip(), f"{answer.status_code} {code_of(body)}".strip()
        return [Difference("status", "", *said)]
    return [*_bodies(pair, body, names), *_headers(pair, answer, names)]


def _bodies(pair: Pair, body: Any, names: Names) -> Iterator[Difference]:
    want = pair.response
    if want in ("<text>", "<file>") or (pair.operation.startswith("download_") and pair.status < 300):
        return
    if (want is None) != (body is None):
        yield Difference("body", "", brief(want), brief(body))
    elif want is not None:
        yield from _values("", want, body, names)


def _headers(pair: Pair, answer: requests.Response, names: Names) -> Iterator[Difference]:
    want = {name: value for name, value in pair.response_headers.items() if name not in HOP}
    local = {name.lower(): names.back(value) for name, value in answer.headers.items() if value != ""}
    for name, value in want.items():
        if name not in local:
            yield Difference("header missing", name, value, "")
        elif not same(value, local[name], name):
            yield Difference("header value", name, value, local[name])
    for name in local.keys() - want.keys() - HOP - FILTERED:
        yield Difference("header extra", name, "", local[name])


def _values(at: str, want: Any, got: Any, names: Names) -> Iterator[Difference]:
    if isinstance(want, dict) and isinstance(got, dict):
        yield from _objects(at, want, got, names)
    elif isinstance(want, list) and isinstance(got, list):
        yield from _lists(at, want, got, names)
    else:
        yield from _plain(at, want, got)


def _objects(at: str, want: Json, got: Json, names: Names) -> Iterator[Difference]:
    for name in want.keys() - got.keys() - MAYBE:
        yield Difference("missing", f"{at}.{name}", brief(want[name]), "")
    for name in got.keys() - want.keys() - MAYBE:
        yield Difference("extra", f"{at}.{name}", "", brief(got[name]))
    for name in want:
        if name in got:
            yield from _values(f"{at}.{name}", want[name], got[name], names)


def _lists(at: str, want: list[Any], got: list[Any], names: Names) -> Iterator[Difference]:
    got = [entry for entry in got if not names.foreign(entry)]
    if not want or not got:
        moving = at.rsplit(".", 1)[-1] in MAYBE | MOMENT or (at == ".value" and not want)
        if len(want) != len(got) and not moving:
            yield Difference("length", at, f"{len(want)} entries", f"{len(got)} entries")
    elif all(isinstance(entry, dict) for entry in want + got):
        yield from _entries(at, want, got, names)
    elif want != got and not any("<" in str(entry) for entry in want):
        yield Difference("value", at, brief(want), brief(got))


def _entries(at: str, want: list[Json], got: list[Json], names: Names) -> Iterator[Difference]:
    key = next((name for name in _KEYS if name in want[0] and not str(want[0][name]).startswith("/")), "")
    known = {entry.get(key): entry for entry in got} if key else {}
    both = [entry[key] for entry in want if key and entry.get(key) in known]
    pairs = [(entry, known[entry[key]]) for entry in want if entry.get(key) in both] if both else [(want[0], got[0])]
    if not both and at == ".value" and _are_named(want) and _are_named(got):
        yield Difference("order", at, brief([entry[key] for entry in want]), brief(list(known)))
        return
    for mine, local in pairs:
        yield from _values(f"{at}[]", mine, local, names)
    order = [name for name in known if name in both]
    if at == ".value" and both != order and len(set(both)) == len(both):
        yield Difference("order", at, brief(both), brief(order))
    if not at.endswith("value") and len(want) != len(got):
        yield Difference("length", at, brief(want), brief(got))


def _are_named(entries: list[Json]) -> bool:
    return all(re.fullmatch(r"(pool|job|task|schedule|account)-\d+", str(e.get("id", e.get("name")))) for e in entries)


def _plain(at: str, want: Any, got: Any) -> Iterator[Difference]:
    name = "odata.metadata" if at.endswith("odata.metadata") else at.rsplit(".", 1)[-1].removesuffix("[]")
    if _kind(want) != _kind(got):
        yield Difference("type", at, brief(want), brief(got))
    elif name in MOMENT or want == "<number>":
        return
    elif not (same(want, got, name) if isinstance(want, str) else want == got):
        yield Difference("value", at, brief(want), brief(got))


def _kind(value: Any) -> str:
    number = value == "<number>" or (isinstance(value, int | float) and not isinstance(value, bool))
    return "number" if number else type(value).__name__


def same(want: str, got: str, name: str = "") -> bool:
    """Return whether a value is the recorded one, or of the kind that its mask says."""
    if _ETAG.fullmatch(want):
        return want.startswith("W/") == got.startswith("W/") and want.endswith('"') == got.endswith('"')
    if want == "<time>":
        return bool(_TIME.match(got))
    if want == "<http-time>":
        return bool(_HTTP_TIME.match(got))
    if want in _ANY or want in FILLED:
        return True
    if want.startswith(("<batch>", "<arm>")):
        return _same_address(want, got)
    if name == "content-type":
        return want.lower().replace(" ", "") == got.lower().replace(" ", "")
    if want.startswith("/subscriptions"):
        return want.lower().count("/") == got.lower().count("/")
    return _same_text(want, got, name)


def _same_text(want: str, got: str, name: str) -> bool:
    if name.endswith(("value", "message")):
        want, got = _REQUEST_ID.sub("", want), _REQUEST_ID.sub("", got)
    if "<" not in want:
        return want == got
    rule = re.sub(r"<[\w-]+>", ".*", re.escape(want).replace(r"\<", "<").replace(r"\>", ">").replace(r"\-", "-"))
    return bool(re.fullmatch(rule, got, re.S))


def _same_address(want: str, got: str) -> bool:
    mine, local = re.sub(r"^<\w+>", "", want), path_of(got)
    if "#" in mine:
        return _type_of(mine) == _type_of(got)
    mine, local = _blurred(mine), _blurred(local)
    return mine == local or ("esult" in mine and "esult" in local)


def _type_of(metadata: str) -> str:
    return re.sub(r"\('[^']*'\)", "(*)", metadata.split("#", 1)[-1])


def _blurred(path: str) -> str:
    return re.sub(r"[0-9a-f-]{36}|<\w+>|result-\d+|node-\d+|tvmps_\w+|region-1|//", "*", path).replace(
        "files*", "files/"
    )


def brief(value: Any) -> str:
    """Return a value in at most 130 characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) < 130 else f"{text[:127]}..."
