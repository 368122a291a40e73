"""Resource Manager's web application: the gate of every call, then its handler; refusals in the service's shape.

Any subscription and resource group is taken; every account means the one local Batch.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from batchkit.local.arm import accounts, applications, discovery, keys, locations, parts, pools
from batchkit.local.arm.calls import Handler, Table
from batchkit.local.arm.spelling import Spelling
from batchkit.local.batch.state.state import log
from batchkit.local.resources import access, image_routes, routes
from batchkit.local.resources.answers import reply
from batchkit.local.resources.site import Site
from batchkit.local.tokens import ARM_AUDIENCE, OLD_ARM_AUDIENCE, AuthenticationFailed
from batchkit.local.wire.errors import BatchError, error, message
from batchkit.local.wire.formats import Json
from batchkit.local.wire.hangup import Dropped, Hangup
from batchkit.local.wire.headers import SECURITY

_GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
# What Resource Manager refuses before a provider is asked.
_FRONT = {
    "AuthenticationFailed",
    "AuthorizationFailed",
    "InvalidAuthenticationToken",
    "InvalidHostHeader",
    "InvalidRequestContent",
    "InvalidResourceLocation",
    "InvalidSubscriptionId",
    "LinkedAuthorizationFailed",
    "LocationRequired",
    "MissingApiVersionParameter",
    "NotImplemented",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
}
_METHODS = ["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"]


def own_calls() -> Table:
    """Return Batch's own calls as method, path and handler."""
    rooms = (locations, accounts, keys, pools, applications, parts)
    return [call for room in rooms for call in room.table()]


def make_app(site: Site) -> Starlette:
    """Return the ASGI application of Resource Manager's calls."""
    calls = [*discovery.table(), *routes.table(), *own_calls(), *routes.general()]
    mounted = [Route(discovery.METADATA, _open(site, discovery.metadata), methods=["GET"])]
    mounted += [*image_routes.links(site), *(_route(site, *entry) for entry in calls)]
    mounted.append(Route("/{rest:path}", _guarded(site, unknown), methods=_METHODS))
    words = {word for _, path, _ in calls for word in path.split("/") if word and "{" not in word}
    app = Starlette(routes=mounted, middleware=[Middleware(Spelling, words=words)])
    app.router.redirect_slashes = False
    return app


def _route(site: Site, method: str, path: str, handler: Handler) -> Route:
    return Route(path, _guarded(site, handler), methods=[method], name=handler.__name__)


def _open(site: Site, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(site, request)
        except BatchError as failure:
            return refusal(failure)

    return endpoint


def _guarded(site: Site, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        answer = await _answered(site, handler, request)
        if not isinstance(answer, Hangup):
            answer.headers.update(_common(request))
        return answer

    return endpoint


def _common(request: Request) -> dict[str, str]:
    """Return the headers of every answer; the first API version's were others."""
    if "" < request.query_params.get("api-version", "") < "2016":
        kept = {name: value for name, value in SECURITY.items() if name != "X-Content-Type-Options"}
        return kept | {"request-id": str(uuid.uuid4())}
    return SECURITY


async def _answered(site: Site, handler: Handler, request: Request) -> Response:
    try:
        claims = _gate(site, request)
        access.check_management(site.resources, request, claims)
        await site.batch.faults.before(f"arm_{handler.__name__}")
        answer = await handler(site, request)
        site.batch.faults.after(f"arm_{handler.__name__}")
        return answer
    except BatchError as failure:
        return refusal(failure, "/Microsoft.Batch/" in request.url.path)
    except (Dropped, ClientDisconnect):
        return Hangup()
    except Exception:
        log.exception("%s failed", handler.__name__)
        return refusal(error("InternalServerError", "The server met an error.", 500))


def _gate(site: Site, request: Request) -> Json:
    discovery.check_host(site, request)
    claims = _authenticate(site, request.headers.get("authorization"))
    if "api-version" not in request.query_params:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise error("MissingApiVersionParameter", text, 400)
    subscription = request.path_params.get("subscription")
    if subscription is not None and not _GUID.match(subscription):
        raise error("InvalidSubscriptionId", f"The subscription id {subscription} is not a GUID.", 400)
    return claims


def _authenticate(site: Site, authorization: str | None) -> Json:
    if not authorization:
        raise error("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", 401)
    try:
        return site.batch.config.tokens.verify(authorization, ARM_AUDIENCE)
    except AuthenticationFailed as failure:
        try:
            return site.batch.config.tokens.verify(authorization, OLD_ARM_AUDIENCE)
        except AuthenticationFailed:
            raise error("InvalidAuthenticationToken", failure.reason, 401) from None


def refusal(failure: BatchError, provider: bool = False) -> Response:
    """Return the response of a refusal: Resource Manager's own, or the Batch provider's behind it.

    Args:
        failure: what is refused.
        provider: whether the Batch provider was asked; it names the request and its target.
    """
    refused: Json = {"code": failure.code, "message": failure.message}
    if provider and failure.code not in _FRONT:
        refused |= {"message": message(failure.message)["value"], "target": "BatchAccount"}
    if failure.values:
        refused["details"] = [{"code": key, "message": value} for key, value in failure.values.items()]
    headers = dict(failure.headers)
    if failure.status == 401:
        headers["WWW-Authenticate"] = f'Bearer authorization_uri="{ARM_AUDIENCE}", error="invalid_token"'
    return reply({"error": refused}, failure.status, headers)


async def unknown(_site: Site, request: Request) -> Response:
    """Answer a call that is not implemented, by its name."""
    text = f"The local Azure does not implement {request.method} {request.url.path} of Resource Manager."
    raise error("NotImplemented", text, 501)
