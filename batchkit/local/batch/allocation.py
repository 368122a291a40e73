"""How many nodes a pool has: targets, resizes and the autoscale loop, by the service's clock.

Targets are set by a resize, a node removal or an evaluation; the pool is `resizing` until every new
node is past `creating` and every surplus one is gone. A pool over the account's quota gets what fits
and a resize error.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import timedelta
from typing import Any

from batchkit.autoscale import Formula, FormulaError, Series, Targets, results
from batchkit.local.batch import fleet
from batchkit.local.batch.errors import error
from batchkit.local.batch.faults import PLANNED
from batchkit.local.batch.formats import Json, now, seconds, stamp
from batchkit.local.batch.state import Node, Pool, State

DEFAULT_INTERVAL = "PT15M"
DEFAULT_TIMEOUT = "PT15M"
SAMPLE_PERIOD, SAMPLE_DELAY = 30.0, 60.0  # seconds, by the service's clock


def set_targets(state: State, pool: Pool, dedicated: int, low: int, option: str = "requeue") -> None:
    """Give a pool new targets, and start towards them when they differ from what it has."""
    pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"] = dedicated, low
    pool.extra["option"] = option
    surplus = {kind: len(pool.staying(kind)) - target for kind, target in ((True, dedicated), (False, low))}
    if not any(surplus.values()):
        state.save_pool(pool, changed=False)
        return
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.doc.pop("resizeErrors", None)
    set_allocation(state, pool, "resizing")
    pool.resizing = state.spawn(resize(state, pool, option), f"pool {pool.id} resizes")


def set_allocation(state: State, pool: Pool, to: str) -> None:
    """Move a pool's allocation to another state and keep it."""
    pool.doc.update(allocationState=to, allocationStateTransitionTime=stamp())
    state.save_pool(pool, changed=False)


async def resize(state: State, pool: Pool, option: str) -> None:
    """Take a pool to its targets, then call it steady."""
    for dedicated, name in ((True, "targetDedicatedNodes"), (False, "targetLowPriorityNodes")):
        _towards(state, pool, dedicated, int(pool.doc[name]), option)
    await settled(state, pool)
    set_allocation(state, pool, "steady")


def _towards(state: State, pool: Pool, dedicated: bool, target: int, option: str) -> None:
    present = pool.staying(dedicated)
    refused = state.faults.resize(pool.id, target - len(present))
    if refused is not None:
        pool.doc.setdefault("resizeErrors", []).append(refused)
        return
    if target > (most := _most(state, pool, dedicated)):
        pool.doc.setdefault("resizeErrors", []).append(_over_quota(target, most))
    for _ in range(min(target, most) - len(present)):
        fleet.new_node(state, pool, dedicated)
    for node in _least_useful(present)[: max(0, len(present) - target)]:
        fleet.leave(state, pool, node, option)


