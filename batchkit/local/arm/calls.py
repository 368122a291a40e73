"""What the handlers of this room share: the paths of an account and its parts, and what stands in a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.resources.answers import reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, http_date

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
ACCOUNTS = f"{GROUP}/providers/Microsoft.Batch/batchAccounts"
ACCOUNT = f"{ACCOUNTS}/{{account}}"
LOCATION = f"{SUBSCRIPTION}/providers/Microsoft.Batch/locations/{{location}}"
Handler = Callable[[Site, Request], Awaitable[Response]]
Table = list[tuple[str, str, Handler]]
NEWEST = "2025-06-01"
_RETRY_AFTER = 15  # seconds, by the service's clock, as recorded


def version(request: Request) -> str:
    """Return the request's api-version."""
    return request.query_params.get("api-version", "")


def account_id(request: Request) -> str:
    """Return the resource id of the account that a request's path names."""
    return ACCOUNT.format(**request.path_params)


def accepted(site: Site, request: Request, path: str) -> Response:
    """Return a 202 that says where its result will be."""
    wait = max(1, round(_RETRY_AFTER / site.batch.config.speed))
    headers = {"Location": f"{site.url}{path}?api-version={version(request)}", "Retry-After": str(wait)}
    return Response(status_code=202, headers=headers)


def tagged(body: Json, etag: str, modified: str) -> Response:
    """Return a resource with its ETag and time in the headers."""
    return reply(body, headers={"ETag": etag, "Last-Modified": http_date(modified)})


def check_match(tag: str | None, request: Request) -> None:
    """Hold the conditional headers against a resource's ETag, None where there is no such resource.

    Raises:
        BatchError: ConditionNotMet, 412.
    """
    match, none = request.headers.get("if-match"), request.headers.get("if-none-match")
    missed = match is not None and (tag is None or _bare(match) not in ("*", tag))
    if missed or (none is not None and tag is not None and _bare(none) in ("*", tag)):
        raise error("ConditionNotMet", status=412)


def _bare(header: str) -> str:
    return header.strip().removeprefix("W/").strip('"')
