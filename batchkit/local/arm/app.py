"""Resource Manager's web application: the account, and its pools with their identities.

Any subscription, resource group and account name is taken; all of them mean the one local account.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from batchkit.local.arm import discovery, shapes
from batchkit.local.arm.account import account
from batchkit.local.batch.engine import allocation, pools
from batchkit.local.batch.state.model import Pool
from batchkit.local.batch.state.state import log
from batchkit.local.resources import access, image_routes, routes
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.tokens import ARM_AUDIENCE, OLD_ARM_AUDIENCE, AuthenticationFailed
from batchkit.local.wire.checks import check_targets
from batchkit.local.wire.defaults import QUARTER, fill
from batchkit.local.wire.errors import BatchError, error
from batchkit.local.wire.formats import Json
from batchkit.local.wire.hangup import Dropped, Hangup

_ACCOUNT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Batch/batchAccounts/{account}"
_GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_CHANGED = ("displayName", "metadata", "startTask", "networkConfiguration", "taskSlotsPerNode", "upgradePolicy")
Handler = Callable[[Site, Request], Awaitable[Response]]


def make_app(site: Site) -> Starlette:
    """Return the ASGI application of Resource Manager's calls."""
    pool = f"{_ACCOUNT}/pools/{{pool}}"
    table: list[tuple[str, str, Handler]] = [
        ("GET", _ACCOUNT, get_account),
        ("GET", f"{_ACCOUNT}/pools", list_pools),
        ("PUT", pool, put_pool),
        ("GET", pool, get_pool),
        ("PATCH", pool, patch_pool),
        ("DELETE", pool, delete_pool),
        ("GET", f"{_ACCOUNT}/poolOperationResults/{{pool}}", delete_result),
        ("POST", f"{pool}/disableAutoScale", disable_auto_scale),
        ("POST", f"{pool}/stopResize", stop_resize),
    ]
    everyone = [*discovery.table(), *routes.table(), *table, *routes.general()]
    mounted = [Route(discovery.METADATA, _open(site, discovery.metadata), methods=["GET"])]
    mounted += [*image_routes.links(site), *(_route(site, *entry) for entry in everyone)]
    everything = ["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"]
    mounted.append(Route("/{rest:path}", _guarded(site, unknown), methods=everything))
    return Starlette(routes=mounted)


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
        try:
            claims = _gate(site, request)
            access.check_management(site.resources, request, claims)
            await site.batch.faults.before(f"arm_{handler.__name__}")
            answer = await handler(site, request)
            site.batch.faults.after(f"arm_{handler.__name__}")
            return answer
        except BatchError as failure:
            return refusal(failure)
        except (Dropped, ClientDisconnect):
            return Hangup()
        except Exception:
            log.exception("%s failed", handler.__name__)
            return refusal(error("InternalServerError", "The server met an error.", 500))

    return endpoint


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


def refusal(failure: BatchError) -> Response:
    """Return the response of a refusal, in Resource Manager's shape."""
    details = [{"code": key, "message": value} for key, value in failure.values.items()]
    text = failure.message
    if "PropertyName" in failure.values:
        text += f" Property: {failure.values['PropertyName']}. {failure.values.get('Reason', '')}".rstrip()
    body: Json = {"error": {"code": failure.code, "message": text, "details": details}}
    headers = dict(failure.headers)
    if failure.status == 401:
        headers["WWW-Authenticate"] = f'Bearer authorization_uri="{ARM_AUDIENCE}", error="invalid_token"'
    return reply(body, failure.status, headers)


async def unknown(_site: Site, request: Request) -> Response:
    """Answer a call that is not implemented, by its name."""
    text = f"The local Azure does not implement {request.method} {request.url.path} of Resource Manager."
    raise error("NotImplemented", text, 501)


def _account_id(request: Request) -> str:
    return _ACCOUNT.format(**request.path_params)


def _found(site: Site, request: Request) -> Pool:
    name = request.path_params["pool"]
    pool = site.batch.pools.get(name.lower())
    if pool is None:
        text = (
            f"The resource 'Microsoft.Batch/batchAccounts/{request.path_params['account']}/pools/{name}' was not found."
        )
        raise error("PoolNotFound", text, 404)
    return pool


def _shown(pool: Pool, request: Request) -> Response:
    body = shapes.to_arm(pool, f"{_account_id(request)}/pools/{pool.id}")
    return reply(body, headers={"ETag": body["etag"]})


def _check_match(pool: Pool | None, request: Request) -> None:
    match, none = request.headers.get("if-match"), request.headers.get("if-none-match")
    tag = pool.doc["eTag"] if pool is not None else None
    missed = match is not None and (tag is None or _tag(match) not in ("*", tag))
    if missed or (none is not None and tag is not None and _tag(none) in ("*", tag)):
        raise error("ConditionNotMet", status=412)


