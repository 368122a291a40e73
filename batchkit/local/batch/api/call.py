"""One request as a handler sees it, the reply it makes, and the table of what is implemented.

A handler is registered under its operation's name in operations.json; whatever has none answers 501.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from batchkit.local.batch.api.odata import compile_filter, page_size, select
from batchkit.local.batch.state.state import State
from batchkit.local.wire.errors import error, missing
from batchkit.local.wire.formats import Json, from_http_date, http_date, moment

OPERATIONS: dict[str, Json] = json.loads(files(__package__).joinpath("operations.json").read_text("utf-8"))


@dataclass
class Reply:
    """A response: a JSON body or a file's bytes, and the headers that go with it."""

    status: int = 200
    body: Json | None = None
    doc: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None
    span: tuple[int, int] | None = None

    def all_headers(self) -> dict[str, str]:
        """Return the headers, with the ETag and time of the document they speak of."""
        known = {}
        if self.doc is not None and "eTag" in self.doc:
            known = {"ETag": self.doc["eTag"], "Last-Modified": http_date(self.doc["lastModified"])}
        return {**known, **self.headers}


@dataclass
class Call:
    """A request that has passed the gate: its operation, path and query values, headers and body."""

    state: State
    operation: str
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None

    @property
    def write(self) -> bool:
        """Whether the operation changes anything."""
        return OPERATIONS[self.operation]["method"] not in ("GET", "HEAD")

    def json(self) -> Json:
        """Return the body, an object.

        Raises:
            BatchError: InvalidRequestBody when it is none.
        """
        if not isinstance(self.body, dict):
            raise error("InvalidRequestBody", Reason="The body must be a JSON object.")
        return self.body

    def require(self, *names: str) -> Json:
        """Return the body, which must have these properties.

        Raises:
            BatchError: MissingRequiredProperty names the first that is missing.
        """
        body = self.json()
        for name in names:
            if body.get(name) is None:
                raise missing(name)
        return body

    def check(self, doc: Json) -> None:
        """Hold the conditional headers against a document.

        Raises:
            BatchError: ConditionNotMet, 412 for a write and 304 for a read; InvalidHeaderValue.
        """
        etag, changed = doc["eTag"], moment(doc["lastModified"]).replace(microsecond=0)
        match, none = self.headers.get("if-match"), self.headers.get("if-none-match")
        since, until = self.date("if-modified-since"), self.date("if-unmodified-since")
        if (
            (match is not None and not _names(match, etag))
            or (none is not None and _names(none, etag))
            or (since is not None and changed <= since)
            or (until is not None and changed > until)
        ):
            raise error("ConditionNotMet" if self.write else "ConditionNotMet.304")

    def date(self, name: str) -> datetime | None:
        """Return the time in a header, None where it is absent.

        Raises:
            BatchError: InvalidHeaderValue.
        """
        try:
            return from_http_date(self.headers[name]) if name in self.headers else None
        except ValueError:
            raise error("InvalidHeaderValue", HeaderName=name, HeaderValue=self.headers[name]) from None

    def element(self, doc: Json, kind: str) -> Reply:
        """Return the reply of a get: the selected properties of one document."""
        shown = select(doc, self.query.get("$select"))
        metadata = {"odata.metadata": f"{self.state.url}/$metadata#{kind}/@Element"}
        return Reply(200, {**metadata, **shown}, doc=doc)

    def entity(self, name: str) -> str:
        """Return the metadata of an answer that is no document of its own, such as AutoScaleRun."""
        return f"{self.state.url}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.{name}"

    def page(self, docs: list[Json], kind: str, after: str | None) -> Reply:
        """Return the reply of a list: these documents, and the link behind the last of them."""
        names = self.query.get("$select")
        body: Json = {
            "odata.metadata": f"{self.state.url}/$metadata#{kind}",
            "value": [select(doc, names) for doc in docs],
        }
        if after is not None:
            body["odata.nextLink"] = self.link(after)
        return Reply(200, body)

    def link(self, after: str) -> str:
        """Return this list call's address with a mark to go on from."""
        path = OPERATIONS[self.operation]["url"].format(**{k: quote(v, safe="") for k, v in self.path.items()})
        return f"{self.state.url}{path}?{urlencode({**self.query, '$skiptoken': after})}"

    def listing(self, docs: Iterable[Json], kind: str, key: Callable[[Json], str]) -> Reply:
        """Return one page of documents, filtered, in the order of their keys."""
        keep, size, mark = compile_filter(self.query.get("$filter")), page_size(self.query.get("maxresults")), ""
        mark = self.query.get("$skiptoken", "")
        rest = sorted((d for d in docs if key(d) > mark), key=key)
        chosen = [doc for doc in rest if keep(doc)]
        return self.page(chosen[:size], kind, key(chosen[size - 1]) if len(chosen) > size else None)


def _names(header: str, etag: str) -> bool:
    tags = {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}
    return "*" in tags or etag in tags


Handler = Callable[[Call], Awaitable[Reply]]
HANDLERS: dict[str, Handler] = {}


def operation(name: str) -> Callable[[Handler], Handler]:
    """Register a handler for an operation of the table."""
    if name not in OPERATIONS:
        raise KeyError(f"{name} is no operation of this API")

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register
