"""Pools: created, changed, scaled and deleted, by whichever API asks for it."""

from __future__ import annotations

import asyncio
from typing import Any

from batchkit.local.batch.engine import allocation, autoscale, packages
from batchkit.local.batch.state.model import Pool
from batchkit.local.batch.state.state import State
from batchkit.local.wire.checks import check_id, check_interval, check_pool, check_pool_change, check_targets
from batchkit.local.wire.clock import now
from batchkit.local.wire.defaults import QUARTER, accounts, fill
from batchkit.local.wire.errors import error, missing
from batchkit.local.wire.formats import Json, stamp

RUNNER = "batchkit-local-tasks-run-as"
DELETING = 10.0  # seconds, by the service's clock, beyond its nodes' leaving
ENABLE_AUTOSCALE_EVERY = 30.0
_SHOWN_FILLED = ("metadata", "applicationPackageReferences")


def create(state: State, body: Json, identity: Json | None = None, option: str = "requeue") -> Pool:
    """Create a pool from a data-plane body; `identity` can come from Resource Manager alone.

    Raises:
        BatchError: a setting that does not hold, PoolExists, PoolQuotaReached.
    """
    check_id(body.get("id"))
    packages.check(state, body.get("applicationPackageReferences"))
    check_pool(body)
    if body["id"].lower() in state.pools:
        raise error("PoolExists")
    if len(state.pools) >= state.subscription.pool_quota() or state.faults.quota("pools"):
        raise error("PoolQuotaReached")
    if body.get("enableAutoScale"):
        autoscale.check_formula(body["autoScaleFormula"])
    pool = Pool(_document(state, body), {"option": option}, runner=state.runs_tasks)
    if identity:
        pool.doc["identity"] = identity
    state.save_pool(pool)
    state.pools[pool.id.lower()] = pool
    begin(state, pool)
    return pool


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        **_not_empty(fill(body, "BatchPoolCreateOptions")),
        "url": f"{state.url}/pools/{body['id']}",
        "creationTime": stamp(),
        "currentDedicatedNodes": 0,
        "currentLowPriorityNodes": 0,
    }
    made = Pool(doc)
    made.allocate("steady")
    made.become("active")
    return doc


def _not_empty(doc: Json) -> Json:
    """Leave out the lists that the service does not show when they are empty."""
    return {key: value for key, value in doc.items() if key not in _SHOWN_FILLED or value}


def begin(state: State, pool: Pool) -> None:
    """Start a pool, or go on with it after a restart: towards its targets, and its evaluations."""
    if not pool.doc.get("resizeErrors"):  # a resize that was stopped stays so
        allocation.set_targets(state, pool, *pool.targets, pool.extra.get("option", "requeue"))
    if pool.doc["enableAutoScale"]:
        autoscale.start(state, pool)


def view(pool: Pool) -> Json:
    """Return a pool's document as it is now, with its nodes counted.

    A pool with a container configuration says in its metadata what runs its container tasks here.
    """
    doc = dict(pool.doc)
    if doc["virtualMachineConfiguration"].get("containerConfiguration"):
        kept = [item for item in doc.get("metadata") or [] if item.get("name") != RUNNER]
        doc["metadata"] = [*kept, {"name": RUNNER, "value": pool.runner}]
    doc["currentDedicatedNodes"] = sum(node.dedicated for node in pool.nodes.values())
    doc["currentLowPriorityNodes"] = len(pool.nodes) - doc["currentDedicatedNodes"]
    return {key: value for key, value in doc.items() if value is not None}


def check_usable(pool: Pool) -> None:
    """Refuse to change a pool that is being deleted.

    Raises:
        BatchError: PoolBeingDeleted.
    """
    if pool.state == "deleting":
        raise error("PoolBeingDeleted")


def change(state: State, pool: Pool, fresh: Json, gone: tuple[str, ...] = ()) -> None:
    """Set properties of a pool, and take others away.

    Raises:
        BatchError: InvalidPropertyValue, MissingRequiredProperty: a value does not hold, and nothing is changed.
    """
    packages.check(state, fresh.get("applicationPackageReferences"))
    check_pool_change(fresh)
    changed = fill(fresh, "BatchPoolUpdateOptions")
    for name in (*gone, *(name for name in _SHOWN_FILLED if name in changed)):
        pool.doc.pop(name, None)
    pool.doc.update(_not_empty(changed))
    accounts(pool.doc)
    state.save_pool(pool)


