"""Resource Manager's web application: the account, and its pools with their identities.

Any subscription, resource group and account name is taken; all of them mean the one local account.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchkit.local.arm import shapes
from batchkit.local.arm.account import account
from batchkit.local.batch import allocation, pools
from batchkit.local.batch.checks import check_interval, check_start_task
from batchkit.local.batch.errors import BatchError, error
from batchkit.local.batch.faults import Dropped, Hangup
from batchkit.local.batch.formats import Json, touch
from batchkit.local.batch.state import Pool, State, log
from batchkit.local.resources import access, image_routes, routes
from batchkit.local.tokens import ARM_AUDIENCE, AuthenticationFailed

_ACCOUNT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Batch/batchAccounts/{account}"
_OLD_AUDIENCE = "https://management.core.windows.net/"
_GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
Handler = Callable[[State, Request], Awaitable[Response]]


def make_app(state: State) -> Starlette:
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
    everyone = [*routes.table(), *table, *routes.general()]
    mounted = [*image_routes.links(state), *(_route(state, *entry) for entry in everyone)]
    everything = ["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"]
    mounted.append(Route("/{rest:path}", _guarded(state, unknown), methods=everything))
    return Starlette(routes=mounted)


def _route(state: State, method: str, path: str, handler: Handler) -> Route:
    return Route(path, _guarded(state, handler), methods=[method], name=handler.__name__)


def _guarded(state: State, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            claims = _gate(state, request)
            access.check_management(state, request, claims)
            await state.faults.before(f"arm_{handler.__name__}")
            answer = await handler(state, request)
            state.faults.after(f"arm_{handler.__name__}")
            return answer
        except BatchError as failure:
            return refusal(failure)
        except Dropped:
            return Hangup()
        except Exception:
            log.exception("%s failed", handler.__name__)
            return refusal(error("InternalServerError", "The server met an error.", 500))

    return endpoint


def _gate(state: State, request: Request) -> Json:
    if request.headers.get("host") != urlsplit(state.config.arm_url).netloc:
        raise error("InvalidHostHeader", "The Host header is not this service's.", 400)
    claims = _authenticate(state, request.headers.get("authorization"))
    if "api-version" not in request.query_params:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise error("MissingApiVersionParameter", text, 400)
    subscription = request.path_params.get("subscription")
    if subscription is not None and not _GUID.match(subscription):
        raise error("InvalidSubscriptionId", f"The subscription id {subscription} is not a GUID.", 400)
    return claims


def _authenticate(state: State, authorization: str | None) -> Json:
    if not authorization:
        raise error("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", 401)
    try:
        return state.config.tokens.verify(authorization, ARM_AUDIENCE)
    except AuthenticationFailed as failure:
        try:
            return state.config.tokens.verify(authorization, _OLD_AUDIENCE)
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
    return _json(body, failure.status, headers)


def _json(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    common = {"x-ms-request-id": str(uuid.uuid4()), **(headers or {})}
    return Response(json.dumps(body), status, common, "application/json; charset=utf-8")


async def unknown(_state: State, request: Request) -> Response:
    """Answer a call that is not implemented, by its name."""
    text = f"The local Azure does not implement {request.method} {request.url.path} of Resource Manager."
    raise error("NotImplemented", text, 501)


def _account_id(request: Request) -> str:
    return _ACCOUNT.format(**request.path_params)


def _found(state: State, request: Request) -> Pool:
    name = request.path_params["pool"]
    pool = state.pools.get(name.lower())
    if pool is None:
        text = (
            f"The resource 'Microsoft.Batch/batchAccounts/{request.path_params['account']}/pools/{name}' was not found."
        )
        raise error("PoolNotFound", text, 404)
    return pool


def _shown(pool: Pool, request: Request) -> Response:
    body = shapes.to_arm(pool, f"{_account_id(request)}/pools/{pool.id}")
    return _json(body, headers={"ETag": body["etag"]})


async def _body(request: Request) -> Json:
    try:
        body = await request.json()
    except ValueError:
        raise error("InvalidRequestContent", "The request content is not valid JSON.", 400) from None
    if not isinstance(body, dict):
        raise error("InvalidRequestContent", "The request content must be a JSON object.", 400)
    return body


def _check_match(pool: Pool | None, request: Request) -> None:
    match, none = request.headers.get("if-match"), request.headers.get("if-none-match")
    tag = pool.doc["eTag"] if pool is not None else None
    missed = match is not None and (tag is None or _tag(match) not in ("*", tag))
    if missed or (none is not None and tag is not None and _tag(none) in ("*", tag)):
        raise error("ConditionNotMet", status=412)


def _tag(header: str) -> str:
    return header.strip().removeprefix("W/").strip('"')


async def get_account(state: State, request: Request) -> Response:
    """Show the account."""
    shown = account(state, _account_id(request), request.path_params["account"])
    return _json(access.provisioned_account(state, shown))


async def list_pools(state: State, request: Request) -> Response:
    """List the account's pools."""
    base = f"{_account_id(request)}/pools"
    return _json({"value": [shapes.to_arm(p, f"{base}/{p.id}") for p in state.pools.values()]})


