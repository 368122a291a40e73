"""Pools on the data plane: create, look at, change, resize, autoscale, delete; node counts; images."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files

from batchkit.local.batch import allocation, fleet
from batchkit.local.batch.call import Call, Reply, operation
from batchkit.local.batch.checks import check_id, check_interval, check_pool, check_start_task, check_targets
from batchkit.local.batch.errors import bad_value, error, missing
from batchkit.local.batch.formats import Json, now, stamp, transition
from batchkit.local.batch.network import check_references
from batchkit.local.batch.state import Pool, State

IMAGES: list[Json] = json.loads(files(__package__).joinpath("images.json").read_text("utf-8"))
RUNNER = "batchkit-local-tasks-run-as"
POOL_QUOTA = 100
DELETING = 10.0  # seconds, by the service's clock, beyond its nodes' leaving
ENABLE_AUTOSCALE_EVERY = 30.0
NODE_STATES = (
    "creating", "idle", "offline", "preempted", "rebooting", "reimaging", "running", "starting", "startTaskFailed",
    "leavingPool", "unknown", "unusable", "waitingForStartTask", "deallocated", "deallocating", "upgradingOS",
)  # fmt: skip
_UPDATABLE = (
    "displayName", "vmSize", "enableInterNodeCommunication", "startTask", "applicationPackageReferences", "metadata",
    "virtualMachineConfiguration", "taskSlotsPerNode", "taskSchedulingPolicy", "networkConfiguration",
    "userAccounts", "mountConfiguration", "upgradePolicy",
)  # fmt: skip


def create(state: State, body: Json, identity: Json | None = None, option: str = "requeue") -> Pool:
    """Create a pool from a checked data-plane body; `identity` can come from Resource Manager alone.

    Raises:
        BatchError: a setting that does not hold, PoolExists, PoolQuotaReached.
    """
    check_id(body.get("id"))
    check_pool(body)
    if body["id"].lower() in state.pools:
        raise error("PoolExists")
    if len(state.pools) >= POOL_QUOTA or state.faults.quota("pools"):
        raise error("PoolQuotaReached")
    if body.get("enableAutoScale"):
        allocation.check_formula(body["autoScaleFormula"])
    pool = Pool(_document(state, body), {"option": option}, runner=state.runs_tasks)
    if identity:
        pool.doc["identity"] = identity
    state.save_pool(pool)
    state.pools[pool.id.lower()] = pool
    _begin(state, pool, option)
    return pool


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "spread"},
        "enableInterNodeCommunication": False,
        "enableAutoScale": False,
        **{key: value for key, value in body.items() if value is not None},
        "url": f"{state.url}/pools/{body['id']}",
        "creationTime": stamp(),
        "currentDedicatedNodes": 0,
        "currentLowPriorityNodes": 0,
        "allocationState": "steady",
        "allocationStateTransitionTime": stamp(),
    }
    if doc["enableAutoScale"]:
        doc.setdefault("autoScaleEvaluationInterval", allocation.DEFAULT_INTERVAL)
    else:
        doc.setdefault("resizeTimeout", allocation.DEFAULT_TIMEOUT)
    transition(doc, "active")
    return doc


def _begin(state: State, pool: Pool, option: str) -> None:
    dedicated, low = (int(pool.doc.get(n) or 0) for n in ("targetDedicatedNodes", "targetLowPriorityNodes"))
    allocation.set_targets(state, pool, dedicated, low, option)
    if pool.doc["enableAutoScale"]:
        allocation.start_autoscale(state, pool)


def view(pool: Pool) -> Json:
    """Return a pool's document as it is now, with its nodes counted.

    A pool with a container configuration says in its metadata what runs its container tasks here.
    """
    doc = dict(pool.doc)
    if doc["virtualMachineConfiguration"].get("containerConfiguration"):
        kept = [item for item in doc.get("metadata") or [] if item.get("name") != RUNNER]
        doc["metadata"] = [*kept, {"name": RUNNER, "value": pool.runner}]
    doc["currentDedicatedNodes"] = sum(n.doc["isDedicated"] for n in pool.nodes.values())
    doc["currentLowPriorityNodes"] = len(pool.nodes) - doc["currentDedicatedNodes"]
    return {key: value for key, value in doc.items() if value is not None}


def usable(call: Call) -> Pool:
    """Return the pool that a changing call names, its conditions held.

    Raises:
        BatchError: PoolNotFound, ConditionNotMet, PoolBeingDeleted.
    """
    pool = call.state.pool(call.path["poolId"])
    call.check(pool.doc)
    if pool.doc["state"] == "deleting":
        raise error("PoolBeingDeleted")
    return pool


def changed(pool: Pool, status: int = 200) -> Reply:
    """Return the reply of a change: no body, the new ETag."""
    return Reply(status, doc=pool.doc)


@operation("create_pool")
async def create_pool(call: Call) -> Reply:
    """Create a pool without identities (the data plane cannot give it any)."""
    check_references(call.state, call.json())
    pool = create(call.state, call.json())
    return Reply(201, doc=pool.doc, headers={"Location": pool.doc["url"]})


@operation("list_pools")
async def list_pools(call: Call) -> Reply:
    """List the account's pools."""
    return call.listing([view(p) for p in call.state.pools.values()], "pools", lambda d: str(d["id"]))