def resize(state: State, pool: Pool, body: Json) -> None:
    """Set new targets on a pool without autoscale.

    Raises:
        BatchError: a target that does not hold, OperationNotValidOnPool, PoolBeingResized.
    """
    check_targets(body)
    wanted = [body.get(name) for name in ("targetDedicatedNodes", "targetLowPriorityNodes")]
    if wanted == [None, None]:
        raise missing("targetDedicatedNodes")
    check_resizable(pool)
    dedicated, low = (old if new is None else int(new) for new, old in zip(wanted, pool.targets, strict=True))
    pool.doc["resizeTimeout"] = body.get("resizeTimeout") or pool.doc.get("resizeTimeout")
    allocation.set_targets(state, pool, dedicated, low, str(body.get("nodeDeallocationOption") or "requeue"))
    state.save_pool(pool)


def check_resizable(pool: Pool) -> None:
    """Refuse to resize a pool that scales by itself or is being resized.

    Raises:
        BatchError: OperationNotValidOnPool, PoolBeingResized.
    """
    if pool.doc["enableAutoScale"]:
        raise error("OperationNotValidOnPool", Reason="The pool scales automatically: disable autoscale first.")
    if pool.allocation != "steady":
        raise error("PoolBeingResized")


def stop_resize(state: State, pool: Pool) -> None:
    """Stop a resize; what is there stays."""
    if pool.allocation == "resizing":
        allocation.stop_resize(state, pool)
        state.save_pool(pool)


def remove_nodes(state: State, pool: Pool, names: list[str], option: str) -> None:
    """Take nodes out of a pool without autoscale; its targets sink with them.

    Raises:
        BatchError: NodeNotFound, OperationNotValidOnPool, PoolBeingResized.
    """
    check_resizable(pool)
    allocation.shrink(state, pool, [state.node(pool.id, name) for name in names], option)
    state.save_pool(pool)


def check_enable(state: State, pool: Pool, body: Json) -> None:
    """Check a request to scale a pool automatically.

    Raises:
        BatchError: a formula or interval that does not hold, TooManyEnableAutoScaleRequests, PoolBeingResized.
    """
    if not body.get("autoScaleFormula") and not pool.doc["enableAutoScale"]:
        raise missing("autoScaleFormula")
    check_scale(body)
    since = (now().timestamp() - float(pool.extra.get("enabledAt", 0))) * state.config.speed
    if since < ENABLE_AUTOSCALE_EVERY:
        raise error("TooManyEnableAutoScaleRequests")
    if not pool.doc["enableAutoScale"] and pool.allocation != "steady":
        raise error("PoolBeingResized")


def check_scale(body: Json) -> None:
    """Check a formula and an interval, where they are given.

    Raises:
        BatchError: AutoScalingFormulaSyntaxError, AutoScalingFormulaTooLong, InvalidPropertyValue.
    """
    if body.get("autoScaleFormula"):
        autoscale.check_formula(body["autoScaleFormula"])
    check_interval(body.get("autoScaleEvaluationInterval"))


def enable_autoscale(state: State, pool: Pool, formula: str | None, interval: str | None) -> None:
    """Scale a pool automatically, or change how; what is None stays as it is."""
    pool.doc["enableAutoScale"] = True
    pool.doc["autoScaleFormula"] = formula or pool.doc["autoScaleFormula"]
    present = pool.doc.get("autoScaleEvaluationInterval") or QUARTER
    pool.doc["autoScaleEvaluationInterval"] = interval or present
    pool.extra["enabledAt"] = now().timestamp()
    autoscale.start(state, pool)
    state.save_pool(pool)


def disable_autoscale(state: State, pool: Pool, timeout: str | None = None) -> None:
    """Scale a pool by hand from now on; it keeps its size."""
    autoscale.stop(pool)
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
        pool.doc.pop(name, None)
    pool.doc.update(enableAutoScale=False, resizeTimeout=timeout or QUARTER)
    state.save_pool(pool)


def evaluate(state: State, pool: Pool, formula: str) -> Json:
    """Evaluate a formula on a pool's metrics; nothing changes.

    Raises:
        BatchError: OperationNotValidOnPool: autoscale is not enabled.
    """
    if not pool.doc["enableAutoScale"]:
        raise error("OperationNotValidOnPool", Reason="Autoscale must be enabled on the pool first.")
    return autoscale.evaluate(state, pool, formula)[0]


def delete(state: State, pool: Pool) -> None:
    """Begin to delete a pool; running tasks are requeued."""
    if pool.become("deleting"):
        state.save_pool(pool)
        state.spawn(finish_delete(state, pool), f"pool {pool.id} is deleted")


async def finish_delete(state: State, pool: Pool) -> None:
    """Take a deleting pool away."""
    autoscale.stop(pool)
    lives: list[asyncio.Task[Any]] = allocation.dissolve(state, pool)
    if lives:
        await asyncio.wait(lives)
    await state.wait(DELETING)
    state.pools.pop(pool.id.lower(), None)
    state.store.drop("pool", "", pool.id)