async def get_pool(state: State, request: Request) -> Response:
    """Show a pool."""
    return _shown(_found(state, request), request)


async def put_pool(state: State, request: Request) -> Response:
    """Create a pool; one that exists already takes the changes that a pool can take."""
    name, body = request.path_params["pool"], await _body(request)
    present = state.pools.get(name.lower())
    _check_match(present, request)
    properties = body.get("properties") or {}
    if present is not None:
        return _changed(state, present, body, request)
    identity = shapes.identity_to_data_plane(body.get("identity"))
    access.check_assign(state, request, identity)
    data = shapes.to_data_plane(name, properties)
    pool = pools.create(state, data, identity, shapes.deallocation_option(properties))
    return _shown(pool, request)


async def patch_pool(state: State, request: Request) -> Response:
    """Change the properties that the body names."""
    pool = _found(state, request)
    _check_match(pool, request)
    return _changed(state, pool, await _body(request), request)


def _changed(state: State, pool: Pool, body: Json, request: Request) -> Response:
    if pool.doc["state"] == "deleting":
        raise error("PoolBeingDeleted")
    properties = body.get("properties") or {}
    _refuse_immutable(pool, properties)
    check_start_task(properties.get("startTask"))
    for key in ("displayName", "metadata", "startTask", "networkConfiguration", "taskSlotsPerNode", "upgradePolicy"):
        if properties.get(key) is not None:
            pool.doc[key] = properties[key]
    if body.get("identity"):
        pool.doc["identity"] = shapes.identity_to_data_plane(body["identity"])
    if properties.get("scaleSettings"):
        _scale(state, pool, properties)
    state.save_pool(pool)
    return _shown(pool, request)


def _refuse_immutable(pool: Pool, properties: Json) -> None:
    shown = shapes.to_data_plane(pool.id, {**properties, "scaleSettings": None})
    for key in ("vmSize", "virtualMachineConfiguration"):
        if shown.get(key) is not None and shown[key] != pool.doc.get(key):
            text = f"The property {key} of an existing pool cannot be changed: make a new pool."
            raise error("PropertyCannotBeUpdated", text, 400)


def _scale(state: State, pool: Pool, properties: Json) -> None:
    fresh = shapes.scale_to_data_plane(properties["scaleSettings"])
    if fresh.get("enableAutoScale"):
        allocation.check_formula(fresh["autoScaleFormula"])
        check_interval(fresh.get("autoScaleEvaluationInterval"))
        pool.doc.update(autoScaleEvaluationInterval=allocation.DEFAULT_INTERVAL, enableAutoScale=True)
        pool.doc.pop("resizeTimeout", None)
        pool.doc.update(fresh)
        allocation.start_autoscale(state, pool)
        return
    allocation.stop_autoscale(pool)
    for key in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
        pool.doc.pop(key, None)
    pool.doc.update(enableAutoScale=False, resizeTimeout=fresh.get("resizeTimeout", allocation.DEFAULT_TIMEOUT))
    targets = (int(fresh["targetDedicatedNodes"]), int(fresh["targetLowPriorityNodes"]))
    allocation.set_targets(state, pool, *targets, option=shapes.deallocation_option(properties))


async def delete_pool(state: State, request: Request) -> Response:
    """Delete a pool; one that is not there counts as deleted."""
    pool = state.pools.get(request.path_params["pool"].lower())
    if pool is None:
        return Response(status_code=204)
    if pool.doc["state"] == "active":
        pools.delete(state, pool)
    return _deleting(state, request)


def _deleting(state: State, request: Request) -> Response:
    path = f"{_account_id(request)}/poolOperationResults/{request.path_params['pool']}"
    where = f"{state.config.arm_url.rstrip('/')}{path}?{request.url.query}"
    return Response(status_code=202, headers={"Location": where, "Retry-After": "1"})


async def delete_result(state: State, request: Request) -> Response:
    """Say how a pool's deletion goes: 202 until it is gone."""
    if request.path_params["pool"].lower() in state.pools:
        return _deleting(state, request)
    return Response(status_code=204)


async def disable_auto_scale(state: State, request: Request) -> Response:
    """Disable a pool's autoscale; it keeps its size."""
    pool = _found(state, request)
    allocation.stop_autoscale(pool)
    for key in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
        pool.doc.pop(key, None)
    pool.doc.update(enableAutoScale=False, resizeTimeout=allocation.DEFAULT_TIMEOUT)
    state.save_pool(pool)
    return _shown(pool, request)


async def stop_resize(state: State, request: Request) -> Response:
    """Stop a pool's resize."""
    pool = _found(state, request)
    if pool.doc["allocationState"] == "resizing":
        allocation.stop_resize(state, pool)
        touch(pool.doc)
    return _shown(pool, request)
