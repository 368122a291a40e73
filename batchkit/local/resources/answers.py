"""How a management call's body is read and its answer is written."""

from __future__ import annotations

import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.wire.errors import error

Json = dict[str, Any]


def reply(body: Json | list[Json] | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response with a request id."""
    common = {"x-ms-request-id": str(uuid.uuid4()), **(headers or {})}
    if body is None:
        return Response(status_code=status, headers=common)
    return Response(json.dumps(body), status, common, "application/json; charset=utf-8")


async def body_of(request: Request) -> Json:
    """Return a request's JSON object.

    Raises:
        BatchError: InvalidRequestContent.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise error("InvalidRequestContent", "The request content must be a JSON object.", 400)
    return body
