"""Gives ready tasks to nodes with free slots, and carries each through to its end.

A pool is looked at when something changed (`kick`), never by the clock. Jobs go by priority, then by
age; a job's tasks by the order they were added; nodes by the pool's fill type.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial

from batchkit.local.batch.engine import preparation
from batchkit.local.batch.engine.commands import order, settings, task_folder
from batchkit.local.batch.state import ledger
from batchkit.local.batch.state.model import Job, Node, Pool, Run
from batchkit.local.batch.state.orders import Order, Result
from batchkit.local.batch.state.state import State, log
from batchkit.local.batch.state.store import Task
from batchkit.local.tokens import BATCH_AUDIENCE
from batchkit.local.wire.errors import failure

UNLIMITED_RETRIES = -1
TROUBLES = 5  # how often a task is queued again after an error of the service itself
BACK_OFF = 10.0  # seconds, by the service's clock, before the first of these; doubled before each next
_NO_LIMIT = 1_000_000


def kick(state: State, pool_id: str) -> None:
    """Have a pool's tasks scheduled as soon as the loop is free; many calls make one look."""
    pool = state.pools.get(pool_id.lower())
    if pool is not None and not pool.kicked and not state.stopping:
        pool.kicked = True
        asyncio.get_running_loop().call_soon(_look, state, pool)


def _look(state: State, pool: Pool) -> None:
    pool.kicked = False
    nodes = [node for node in pool.nodes.values() if node.schedulable]
    for job in _jobs(state, pool):
        _fill(state, pool, [node for node in nodes if not node.unprepared(job.id)], job)
        if not _free(pool, nodes):
            return


def _jobs(state: State, pool: Pool) -> list[Job]:
    found = [j for j in state.jobs.values() if j.state == "active" and j.tasks["ready"] and j.pool_id == pool.id]
    return sorted(found, key=lambda j: (-int(j.doc.get("priority", 0)), j.doc["creationTime"]))


def _fill(state: State, pool: Pool, nodes: list[Node], job: Job) -> None:
    """Start a job's tasks while slots are free."""
    while free := _free(pool, nodes):
        room = _parallel_room(job)
        tasks = state.store.ready(job.id, max(free.values()), min(sum(free.values()), room)) if room else []
        if not tasks:
            return
        for task in tasks:
            if (node := choose(pool, nodes, task.slots)) is not None:
                _start(state, pool, node, job, task)


def _free(pool: Pool, nodes: Iterable[Node]) -> dict[str, int]:
    return {node.id: free for node in nodes if (free := pool.slots - node.used) > 0}


def _parallel_room(job: Job) -> int:
    most = int(job.doc.get("maxParallelTasks", -1))
    return max(0, most - job.tasks["running"]) if most >= 0 else _NO_LIMIT


def choose(pool: Pool, nodes: list[Node], slots: int) -> Node | None:
    """Return the node for a task of so many slots: the fullest that fits (pack) or the emptiest (spread)."""
    fitting = [node for node in nodes if pool.slots - node.used >= slots]
    policy = str((pool.doc.get("taskSchedulingPolicy") or {}).get("nodeFillType", "spread")).lower()
    best = max if policy == "pack" else min
    return best(fitting, key=lambda node: node.used) if fitting else None


def _start(state: State, pool: Pool, node: Node, job: Job, task: Task) -> None:
    run = Run(job.id, task.id, task.slots, task)
    job.runs[task.id] = run
    node.take(run)
    ledger.start(state, job, task, _place(pool, node, job, task))
    run.work = state.spawn(_carry(state, pool, node, job, run), f"task {job.id}/{task.id}")
    # A callback, for a coroutine that is cancelled before its first step never gets to a `finally`.
    run.work.add_done_callback(partial(_freed, state, pool, node, job, run))


def _place(pool: Pool, node: Node, job: Job, task: Task) -> dict[str, str]:
    folder = task_folder(node, job.id, task.id).relative_to(node.root).as_posix()
    return {
        "affinityId": node.doc["affinityId"],
        "nodeUrl": node.doc["url"],
        "poolId": pool.id,
        "nodeId": node.id,
        "taskRootDirectory": folder,
        "taskRootDirectoryUrl": f"{node.doc['url']}/files/{folder}",
    }