def _tag(header: str) -> str:
    return header.strip().removeprefix("W/").strip('"')


async def get_account(site: Site, request: Request) -> Response:
    """Show the account."""
    shown = account(site, _account_id(request), request.path_params["account"])
    return reply(access.provisioned_account(site.resources, shown))


async def list_pools(site: Site, request: Request) -> Response:
    """List the account's pools."""
    base = f"{_account_id(request)}/pools"
    return reply({"value": [shapes.to_arm(p, f"{base}/{p.id}") for p in site.batch.pools.values()]})


async def get_pool(site: Site, request: Request) -> Response:
    """Show a pool."""
    return _shown(_found(site, request), request)


async def put_pool(site: Site, request: Request) -> Response:
    """Create a pool; one that exists already takes the changes that a pool can take."""
    name, body = request.path_params["pool"], await body_of(request)
    present = site.batch.pools.get(name.lower())
    _check_match(present, request)
    properties = body.get("properties") or {}
    if present is not None:
        return _changed(site, present, body, request)
    identity = shapes.identity_to_data_plane(body.get("identity"))
    access.check_assign(site.resources, request, identity)
    data = shapes.to_data_plane(name, properties)
    pool = pools.create(site.batch, data, identity, shapes.deallocation_option(properties))
    return _shown(pool, request)


async def patch_pool(site: Site, request: Request) -> Response:
    """Change the properties that the body names."""
    pool = _found(site, request)
    _check_match(pool, request)
    return _changed(site, pool, await body_of(request), request)


def _changed(site: Site, pool: Pool, body: Json, request: Request) -> Response:
    pools.check_usable(pool)
    properties = body.get("properties") or {}
    named = shapes.to_data_plane(pool.id, {**properties, "scaleSettings": None})
    _refuse_immutable(pool, named)
    fresh = {key: named[key] for key in _CHANGED if named.get(key) is not None}
    if body.get("identity"):
        fresh["identity"] = shapes.identity_to_data_plane(body["identity"])
    scale = _scale(properties)
    pools.change(site.batch, pool, fresh)
    if scale is not None:
        _rescale(site, pool, scale, shapes.deallocation_option(properties))
    return _shown(pool, request)


def _refuse_immutable(pool: Pool, named: Json) -> None:
    filled, present = (fill(doc, "BatchPoolCreateOptions") for doc in (named, pool.doc))
    for key in ("vmSize", "virtualMachineConfiguration"):
        if key in filled and filled[key] != present.get(key):
            text = f"The property {key} of an existing pool cannot be changed: make a new pool."
            raise error("PropertyCannotBeUpdated", text, 400)


def _scale(properties: Json) -> Json | None:
    """Return the scale settings that a body changes, checked, None when it changes none."""
    if not properties.get("scaleSettings"):
        return None
    scale = shapes.scale_to_data_plane(properties["scaleSettings"])
    pools.check_scale(scale)
    check_targets(scale)
    return scale


def _rescale(site: Site, pool: Pool, scale: Json, option: str) -> None:
    if scale.get("enableAutoScale"):
        interval = scale.get("autoScaleEvaluationInterval") or QUARTER
        pools.enable_autoscale(site.batch, pool, scale["autoScaleFormula"], interval)
        return
    pools.disable_autoscale(site.batch, pool, scale.get("resizeTimeout"))
    targets = (int(scale["targetDedicatedNodes"]), int(scale["targetLowPriorityNodes"]))
    allocation.set_targets(site.batch, pool, *targets, option=option)


async def delete_pool(site: Site, request: Request) -> Response:
    """Delete a pool; one that is not there counts as deleted."""
    pool = site.batch.pools.get(request.path_params["pool"].lower())
    if pool is None:
        return Response(status_code=204)
    pools.delete(site.batch, pool)
    return _deleting(site, request)


def _deleting(site: Site, request: Request) -> Response:
    path = f"{_account_id(request)}/poolOperationResults/{request.path_params['pool']}"
    where = f"{site.url}{path}?{request.url.query}"
    return Response(status_code=202, headers={"Location": where, "Retry-After": "1"})


async def delete_result(site: Site, request: Request) -> Response:
    """Say how a pool's deletion goes: 202 until it is gone."""
    if request.path_params["pool"].lower() in site.batch.pools:
        return _deleting(site, request)
    return Response(status_code=204)


async def disable_auto_scale(site: Site, request: Request) -> Response:
    """Disable a pool's autoscale; it keeps its size."""
    pool = _found(site, request)
    pools.disable_autoscale(site.batch, pool)
    return _shown(pool, request)


async def stop_resize(site: Site, request: Request) -> Response:
    """Stop a pool's resize."""
    pool = _found(site, request)
    pools.stop_resize(site.batch, pool)
    return _shown(pool, request)
