"""How a job stops: terminated, disabled or deleted; its tasks ended first, then its release tasks."""

from __future__ import annotations

from batchkit.local.batch.engine import preparation
from batchkit.local.batch.engine.commands import job_folder
from batchkit.local.batch.engine.scheduler import drain, kick
from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Task
from batchkit.local.wire.formats import Json, stamp

DELETING = 10.0  # seconds, by the service's clock


def terminate(state: State, job: Job, reason: str) -> None:
    """Terminate a job; its waiting tasks stay active, as the service leaves them."""
    if job.state in ("terminating", "completed", "deleting"):
        return
    job.doc["executionInfo"]["terminateReason"] = reason
    _become(state, job, "terminating")
    state.spawn(finish_terminate(state, job), f"job {job.id} terminates")


def _become(state: State, job: Job, to: str) -> None:
    job.become(to)
    state.save_job(job)


async def finish_terminate(state: State, job: Job) -> None:
    """Take a terminating job to completed: end its tasks, run its release tasks."""
    await _end_runs(job, "terminate")
    await preparation.release(state, job)
    if job.state == "terminating":
        job.doc["executionInfo"]["endTime"] = stamp()
        _become(state, job, "completed")
        state.events.job_ended(job)


async def _end_runs(job: Job, reason: str) -> None:
    runs = list(job.runs.values())
    for run in runs:
        run.end(reason)
    await drain(runs)


def disable(state: State, job: Job, option: str) -> None:
    """Disable a job: its running tasks are requeued, terminated or waited for."""
    job.extra["disable"] = option
    _become(state, job, "disabling")
    state.spawn(finish_disable(state, job), f"job {job.id} is disabled")


async def finish_disable(state: State, job: Job) -> None:
    """Take a disabling job to disabled."""
    option = job.extra.get("disable", "requeue")
    if option == "wait":
        await drain(list(job.runs.values()))
    else:
        await _end_runs(job, option)
    if job.state == "disabling":
        _become(state, job, "disabled")


def enable(state: State, job: Job) -> None:
    """Let a disabled job's tasks run again."""
    _become(state, job, "active")
    kick(state, job.pool_id)


def delete(state: State, job: Job) -> None:
    """Delete a job with all its tasks."""
    if job.state != "deleting":
        _become(state, job, "deleting")
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
    state.events.job_ended(job)
    for node in [node for pool in state.pools.values() for node in pool.nodes.values()]:
        await state.machine.remove(job_folder(node, job.id))


def task_completed(state: State, job: Job, task: Task, options: Json) -> None:
    """Do to a job what a completed task's exit options, or the end of its manager, ask."""
    action = options.get("jobAction", "none")
    if job.doc.get("onTaskFailure") == "performexitoptionsjobaction" and job.state == "active":
        if action == "terminate":
            terminate(state, job, "TaskFailed")
        elif action == "disable":
            disable(state, job, "requeue")
    manager = job.doc.get("jobManagerTask") or {}
    if task.id == manager.get("id") and manager.get("killJobOnCompletion", True):
        terminate(state, job, "JMComplete")


def task_left(state: State, job: Job) -> None:
    """End a job whose tasks are all complete, when it asks for that."""
    if job.state == "active" and job.doc.get("onAllTasksComplete") == "terminatejob" and not job.unfinished:
        terminate(state, job, "AllTasksCompleted")
