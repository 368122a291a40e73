"""Auto pools: a pool made for a job or a schedule, and deleted with it."""

from __future__ import annotations

import uuid

from batchkit.local.batch.engine import pools
from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.state import State
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import Json


def make(state: State, job: Job) -> None:
    """Make the pool that a job's specification asks for; a refusal becomes its scheduling error."""
    spec = job.doc["poolInfo"]["autoPoolSpecification"]
    shared = job.extra.get("schedule") if spec.get("poolLifetimeOption") == "jobschedule" else None
    name = f"{spec.get('autoPoolIdPrefix') or 'job'}_{shared or uuid.uuid4()}".upper()[:64]
    job.doc["executionInfo"]["poolId"] = name
    if name.lower() in state.pools:
        return
    try:
        pools.create(state, {**(spec.get("pool") or {}), "id": name}).extra["auto"] = spec.get("poolLifetimeOption")
    except BatchError as problem:
        details = [{"name": name, "value": value} for name, value in problem.values.items()]
        job.doc["executionInfo"]["schedulingError"] = {
            "category": "usererror",
            "code": "InvalidAutoPoolSettings",
            "message": problem.message,
            "details": details,
        }


def end(state: State, pool_id: str) -> None:
    """Delete an auto pool."""
    pool = state.pools.get(pool_id.lower())
    if pool is not None:
        pools.delete(state, pool)


def job_ended(state: State, job: Job) -> None:
    """Delete the pool that was made for a job alone."""
    spec: Json = job.doc["poolInfo"].get("autoPoolSpecification") or {}
    if spec.get("poolLifetimeOption") == "job" and not spec.get("keepAlive"):
        end(state, job.pool_id)
