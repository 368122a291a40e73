"""The autoscale loop: samples of every pool, evaluations of its formula, targets that follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from batchkit.autoscale import Formula, FormulaError, Series, Targets, results
from batchkit.autoscale.samples import DELAY_SECONDS, PERIOD_SECONDS
from batchkit.local.batch.engine.allocation import set_targets
from batchkit.local.batch.state.faults import PLANNED
from batchkit.local.batch.state.model import Pool
from batchkit.local.batch.state.state import State, log
from batchkit.local.wire.clock import now
from batchkit.local.wire.defaults import QUARTER
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, seconds, stamp


def start(state: State, pool: Pool) -> None:
    """Start or restart a pool's evaluations: one now, then one each interval."""
    stop(pool)
    pool.autoscale = state.spawn(_autoscale(state, pool), f"autoscale of {pool.id}")


def stop(pool: Pool) -> None:
    """End a pool's evaluations."""
    if pool.autoscale is not None:
        pool.autoscale.cancel()
        pool.autoscale = None


async def _autoscale(state: State, pool: Pool) -> None:
    while True:
        try:
            _evaluated(state, pool)
        except Exception:  # one evaluation is lost, and the next is due as ever
            log.exception("the autoscale of pool %s failed", pool.id)
        await state.wait(seconds(pool.doc.get("autoScaleEvaluationInterval") or QUARTER))


def _evaluated(state: State, pool: Pool) -> None:
    run, targets = evaluate(state, pool, pool.doc["autoScaleFormula"])
    pool.doc["autoScaleRun"] = run
    if targets is not None:
        set_targets(state, pool, targets.dedicated, targets.low_priority, targets.deallocation_option)
    else:
        state.save_pool(pool, changed=False)


def evaluate(state: State, pool: Pool, text: str) -> tuple[Json, Targets | None]:
    """Evaluate a formula on a pool; return the run's record, and the targets when it did not fail."""
    present, at = Targets(*pool.targets, "requeue"), now()
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
    until = now() - timedelta(seconds=DELAY_SECONDS / state.config.speed)
    seen = [(at, values) for at, values in pool.samples if at <= until]
    current = measure(state, pool)
    return {name: Series([(at, values[name]) for at, values in seen], current[name]) for name in current}


def measure(state: State, pool: Pool) -> dict[str, float]:
    """Return a pool's metrics as they are now, by the formula language's names."""
    jobs = [j for j in state.jobs.values() if j.pool_id == pool.id and j.state in ("active", "disabling")]
    active = float(sum(j.tasks["ready"] for j in jobs))
    running = float(sum(j.tasks["running"] for j in jobs))
    dedicated = float(sum(n.dedicated for n in pool.nodes.values()))
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
        "$PreemptedNodeCount": float(sum(n.state == "preempted" for n in pool.nodes.values())),
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
    while True:
        await state.wait(PERIOD_SECONDS)
        at = now()
        for pool in state.pools.values():
            try:
                pool.samples.append((at, measure(state, pool)))
            except Exception:  # of one pool: the others, and the next samples, are due as ever
                log.exception("no sample of pool %s", pool.id)


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
