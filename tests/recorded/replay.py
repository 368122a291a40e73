"""Replays one group of recordings, in order, and says for each pair where the local service answers otherwise."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import quote, unquote

import requests

from recorded import bodies
from recorded.accounts import Accounts
from recorded.comparing import Difference, compare
from recorded.names import Names
from recorded.pairs import Pair
from recorded.seeding import Seeds
from recorded.service import Service, code_of, path_of

PATIENCE = 1.0  # real seconds for an answer to become the recorded one
PAST = "Sun, 01 Jan 2012 00:00:00 GMT"
CLOUD = Difference("request", "cloudServiceConfiguration", "taken", "refused")


class Replay:
    """One group on its way: what has been made for it, and what its masked names stand for."""

    def __init__(self, service: Service, pairs: list[Pair]) -> None:
        self.service, self.pairs = service, pairs
        self.names = Names(pairs[0].group)
        batch = pairs[0].plane == "batch"
        self.seeds: Seeds | Accounts = (Seeds if batch else Accounts)(service, self.names, pairs)
        self.places = self.seeds.places

    def send(self, pair: Pair) -> list[Difference]:
        """Send one pair's request; return where its answer differs."""
        self.seeds.prepare(pair)
        until = time.monotonic() + PATIENCE
        answer, body = self._send(pair, pair.request)
        found: list[Difference] = []
        if _cloud(pair, answer, body):
            found = [CLOUD]
            answer, body = self._send(pair, bodies.in_newest_words(pair.request))
        while self._differs(pair, answer, body) and time.monotonic() < until and _waits(pair, answer):
            time.sleep(0.2)
            answer, body = self._send(pair, pair.request)
        self._learn(pair, answer, body)
        return found + compare(pair, answer, self._back(answer), self.names)

    def _differs(self, pair: Pair, answer: requests.Response, body: Any) -> bool:
        return any(not found.kind.startswith("header") for found in compare(pair, answer, body, self.names))

    def _send(self, pair: Pair, request: Any) -> tuple[requests.Response, Any]:
        path = self.places.get(pair.path) or quote(self.names.out(unquote(pair.path)), safe="/$:(),=<>@!*'")
        query = {"api-version": pair.api_version, **self.names.out(_asked(pair))}
        headers = self._headers(pair)
        if "/files/" in path:
            folder, _, file = path.partition("/files/")
            path = f"{folder}/files/{file.replace('/', '%2F')}"
        answer = self.service.send(pair.plane, pair.method, path, query, self.names.out(request), headers)
        return answer, self._back(answer)

    def _headers(self, pair: Pair) -> dict[str, str]:
        headers: dict[str, str] = self.names.out(pair.request_headers)
        if pair.status == 412 and "if-unmodified-since" in headers:
            headers["if-unmodified-since"] = PAST
        if "client-request-id" in pair.response_headers:
            headers |= {"client-request-id": self.names.out("<guid>"), "return-client-request-id": "true"}
        return headers

    def _back(self, answer: requests.Response) -> Any:
        try:
            return json.loads(self.names.back(answer.text))
        except ValueError:
            return None

    def _learn(self, pair: Pair, answer: requests.Response, body: Any) -> None:
        """Note what the recording's masked ETags, addresses of results and nodes stand for here."""
        have = pair.response_headers
        if "etag" in have and "etag" in answer.headers:
            self.names.learn_etag(have["etag"], answer.headers["etag"])
        if "location" in answer.headers and "esult" in have.get("location", ""):
            self.places[have["location"].removeprefix("<arm>")] = path_of(answer.headers["location"])
        if isinstance(pair.response, dict) and isinstance(body, dict):
            for name in ("eTag", "etag"):
                if name in pair.response and name in body:
                    self.names.learn_etag(pair.response[name], body[name])
            if pair.operation == "list_nodes":
                self._learn_nodes(pair, body)

    def _learn_nodes(self, pair: Pair, body: Any) -> None:
        for recorded, local in zip(pair.response.get("value", []), body.get("value", []), strict=False):
            if str(recorded.get("id")).startswith("node-") and local["id"].startswith("tvm"):
                self.names.nodes.setdefault(recorded["id"], local["id"])

    def end(self) -> None:
        """Remove what the group made."""
        self.seeds.remove()


def _asked(pair: Pair) -> dict[str, str]:
    """Return a pair's query; a filter by how names begin takes the masked name of what it found."""
    found = next((str(entry["id"]) for entry in pair.items() if "id" in entry), "")
    return {
        name: re.sub(r"(startswith\(id,')[^']*", rf"\g<1>{found}", value) if found else value
        for name, value in pair.query.items()
    }


def _cloud(pair: Pair, answer: requests.Response, body: Any) -> bool:
    """Return whether a pool of Cloud Services was refused: it is sent again in the newest API's words."""
    refused = answer.status_code == 400 and pair.status != 400 and bool(code_of(body))
    return refused and "cloudServiceConfiguration" in json.dumps(pair.request)


def _waits(pair: Pair, answer: requests.Response) -> bool:
    """Return whether an answer that differs may become the recorded one by itself."""
    return pair.looks or (answer.status_code == 409 and pair.status < 300)
