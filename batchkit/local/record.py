"""Writes down what clients send, for those who look for secrets in it: BATCHKIT_LOCAL_RECORD=FILE.

A line of JSON a request: method, path with query, headers and body. The Authorization header, which has to
carry a token, is left out; everything else stands as it came.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

VARIABLE = "BATCHKIT_LOCAL_RECORD"
App = Callable[[Any, Any, Any], Awaitable[None]]


def recorded(app: App) -> App:
    """Return the application, behind a recorder if the environment asks for one."""
    place = os.environ.get(VARIABLE)
    return _recorder(app, Path(place)) if place else app


def _recorder(app: App, place: Path) -> App:
    async def record(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        body: list[bytes] = []

        async def heard() -> Any:
            message = await receive()
            body.append(message.get("body", b""))
            return message

        try:
            await app(scope, heard, send)
        finally:
            _write(place, scope, b"".join(body))

    return record


def _write(place: Path, scope: Any, body: bytes) -> None:
    headers = {name.decode(): value.decode() for name, value in scope["headers"] if name != b"authorization"}
    path = f"{scope['path']}?{scope['query_string'].decode()}"
    line = {"method": scope["method"], "path": path, "headers": headers, "body": body.decode(errors="replace")}
    with place.open("a") as file:
        file.write(json.dumps(line) + "\n")