@operation("get_pool")
async def get_pool(call: Call) -> Reply:
    """Get a pool."""
    pool = call.state.pool(call.path["poolId"])
    call.check(pool.doc)
    return call.element(view(pool), "pools")


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
    for name in body:
        if name not in _UPDATABLE:
            raise error("UnsupportedProperty", PropertyName=name)
    check_start_task(body.get("startTask"))
    pool.doc.update({key: value for key, value in body.items() if value is not None})
    call.state.save_pool(pool)
    return changed(pool)


@operation("replace_pool_properties")
async def replace_pool_properties(call: Call) -> Reply:
    """Replace start task, package references and metadata; what the body lacks is taken away."""
    pool, body = usable(call), call.json()
    check_start_task(body.get("startTask"))
    for name in ("startTask", "applicationPackageReferences", "metadata"):
        pool.doc.pop(name, None)
        if body.get(name) is not None:
            pool.doc[name] = body[name]
    call.state.save_pool(pool)
    return changed(pool, 204)


@operation("delete_pool_internal")
async def delete_pool(call: Call) -> Reply:
    """Delete a pool: its nodes leave, then it is gone."""
    delete(call.state, usable(call))
    return Reply(202)


def delete(state: State, pool: Pool) -> None:
    """Begin to delete a pool; running tasks are requeued."""
    transition(pool.doc, "deleting")
    state.save_pool(pool)
    state.spawn(finish_delete(state, pool), f"pool {pool.id} is deleted")


async def finish_delete(state: State, pool: Pool) -> None:
    """Take a deleting pool away."""
    allocation.stop_autoscale(pool)
    if pool.resizing is not None:
        pool.resizing.cancel()
    allocation.set_allocation(state, pool, "resizing" if pool.nodes else "steady")
    for node in list(pool.nodes.values()):
        fleet.leave(state, pool, node, "requeue")
        if node.runs:
            fleet.end_runs(node, "requeue")
    lives = [node.life for node in pool.nodes.values() if node.life is not None]
    if lives:
        await asyncio.wait(lives)
    await state.wait(DELETING)
    state.pools.pop(pool.id.lower(), None)
    state.store.drop("pool", "", pool.id)


@operation("resize_pool_internal")
async def resize_pool(call: Call) -> Reply:
    """Set new targets on a pool without autoscale."""
    pool, body = usable(call), call.json()
    check_targets(body)
    if body.get("targetDedicatedNodes") is None and body.get("targetLowPriorityNodes") is None:
        raise missing("targetDedicatedNodes")
    _resizable(pool)
    current = (pool.doc.get("targetDedicatedNodes") or 0, pool.doc.get("targetLowPriorityNodes") or 0)
    wanted = [body.get(n) for n in ("targetDedicatedNodes", "targetLowPriorityNodes")]
    targets = [old if new is None else new for new, old in zip(wanted, current, strict=True)]
    pool.doc["resizeTimeout"] = body.get("resizeTimeout") or pool.doc.get("resizeTimeout")
    option = str(body.get("nodeDeallocationOption") or "requeue")
    allocation.set_targets(call.state, pool, int(targets[0]), int(targets[1]), option)
    call.state.save_pool(pool)
    return changed(pool, 202)


def _resizable(pool: Pool) -> None:
    if pool.doc["enableAutoScale"]:
        raise error("OperationNotValidOnPool", Reason="The pool scales automatically: disable autoscale first.")
    if pool.doc["allocationState"] != "steady":
        raise error("PoolBeingResized")


