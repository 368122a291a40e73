"""How a job stops: terminated, disabled or deleted; its tasks ended first, then its release tasks."""

from __future__ import annotations

import asyncio
import shutil

from batchkit.local.batch import preparation
from batchkit.local.batch.formats import stamp
from batchkit.local.batch.scheduler import drain, kick, note_job_state
from batchkit.local.batch.state import Job, State

DELETING = 10.0  # seconds, by the service's clock


def terminate(state: State, job: Job, reason: str) -> None:
    """Terminate a job; its waiting tasks stay active, as the service leaves them."""
    if job.doc["state"] in ("terminating", "completed", "deleting"):
        return
    job.doc["executionInfo"]["terminateReason"] = reason
    note_job_state(state, job, "terminating")
    state.spawn(finish_terminate(state, job), f"job {job.id} terminates")


async def finish_terminate(state: State, job: Job) -> None:
    """Take a terminating job to completed: end its tasks, run its release tasks."""
    await _end_runs(job, "terminate")
    await preparation.release(state, job)
    if job.doc["state"] == "terminating":
        job.doc["executionInfo"]["endTime"] = stamp()
        note_job_state(state, job, "completed")
        _tell_schedule(state, job)


def _tell_schedule(state: State, job: Job) -> None:
    from batchkit.local.batch import schedules

    schedules.job_ended(state, job)


async def _end_runs(job: Job, reason: str) -> None:
    runs = list(job.runs.values())
    for run in runs:
        run.end(reason)
    await drain(runs)


def disable(state: State, job: Job, option: str) -> None:
    """Disable a job: its running tasks are requeued, terminated or waited for."""
    job.extra["disable"] = option
    note_job_state(state, job, "disabling")
    state.spawn(finish_disable(state, job), f"job {job.id} is disabled")


async def finish_disable(state: State, job: Job) -> None:
    """Take a disabling job to disabled."""
    option = job.extra.get("disable", "requeue")
    if option == "wait":
        await drain(list(job.runs.values()))
    else:
        await _end_runs(job, option)
    if job.doc["state"] == "disabling":
        note_job_state(state, job, "disabled")


def enable(state: State, job: Job) -> None:
    """Let a disabled job's tasks run again."""
    note_job_state(state, job, "active")
    kick(state, job.pool_id)


def delete(state: State, job: Job) -> None:
    """Delete a job with all its tasks."""
    if job.doc["state"] != "deleting":
        note_job_state(state, job, "deleting")
        state.spawn(finish_delete(state, job), f"job {job.id} is deleted")


async def finish_delete(state: State, job: Job) -> None:
    """Take a deleting job away: its tasks, their files on nodes, then itself."""
    await _end_runs(job, "delete")
    await preparation.release(state, job)
    await state.wait(DELETING)
    with state.store.transaction():
        state.store.drop_tasks(job.id)
        state.store.drop("job", "", job.id)
    state.jobs.pop(job.id.lower(), None)
    await asyncio.get_running_loop().run_in_executor(state.executor, _drop_files, state, job)
    _tell_schedule(state, job)


def _drop_files(state: State, job: Job) -> None:
    for pool in list(state.pools.values()):
        for node in list(pool.nodes.values()):
            shutil.rmtree(node.root / "workitems" / job.id, ignore_errors=True)
