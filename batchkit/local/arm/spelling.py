"""Paths as Resource Manager reads them: names of types and providers in any case, and an optional slash at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]


class Spelling:
    """Spells the types in a request's path as the routes do; the names of resources stay as they came."""

    def __init__(self, app: App, words: Iterable[str]) -> None:
        self._app, self._words = app, {word.lower(): word for word in words}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request on with its path spelt."""
        if scope["type"] == "http":
            scope = {**scope, "path": self.spelt(scope["path"])}
        await self._app(scope, receive, send)

    def spelt(self, path: str) -> str:
        """Return a path with its types spelt as the routes do."""
        out, kind = list[str](), True
        for segment in path.rstrip("/").split("/")[1:]:
            after_provider = bool(out) and out[-1] == "providers"
            out.append(self._words.get(segment.lower(), segment) if kind or after_provider else segment)
            # After "providers" comes a namespace, and then a type again.
            kind = after_provider or (not kind and out[-1] != "providers")
        return "/" + "/".join(out)