def _own_token(state: State, job: Job, task: Task) -> dict[str, str]:
    """Return the token with which a task may call Batch on its own job, if it asked for one (before 2024-07-01)."""
    if "job" not in ((task.doc.get("authenticationTokenSettings") or {}).get("access") or []):
        return {}
    return {"AZ_BATCH_AUTHENTICATION_TOKEN": state.config.tokens.issue(BATCH_AUDIENCE, job=job.id)}


def _order(state: State, pool: Pool, node: Node, job: Job, task: Task) -> Order:
    folder = task_folder(node, job.id, task.id)
    prepared = task_folder(node, job.id, preparation.task_id(job, preparation.PREPARATION))
    names = {
        "AZ_BATCH_JOB_ID": job.id,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_JOB_PREP_DIR": str(prepared),
        "AZ_BATCH_JOB_PREP_WORKING_DIR": str(prepared / "wd"),
        **_own_token(state, job, task),
        **settings(job.doc.get("commonEnvironmentSettings"), task.doc.get("environmentSettings")),
    }
    made = order(state, pool, node, folder, task.doc, names, f"{job.id}/{task.id}")
    made.started = lambda: ledger.run(state, job, task)
    return made


async def _carry(state: State, pool: Pool, node: Node, job: Job, run: Run) -> Result | None:
    """Take a task from preparing to the end of its command; None when it was stopped or is to be queued again."""
    try:
        if await preparation.ready(state, pool, node, job):
            return await state.machine.carry_out(_order(state, pool, node, job, run.record))
        run.stop = run.stop or "requeue"
    except asyncio.CancelledError:
        run.stop = run.stop or "shutdown"
    except Exception:
        log.exception("task %s/%s met an error of the service", job.id, run.task)
        return await _trouble(state, job, run)
    return None


async def _trouble(state: State, job: Job, run: Run) -> Result | None:
    """Wait a while for the next try; return how the task ends once there were too many."""
    job.troubles[run.task] += 1
    if job.troubles[run.task] > TROUBLES:
        return Result(failure=failure("MaxInternalRetryCountReached"), before=True)
    with contextlib.suppress(asyncio.CancelledError):
        await state.wait(BACK_OFF * 2 ** (job.troubles[run.task] - 1))
    run.stop = run.stop or "requeue"
    return None


def _freed(state: State, pool: Pool, node: Node, job: Job, run: Run, work: asyncio.Task[Result | None]) -> None:
    """Free a task's slots, and complete it, try it again or queue it again."""
    result = None if work.cancelled() or work.exception() else work.result()
    node.release(run)
    job.runs.pop(run.task, None)
    if run.stop not in ("shutdown", "delete"):
        if run.stop == "requeue":
            ledger.requeue(state, job, run.record)
        elif run.stop == "terminate" or result is None:
            complete(state, job, run.record, ended_by_user())
        else:
            _finish(state, pool, node, job, run.record, result)
    if not state.stopping:
        state.events.task_left(job)
        kick(state, pool.id)


def ended_by_user() -> Result:
    """Return the result of a task that its user ended."""
    return Result(failure=failure("TaskEnded", Message="The task was ended by user request"))


def _finish(state: State, pool: Pool, node: Node, job: Job, task: Task, result: Result) -> None:
    node.note_end(job.id, task, result.good)
    retries = int(task.doc["constraints"].get("maxTaskRetryCount") or 0)
    left = retries == UNLIMITED_RETRIES or int(task.execution["retryCount"]) < retries
    if not result.good and not result.after and left and job.troubles[task.id] <= TROUBLES:
        ledger.retry(state, job, task, result)
    else:
        complete(state, job, task, result)
    state.events.task_ran(pool, node, task, result)


def complete(state: State, job: Job, task: Task, result: Result) -> None:
    """Complete a task, and tell of it."""
    job.troubles.pop(task.id, None)
    options = ledger.complete(state, job, task, result)
    state.events.task_completed(job, task, options)


async def drain(runs: Iterable[Run]) -> None:
    """Wait until these runs have ended."""
    work = [run.work for run in runs if run.work is not None]
    if work:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(work)
