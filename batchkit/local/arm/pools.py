"""Calls on an account's pools: made with their identities, changed, scaled, deleted in the background."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm import shapes
from batchkit.local.arm.calls import ACCOUNT, Table, accepted, account_id, check_match, tagged, version
from batchkit.local.batch.engine import allocation, pools
from batchkit.local.batch.state.model import Pool
from batchkit.local.resources import access
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.checks import check_targets
from batchkit.local.wire.defaults import QUARTER, fill
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json

_WAITING_SINCE = "2019-04-01"  # from here on a pool's nodes wait for the start task unless told not to
_CHANGED = ("displayName", "metadata", "startTask", "networkConfiguration", "taskSlotsPerNode", "upgradePolicy",
            "applicationPackageReferences")  # fmt: skip


def table() -> Table:
    """Return the calls as method, path and handler."""
    pool = f"{ACCOUNT}/pools/{{pool}}"
    return [
        ("GET", f"{ACCOUNT}/pools", list_pools),
        ("PUT", pool, put_pool),
        ("GET", pool, get_pool),
        ("PATCH", pool, patch_pool),
        ("DELETE", pool, delete_pool),
        ("GET", f"{ACCOUNT}/poolOperationResults/{{pool}}", delete_result),
        ("POST", f"{pool}/disableAutoScale", disable_auto_scale),
        ("POST", f"{pool}/stopResize", stop_resize),
    ]


def _found(site: Site, request: Request) -> Pool:
    pool = site.batch.pools.get(request.path_params["pool"].lower())
    if pool is None:
        raise error("PoolNotFound")
    return pool


def _shown(pool: Pool, request: Request, resized: bool = True) -> Response:
    body = shapes.to_arm(pool, f"{account_id(request)}/pools/{pool.id}", version(request))
    if not resized:  # what was asked for led to no resize
        body["properties"].pop("resizeOperationStatus", None)
    return tagged(body, body["etag"], pool.doc["lastModified"])


def _check(pool: Pool | None, request: Request) -> None:
    check_match(pool.doc["eTag"] if pool is not None else None, request)


async def list_pools(site: Site, request: Request) -> Response:
    """List the account's pools."""
    base, found = f"{account_id(request)}/pools", sorted(site.batch.pools.values(), key=lambda pool: pool.id.lower())
    return reply({"value": [shapes.to_arm(pool, f"{base}/{pool.id}", version(request)) for pool in found]})


async def get_pool(site: Site, request: Request) -> Response:
    """Show a pool."""
    return _shown(_found(site, request), request)


async def put_pool(site: Site, request: Request) -> Response:
    """Create a pool; one that exists already takes the changes that a pool can take."""
    name, body = request.path_params["pool"], await body_of(request)
    present = site.batch.pools.get(name.lower())
    _check(present, request)
    properties = body.get("properties") or {}
    if present is not None:
        _refuse_machine(properties)
        return await _changed(site, present, body, request)
    identity = shapes.identity_to_data_plane(body.get("identity"))
    named = (identity or {}).get("userAssignedIdentities") or []
    access.check_assign(site.resources, request, [str(entry["resourceId"]) for entry in named])
    data = shapes.to_data_plane(name, properties)
    if version(request) < _WAITING_SINCE and data.get("startTask"):
        data["startTask"].setdefault("waitForSuccess", False)
    pool = pools.create(site.batch, data, identity, shapes.deallocation_option(properties))
    await _evaluated()
    return _shown(pool, request)


async def _evaluated() -> None:
    """Let a formula that was just enabled have its first evaluation, which the answer shows."""
    await asyncio.sleep(0)


async def patch_pool(site: Site, request: Request) -> Response:
    """Change the properties that the body names."""
    pool = _found(site, request)
    _check(pool, request)
    return await _changed(site, pool, await body_of(request), request)


async def _changed(site: Site, pool: Pool, body: Json, request: Request) -> Response:
    pools.check_usable(pool)
    properties = body.get("properties") or {}
    named = shapes.to_data_plane(pool.id, {**properties, "scaleSettings": None})
    _refuse_immutable(pool, named)
    fresh = {key: named[key] for key in _CHANGED if named.get(key) is not None}
    if body.get("identity"):
        fresh["identity"] = shapes.identity_to_data_plane(body["identity"])
    scale, before = _scale(properties), pool.targets
    pools.change(site.batch, pool, fresh)
    if scale is not None:
        _rescale(site, pool, scale, shapes.deallocation_option(properties))
        await _evaluated()
    return _shown(pool, request, resized=not (scale or {}).get("enableAutoScale") or pool.targets != before)


def _refuse_machine(properties: Json) -> None:
    """Refuse a pool's machine in a PUT of one that exists, even unchanged, as users' threads of 2019 to 2023 report."""
    for key in ("vmSize", "deploymentConfiguration"):
        if key in properties:
            text = f"The property {key} of an existing pool cannot be updated: change what can be by PATCH."
            raise error("PropertyCannotBeUpdated", text, 400)


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
    return accepted(site, request, f"{account_id(request)}/poolOperationResults/{request.path_params['pool']}")


async def delete_result(site: Site, request: Request) -> Response:
    """Say how a pool's deletion goes: 202 until it is gone."""
    if request.path_params["pool"].lower() in site.batch.pools:
        return _deleting(site, request)
    return Response(status_code=200)


async def disable_auto_scale(site: Site, request: Request) -> Response:
    """Disable a pool's autoscale; it keeps its size."""
    pool = _found(site, request)
    pools.disable_autoscale(site.batch, pool)
    return _shown(pool, request, resized=False)


async def stop_resize(site: Site, request: Request) -> Response:
    """Stop a pool's resize."""
    pool = _found(site, request)
    if pool.doc["enableAutoScale"]:
        reason = "The specified pool has AutoScale enabled. AutoScale resize cannot be stopped"
        raise error("OperationInvalidForCurrentState", Reason=reason)
    pools.stop_resize(site.batch, pool)
    return _shown(pool, request)
