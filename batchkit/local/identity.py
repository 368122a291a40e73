"""The managed-identity endpoint: gives tokens to whoever knows its secret path, as a node's IMDS does.

GET /SECRET/metadata/identity/oauth2/token?api-version=2018-02-01&resource=…&client_id=… with the
header `Metadata: true` (which no browser form can send). JavaScript's client puts the whole address
into small letters and adds a slash, so the secret has no capitals and the slash does not matter.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from batchkit.local.tokens import AUDIENCES, Tokens

_PATH = "/metadata/identity/oauth2/token"
_LIFETIME = timedelta(hours=24)
_API_VERSIONS = ("2018-02-01", "2019-08-01")
_KNOWN = frozenset(audience.rstrip("/") for audience in AUDIENCES)


@dataclass(frozen=True)
class Identity:
    """One user-assigned identity, and the endpoint that hands out its tokens."""

    tokens: Tokens
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

    def app(self) -> Starlette:
        """Return the endpoint as an ASGI application: the secret path answers, any other is 404."""
        paths = (f"/{self.secret}{_PATH}", f"/{self.secret}{_PATH}/")
        app = Starlette(routes=[Route(path, self._answer, methods=["GET"]) for path in paths])
        app.router.redirect_slashes = False
        return app

    async def _answer(self, request: Request) -> Response:
        wrong = self._wrong(request.headers, request.query_params)
        if wrong:
            return JSONResponse({"error": "invalid_request", "error_description": wrong}, 400)
        if not _is_loopback(request.headers.get("host", "")):
            return PlainTextResponse("Not Found", 404)
        return JSONResponse(self._token(request.query_params["resource"]))

    def _wrong(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        if headers.get("metadata", "").lower() != "true":
            return "Required metadata header not specified"
        if query.get("api-version") not in _API_VERSIONS:
            return f"api-version must be one of {', '.join(_API_VERSIONS)}"
        if query.get("resource", "").rstrip("/") not in _KNOWN:
            return f"The resource {query.get('resource')!r} is unknown here"
        if query.get("client_id", self.client_id) != self.client_id:
            return "Identity not found"
        return None

    def _token(self, resource: str) -> dict[str, str]:
        now = int(time.time())
        seconds = int(_LIFETIME.total_seconds())
        return {
            "access_token": self.tokens.issue(resource, _LIFETIME, self.client_id),
            "client_id": self.client_id,
            "expires_in": str(seconds),
            "expires_on": str(now + seconds),
            "ext_expires_in": str(seconds),
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
        }


def _is_loopback(host: str) -> bool:
    return host.rsplit(":", 1)[0] in ("127.0.0.1", "localhost")
