"""A call that is to get no answer: its connection just ends."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response


class Dropped(Exception):  # noqa: N818 - not an error of the service: the connection just ends
    """The call's connection is to be dropped without an answer."""


class Hangup(Response):
    """No response: the connection's end (under another server than uvicorn, after headers alone)."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Break the connection off."""
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
