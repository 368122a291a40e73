"""Pools on the data plane: create, look at, change, resize, autoscale, delete; node counts; images."""

from __future__ import annotations

import json
from importlib.resources import files

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.engine import pools
from batchkit.local.batch.engine.network import check_references
from batchkit.local.batch.state.model import Pool
from batchkit.local.wire.errors import bad_value, error
from batchkit.local.wire.formats import Json
from batchkit.local.wire.versions import NEWEST

IMAGES: list[Json] = json.loads(files(__package__).joinpath("images.json").read_text("utf-8"))
NODE_STATES = (
    "creating", "idle", "offline", "preempted", "rebooting", "reimaging", "running", "starting", "startTaskFailed",
    "leavingPool", "unknown", "unusable", "waitingForStartTask", "deallocated", "deallocating", "upgradingOS",
)  # fmt: skip
_UPDATABLE = (
    "displayName", "vmSize", "enableInterNodeCommunication", "startTask", "applicationPackageReferences", "metadata",
    "virtualMachineConfiguration", "taskSlotsPerNode", "taskSchedulingPolicy", "networkConfiguration",
    "userAccounts", "mountConfiguration", "upgradePolicy",
)  # fmt: skip
_REPLACED = ("startTask", "applicationPackageReferences", "metadata")


def usable(call: Call) -> Pool:
    """Return the pool that a changing call names, its conditions held.

    Raises:
        BatchError: PoolNotFound, ConditionNotMet, PoolBeingDeleted.
    """
    pool = call.state.pool(call.path["poolId"])
    call.check(pool.doc)
    pools.check_usable(pool)
    return pool


@operation("create_pool")
async def create_pool(call: Call) -> Reply:
    """Create a pool without identities (the data plane cannot give it any)."""
    check_references(call.state, call.json(), call.query["api-version"])
    pool = pools.create(call.state, call.json())
    return Reply(201, doc=pool.doc, headers={"Location": pool.doc["url"]})


@operation("list_pools")
async def list_pools(call: Call) -> Reply:
    """List the account's pools."""
    return call.listing([pools.view(p) for p in call.state.pools.values()], "pools", lambda d: str(d["id"]))


@operation("get_pool")
async def get_pool(call: Call) -> Reply:
    """Get a pool."""
    pool = call.state.pool(call.path["poolId"])
    call.check(pool.doc)
    return call.element(pools.view(pool), "pools")


@operation("pool_exists")
async def pool_exists(call: Call) -> Reply:
    """Say whether there is such a pool."""
    pool = call.state.pool(call.path["poolId"])
    call.check(pool.doc)
    return Reply(200, doc=pool.doc)


@operation("update_pool")
async def update_pool(call: Call) -> Reply:
    """Change the properties that the body names."""
    pool, body = usable(call), call.json()
    if call.query["api-version"] == NEWEST:  # older ones have properties that are gone since
        for name in body.keys() - set(_UPDATABLE):
            raise error("UnsupportedProperty", PropertyName=name)
    pools.change(call.state, pool, body)
    return Reply(200, doc=pool.doc)


@operation("replace_pool_properties")
async def replace_pool_properties(call: Call) -> Reply:
    """Replace start task, package references and metadata; what the body lacks is taken away."""
    pool, body = usable(call), call.json()
    pools.change(call.state, pool, {name: body.get(name) for name in _REPLACED}, gone=_REPLACED)
    return Reply(204, doc=pool.doc)


@operation("delete_pool_internal")
async def delete_pool(call: Call) -> Reply:
    """Delete a pool: its nodes leave, then it is gone."""
    pools.delete(call.state, usable(call))
    return Reply(202)


@operation("resize_pool_internal")
async def resize_pool(call: Call) -> Reply:
    """Set new targets on a pool without autoscale."""
    pool = usable(call)
    pools.resize(call.state, pool, call.json())
    return Reply(202, doc=pool.doc)


@operation("stop_pool_resize_internal")
async def stop_pool_resize(call: Call) -> Reply:
    """Stop a resize; what is there stays."""
    pool = usable(call)
    pools.stop_resize(call.state, pool)
    return Reply(202, doc=pool.doc)


@operation("enable_pool_auto_scale")
async def enable_auto_scale(call: Call) -> Reply:
    """Enable autoscale, or change its formula or interval."""
    pool, body = usable(call), call.json()
    pools.check_enable(call.state, pool, body)
    pools.enable_autoscale(call.state, pool, body.get("autoScaleFormula"), body.get("autoScaleEvaluationInterval"))
    return Reply(200, doc=pool.doc)


@operation("disable_pool_auto_scale")
async def disable_auto_scale(call: Call) -> Reply:
    """Disable autoscale; the pool keeps its size."""
    pool = usable(call)
    pools.disable_autoscale(call.state, pool)
    return Reply(200, doc=pool.doc)


@operation("evaluate_pool_auto_scale")
async def evaluate_auto_scale(call: Call) -> Reply:
    """Evaluate a formula on the pool's metrics; nothing changes."""
    pool = usable(call)
    run = pools.evaluate(call.state, pool, call.require("autoScaleFormula")["autoScaleFormula"])
    return Reply(200, {"odata.metadata": call.entity("AutoScaleRun"), **run})


@operation("remove_nodes_internal")
async def remove_nodes(call: Call) -> Reply:
    """Remove nodes from a pool without autoscale; its targets sink with them."""
    pool, body = usable(call), call.require("nodeList")
    names = body["nodeList"]
    if not 1 <= len(names) <= 100:
        raise bad_value("nodeList", len(names), "From 1 to 100 nodes can be removed at once.")
    pools.remove_nodes(call.state, pool, names, str(body.get("nodeDeallocationOption") or "requeue"))
    return Reply(202, doc=pool.doc)


@operation("list_supported_images")
async def list_supported_images(call: Call) -> Reply:
    """List the images that pools may be made of."""
    return call.listing(IMAGES, "supportedimages", lambda d: f"{d['nodeAgentSKUId']} {d['imageReference']['sku']}")


@operation("list_pool_node_counts")
async def list_pool_node_counts(call: Call) -> Reply:
    """Count every pool's nodes by their states."""
    counts = [_counts(pool) for pool in call.state.pools.values()]
    return call.listing(counts, "poolnodecounts", lambda d: str(d["poolId"]))


def _counts(pool: Pool) -> Json:
    body: Json = {"poolId": pool.id}
    for kind, dedicated in (("dedicated", True), ("lowPriority", False)):
        states = [n.state for n in pool.nodes.values() if n.dedicated is dedicated]
        body[kind] = {name: states.count(name.lower()) for name in NODE_STATES} | {"total": len(states)}
    return body
