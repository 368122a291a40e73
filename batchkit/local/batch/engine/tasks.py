"""What a user does to a job's tasks: adds, ends, reactivates and deletes them."""

from __future__ import annotations

import asyncio
import sqlite3

from batchkit.local.batch.engine import jobs, packages
from batchkit.local.batch.engine.scheduler import complete, ended_by_user, kick
from batchkit.local.batch.state import ledger
from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Task
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, touch
from batchkit.local.wire.job_checks import check_constraints, check_task

_PATIENCE = 10.0  # real seconds for a stopped task's process to be gone


def find(state: State, job_id: str, task_id: str) -> tuple[Job, Task]:
    """Return a job and one of its tasks.

    Raises:
        BatchError: JobNotFound, TaskNotFound.
    """
    job = state.job(job_id)
    run = job.runs.get(task_id)
    task = run.record if run is not None else state.store.task(job.id, task_id)
    if task is None:
        raise error("TaskNotFound")
    return job, task


def add(state: State, job: Job, body: object) -> Task:
    """Check and add one task; it may start at once.

    Raises:
        BatchError: what does not hold, TaskExists.
    """
    checked = check_task(body, job.doc)
    packages.check(state, checked.get("applicationPackageReferences"))
    try:
        task = ledger.add(state, job, checked)
    except sqlite3.IntegrityError:
        raise error("TaskExists") from None
    state.store.after_commit(lambda: kick(state, job.pool_id))
    return task


def change(state: State, job: Job, task: Task, constraints: Json) -> None:
    """Replace a task's constraints, its one changeable property.

    Raises:
        BatchError: TaskCompleted, InvalidPropertyValue.
    """
    if task.state == "completed":
        raise error("TaskCompleted")
    check_constraints(constraints)
    task.doc["constraints"] = ledger.constraints(job, constraints)
    touch(task.doc)
    state.store.save_task(job.id, task)


async def terminate(state: State, job: Job, task: Task) -> None:
    """End a task; a running one is stopped first.

    Raises:
        BatchError: TaskCompleted.
    """
    if task.state == "completed":
        raise error("TaskCompleted")
    if not await _stopped(job, task, "terminate"):
        complete(state, job, task, ended_by_user())
        _left(state, job)


def reactivate(state: State, job: Job, task: Task) -> None:
    """Let a failed task run again, its retries counted anew.

    Raises:
        BatchError: TaskNotCompleted, TaskSucceeded, or what the job is being done to.
    """
    if task.state != "completed":
        raise error("TaskNotCompleted")
    if task.result == "success":
        raise error("TaskSucceeded")
    jobs.refuse_over(job)
    ledger.reactivate(state, job, task)
    kick(state, job.pool_id)


async def delete(state: State, job: Job, task: Task) -> None:
    """Delete a task and its files.

    Raises:
        BatchError: TaskNotFound: it went meanwhile.
    """
    if await _stopped(job, task, "delete"):
        job, task = find(state, job.id, task.id)
    ledger.drop(state, job, task)
    place = task.doc.get("nodeInfo")
    pool = state.pools.get(place["poolId"].lower()) if place else None
    if place and pool is not None and place["nodeId"] in pool.nodes:
        await state.machine.remove(pool.nodes[place["nodeId"]].root / place["taskRootDirectory"])
    _left(state, job)


async def _stopped(job: Job, task: Task, reason: str) -> bool:
    """Stop a task's run and wait for its end; return whether there was one."""
    run = job.runs.get(task.id)
    if run is None:
        return False
    run.end(reason)
    if run.work is not None:
        await asyncio.wait([run.work], timeout=_PATIENCE)
    return True


def _left(state: State, job: Job) -> None:
    state.events.task_left(job)
    kick(state, job.pool_id)