def _most(state: State, pool: Pool, dedicated: bool) -> int:
    """Return how many nodes of a pool's size the account's core quota holds."""
    knobs = state.resources.knobs
    cores = re.search(r"_[a-z]+(\d+)", str(pool.doc["vmSize"]).lower())
    return int((knobs.core_quota if dedicated else knobs.low_priority_quota) // max(1, int(cores[1]) if cores else 1))


def _over_quota(target: int, most: int) -> Json:
    values = [{"name": "Requested", "value": str(target)}, {"name": "Allowed", "value": str(most)}]
    text = "The specified account has reached core quota. The pool was given as many nodes as the quota holds."
    return {"code": "AccountCoreQuotaReached", "message": text, "values": values}


def _least_useful(nodes: list[Node]) -> list[Node]:
    """Order nodes by how little is lost with them: idle ones, then those not up yet, then by tasks."""
    return sorted(nodes, key=lambda n: (len(n.runs), n.doc["state"] not in ("idle", "unusable", "starttaskfailed")))


async def settled(state: State, pool: Pool) -> None:
    """Wait until no node is being created and none is leaving."""
    while waiting := [n for n in pool.nodes.values() if n.leaving or n.doc["state"] == "creating"]:
        lives = [n.life for n in waiting if n.life is not None and not n.life.done() and n.leaving]
        if lives:
            await asyncio.wait(lives, timeout=5 / state.config.speed)
        else:
            await state.wait(5)


def stop_resize(state: State, pool: Pool) -> None:
    """Stop a resize: the targets become what is there."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    pool.doc["targetDedicatedNodes"] = len(pool.staying(True))
    pool.doc["targetLowPriorityNodes"] = len(pool.staying(False))
    stopped = {
        "code": "ResizeStopped",
        "message": "Desired number of nodes could not be allocated due to a stop resize operation",
    }
    pool.doc["resizeErrors"] = [stopped]
    set_allocation(state, pool, "stopping")
    pool.resizing = state.spawn(_stop(state, pool), f"pool {pool.id} stops its resize")


async def _stop(state: State, pool: Pool) -> None:
    await state.wait(5)
    set_allocation(state, pool, "steady")


def start_autoscale(state: State, pool: Pool) -> None:
    """Start or restart a pool's evaluations: one now, then one each interval."""
    stop_autoscale(pool)
    pool.autoscale = state.spawn(_autoscale(state, pool), f"autoscale of {pool.id}")


def stop_autoscale(pool: Pool) -> None:
    """End a pool's evaluations."""
    if pool.autoscale is not None:
        pool.autoscale.cancel()
        pool.autoscale = None


async def _autoscale(state: State, pool: Pool) -> None:
    while True:
        run, targets = evaluate(state, pool, pool.doc["autoScaleFormula"])
        pool.doc["autoScaleRun"] = run
        if targets is not None:
            set_targets(state, pool, targets.dedicated, targets.low_priority, targets.deallocation_option)
        else:
            state.save_pool(pool, changed=False)
        await state.wait(seconds(pool.doc.get("autoScaleEvaluationInterval") or DEFAULT_INTERVAL))


def evaluate(state: State, pool: Pool, text: str) -> tuple[Json, Targets | None]:
    """Evaluate a formula on a pool; return the run's record, and the targets when it did not fail."""
    present = Targets(
        int(pool.doc.get("targetDedicatedNodes") or 0), int(pool.doc.get("targetLowPriorityNodes") or 0), "requeue"
    )
    at = now()
    try:
        if code := state.faults.formula(pool.id):
            raise FormulaError(code, PLANNED)
        done = Formula(text).evaluate(_metrics(state, pool), at, present, state.config.speed)
    except FormulaError as problem:
        reason = {"code": problem.code, "message": problem.summary, "values": _place(problem)}
        return {"timestamp": stamp(at), "results": results(present), "error": reason}, None
    return {"timestamp": stamp(at), "results": done.results}, done.targets


def _place(problem: FormulaError) -> list[Json]:
    return [{"name": "Message", "value": str(problem)}]


def _metrics(state: State, pool: Pool) -> dict[str, Any]:
    """Return what a formula may see: the pool's samples, but for those of the last minute."""
    until = now() - timedelta(seconds=SAMPLE_DELAY / state.config.speed)
    seen = [(at, values) for at, values in pool.samples if at <= until]
    current = measure(state, pool)
    return {name: Series([(at, values[name]) for at, values in seen], current[name]) for name in current}


def measure(state: State, pool: Pool) -> dict[str, float]:
    """Return a pool's metrics as they are now, by the formula language's names."""
    jobs = [j for j in state.jobs.values() if j.pool_id == pool.id and j.doc["state"] in ("active", "disabling")]
    active = float(sum(j.tasks["ready"] for j in jobs))
    running = float(sum(j.tasks["running"] for j in jobs))
    dedicated = float(sum(n.doc["isDedicated"] for n in pool.nodes.values()))
    used = sum(n.used for n in pool.nodes.values())
    return {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": float(sum(j.tasks["succeeded"] for j in jobs)),
        "$FailedTasks": float(sum(j.tasks["failed"] for j in jobs)),
        "$TaskSlotsPerNode": float(pool.slots),
        "$CurrentDedicatedNodes": dedicated,
        "$CurrentLowPriorityNodes": len(pool.nodes) - dedicated,
        "$PreemptedNodeCount": float(sum(n.doc["state"] == "preempted" for n in pool.nodes.values())),
        "$SampleNodeCount": float(len(pool.nodes)),
        "$CPUPercent": 100.0 * used / (pool.slots * len(pool.nodes)) if pool.nodes else 0.0,
        **dict.fromkeys(_UNMEASURED, 0.0),
    }


_UNMEASURED = (
    "$WallClockSeconds", "$MemoryBytes", "$DiskBytes", "$DiskReadBytes", "$DiskWriteBytes",
    "$DiskReadOps", "$DiskWriteOps", "$NetworkInBytes", "$NetworkOutBytes",
)  # fmt: skip


async def sample(state: State) -> None:
    """Take a sample of every pool each 30 seconds, for ever."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await state.wait(SAMPLE_PERIOD)
            at = now()
            for pool in state.pools.values():
                pool.samples.append((at, measure(state, pool)))


def check_formula(text: str) -> None:
    """Check a formula's syntax.

    Raises:
        BatchError: AutoScalingFormulaTooLong, AutoScalingFormulaSyntaxError.
    """
    try:
        Formula(text)
    except FormulaError as problem:
        code = problem.code if problem.code.startswith("AutoScalingFormula") else "AutoScalingFormulaSyntaxError"
        raise error(code, Message=str(problem)) from None
