"""Job schedules: jobs made at their times."""

from __future__ import annotations

from batchkit.local.batch import autopools
from batchkit.local.batch.state import Job, State


def job_ended(state: State, job: Job) -> None:
    """Do what a job's end means: its auto pool goes unless it is kept alive."""
    spec = job.doc["poolInfo"].get("autoPoolSpecification")
    if spec and spec.get("poolLifetimeOption") == "job" and not spec.get("keepAlive"):
        autopools.end(state, job.pool_id)