@operation("stop_pool_resize_internal")
async def stop_pool_resize(call: Call) -> Reply:
    """Stop a resize; what is there stays."""
    pool = usable(call)
    if pool.doc["allocationState"] == "resizing":
        allocation.stop_resize(call.state, pool)
        call.state.save_pool(pool)
    return changed(pool, 202)


@operation("enable_pool_auto_scale")
async def enable_auto_scale(call: Call) -> Reply:
    """Enable autoscale, or change its formula or interval."""
    pool, body = usable(call), call.json()
    _check_enable(call.state, pool, body)
    pool.doc["enableAutoScale"] = True
    pool.doc.pop("resizeTimeout", None)
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval"):
        pool.doc[name] = body.get(name) or pool.doc.get(name)
    pool.doc["autoScaleEvaluationInterval"] = pool.doc["autoScaleEvaluationInterval"] or allocation.DEFAULT_INTERVAL
    pool.extra["enabledAt"] = now().timestamp()
    allocation.start_autoscale(call.state, pool)
    call.state.save_pool(pool)
    return changed(pool)


def _check_enable(state: State, pool: Pool, body: Json) -> None:
    if not body.get("autoScaleFormula") and not pool.doc["enableAutoScale"]:
        raise missing("autoScaleFormula")
    if body.get("autoScaleFormula"):
        allocation.check_formula(body["autoScaleFormula"])
    check_interval(body.get("autoScaleEvaluationInterval"))
    since = (now().timestamp() - float(pool.extra.get("enabledAt", 0))) * state.config.speed
    if since < ENABLE_AUTOSCALE_EVERY:
        raise error("TooManyEnableAutoScaleRequests")
    if not pool.doc["enableAutoScale"] and pool.doc["allocationState"] != "steady":
        raise error("PoolBeingResized")


@operation("disable_pool_auto_scale")
async def disable_auto_scale(call: Call) -> Reply:
    """Disable autoscale; the pool keeps its size."""
    pool = usable(call)
    allocation.stop_autoscale(pool)
    pool.doc["enableAutoScale"] = False
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
        pool.doc.pop(name, None)
    pool.doc["resizeTimeout"] = allocation.DEFAULT_TIMEOUT
    call.state.save_pool(pool)
    return changed(pool)


@operation("evaluate_pool_auto_scale")
async def evaluate_auto_scale(call: Call) -> Reply:
    """Evaluate a formula on the pool's metrics; nothing changes."""
    pool = usable(call)
    formula = call.require("autoScaleFormula")["autoScaleFormula"]
    if not pool.doc["enableAutoScale"]:
        raise error("OperationNotValidOnPool", Reason="Autoscale must be enabled on the pool first.")
    run, _ = allocation.evaluate(call.state, pool, formula)
    return Reply(200, {"odata.metadata": f"{call.state.url}/$metadata#autoscalerun/@Element", **run}, doc=pool.doc)


@operation("remove_nodes_internal")
async def remove_nodes(call: Call) -> Reply:
    """Remove nodes from a pool without autoscale; its targets sink with them."""
    pool, body = usable(call), call.require("nodeList")
    names = body["nodeList"]
    if not 1 <= len(names) <= 100:
        raise bad_value("nodeList", len(names), "From 1 to 100 nodes can be removed at once.")
    _resizable(pool)
    nodes = [call.state.node(pool.id, name) for name in names]
    option = body.get("nodeDeallocationOption") or "requeue"
    for node in nodes:
        fleet.leave(call.state, pool, node, option)
    allocation.set_allocation(call.state, pool, "resizing")
    _shrunk(call.state, pool, option)
    return changed(pool, 202)


def _shrunk(state: State, pool: Pool, option: str) -> None:
    allocation.stop_autoscale(pool)
    pool.doc["targetDedicatedNodes"] = len(pool.staying(True))
    pool.doc["targetLowPriorityNodes"] = len(pool.staying(False))
    state.save_pool(pool)
    pool.resizing = state.spawn(allocation.resize(state, pool, option), f"pool {pool.id} shrinks")


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
        states = [n.doc["state"] for n in pool.nodes.values() if n.doc["isDedicated"] is dedicated]
        body[kind] = {name: states.count(name.lower()) for name in NODE_STATES} | {"total": len(states)}
    return body
