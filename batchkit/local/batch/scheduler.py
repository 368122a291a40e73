"""Gives ready tasks to nodes with free slots, and carries each through to its end.

A pool is looked at when something changed (`kick`), never by the clock. Jobs go by priority, then by
age; a job's tasks by the order they were added; nodes by the pool's fill type.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from batchkit.local.batch import ledger
from batchkit.local.batch.execute import Order, Result, environment, execute, settings
from batchkit.local.batch.fleet import exit_failure
from batchkit.local.batch.formats import Json, stamp, transition
from batchkit.local.batch.state import Job, Node, Pool, Run, State
from batchkit.local.batch.store import Task

UNLIMITED_RETRIES = -1


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
        if not _fill(state, pool, nodes, job):
            return


def _jobs(state: State, pool: Pool) -> list[Job]:
    found = [j for j in state.jobs.values() if j.doc["state"] == "active" and j.tasks["ready"] and j.pool_id == pool.id]
    return sorted(found, key=lambda j: (-int(j.doc.get("priority", 0)), j.doc["creationTime"]))


def _fill(state: State, pool: Pool, nodes: list[Node], job: Job) -> bool:
    """Start a job's tasks while slots are free; return whether any slot is left."""
    while free := _free(pool, nodes):
        room = _parallel_room(job)
        tasks = state.store.ready(job.id, max(free.values()), min(sum(free.values()), room)) if room else []
        if not tasks:
            return True
        for task in tasks:
            if (node := _choose(pool, nodes, task.slots)) is not None:
                _start(state, pool, node, job, task)
    return False


def _free(pool: Pool, nodes: Iterable[Node]) -> dict[str, int]:
    return {node.id: free for node in nodes if (free := pool.slots - node.used) > 0}


def _parallel_room(job: Job) -> int:
    most = int(job.doc.get("maxParallelTasks", -1))
    return max(0, most - job.tasks["running"]) if most >= 0 else 1_000_000


def _choose(pool: Pool, nodes: list[Node], slots: int) -> Node | None:
    fitting = [node for node in nodes if pool.slots - node.used >= slots]
    policy = (pool.doc.get("taskSchedulingPolicy") or {}).get("nodeFillType", "spread")
    if not fitting:
        return None
    return max(fitting, key=lambda n: n.used) if policy.lower() == "pack" else min(fitting, key=lambda n: n.used)


def _start(state: State, pool: Pool, node: Node, job: Job, task: Task) -> None:
    run = Run(job.id, task.id, task.slots, task)
    node.runs[job.id, task.id] = job.runs[task.id] = run
    folder = node.root / "workitems" / job.id / "job-1" / task.id
    task.doc["nodeInfo"] = {
        "affinityId": node.doc["affinityId"],
        "nodeUrl": node.doc["url"],
        "poolId": pool.id,
        "nodeId": node.id,
        "taskRootDirectory": f"workitems/{job.id}/job-1/{task.id}",
        "taskRootDirectoryUrl": f"{node.doc['url']}/files/workitems/{job.id}/job-1/{task.id}",
    }
    ledger.move(state, job, task, "preparing")
    _busy(node)
    order = Order(folder, task.doc, _environment(state, node, job, task), label=f"{job.id}/{task.id}")
    run.work = state.spawn(_carry(state, pool, node, job, task, run, order), f"task {job.id}/{task.id}")


def _environment(state: State, node: Node, job: Job, task: Task) -> dict[str, str]:
    folder = node.root / "workitems" / job.id / "job-1" / task.id
    names = {
        "AZ_BATCH_JOB_ID": job.id,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_JOB_PREP_DIR": str(folder.parent / "jobpreparation"),
        "AZ_BATCH_JOB_PREP_WORKING_DIR": str(folder.parent / "jobpreparation" / "wd"),
        **settings(job.doc.get("commonEnvironmentSettings"), task.doc.get("environmentSettings")),
    }
    return environment(state, node, folder, names)


def _busy(node: Node) -> None:
    """Bring a node's counters and its idle or running state up to what runs on it."""
    node.doc["runningTasksCount"], node.doc["runningTaskSlotsCount"] = len(node.runs), node.used
    wanted = "running" if node.runs else "idle"
    if node.doc["state"] in ("idle", "running") and node.doc["state"] != wanted:
        node.doc.update(state=wanted, stateTransitionTime=stamp())


async def _carry(state: State, pool: Pool, node: Node, job: Job, task: Task, run: Run, order: Order) -> None:
    """Take a task from preparing to its end, its retry or its requeue."""
    from batchkit.local.batch import preparation

    def started() -> None:
        ledger.move(state, job, task, "running", startTime=stamp(), endTime=None, exitCode=None, failureInfo=None)

    order.started = started
    result: Result | None = None
    try:
        if await preparation.ready(state, pool, node, job):
            result = await execute(state, pool, node, order)
        else:
            run.stop = "requeue"
    except asyncio.CancelledError:
        run.stop = run.stop or "shutdown"
    except Exception:
        run.stop = "requeue"
        raise
    finally:
        _freed(state, pool, node, job, task, run, result)


def _freed(state: State, pool: Pool, node: Node, job: Job, task: Task, run: Run, result: Result | None) -> None:
    node.runs.pop((job.id, task.id), None)
    job.runs.pop(task.id, None)
    if run.stop not in ("shutdown", "delete"):
        if run.stop == "requeue":
            requeue(state, job, task)
        elif run.stop == "terminate" or result is None:
            complete(state, job, task, ended_by_user())
        else:
            _finish(state, pool, node, job, task, result)
    _busy(node)
    if not state.stopping:
        after_task(state, job)
        kick(state, pool.id)


def ended_by_user() -> Result:
    """Return the result of a task that its user ended."""
    from batchkit.local.batch.errors import failure

    return Result(failure=failure("TaskEnded", Message="The task was ended by user request"))


def requeue(state: State, job: Job, task: Task) -> None:
    """Put a task back in the queue; this does not count as a retry."""
    info = task.doc["executionInfo"]
    task.doc.pop("nodeInfo", None)
    times = {"requeueCount": info["requeueCount"] + 1, "lastRequeueTime": stamp()}
    ledger.move(state, job, task, "active", startTime=None, endTime=None, exitCode=None, failureInfo=None, **times)


def _finish(state: State, pool: Pool, node: Node, job: Job, task: Task, result: Result) -> None:
    good = result.exit_code == 0 and result.failure is None
    node.doc["totalTasksRun"] += 1
    node.doc["totalTasksSucceeded"] += good
    _remember(node, job, task)
    state.faults.task_done(state, pool)
    retries = int(task.doc["constraints"].get("maxTaskRetryCount") or 0)
    tried = int(task.doc["executionInfo"]["retryCount"])
    if not good and not result.after and (retries == UNLIMITED_RETRIES or tried < retries):
        retry(state, job, task, result)
    else:
        complete(state, job, task, result)
        if state.retention is not None:
            state.retention.keep(node, task)


def _remember(node: Node, job: Job, task: Task) -> None:
    recent = node.doc.setdefault("recentTasks", [])
    recent.insert(0, {"jobId": job.id, "taskId": task.id, "taskUrl": task.doc["url"], "taskState": "completed"})
    del recent[10:]


def retry(state: State, job: Job, task: Task, result: Result) -> None:
    """Queue a failed task for its next try."""
    info = task.doc["executionInfo"]
    fields = {"retryCount": info["retryCount"] + 1, "lastRetryTime": stamp(), **_ending(task, result)}
    ledger.move(state, job, task, "active", **fields)


def _ending(task: Task, result: Result) -> Json:
    reason = result.failure
    if reason is None and result.exit_code != 0:
        reason = exit_failure(result.exit_code)
    info: Json = {"exitCode": result.exit_code, "failureInfo": reason, "endTime": stamp()}
    info["startTime"] = task.doc["executionInfo"].get("startTime") or stamp()
    return info


def complete(state: State, job: Job, task: Task, result: Result) -> None:
    """Complete a task, and do to its job what its exit conditions ask."""
    notes = {"_before": result.before or None, "_after": result.after or None}
    present = {key: value for key, value in {**_ending(task, result), **notes}.items() if value is not None}
    for key in ("exitCode", "failureInfo", "_before", "_after"):
        task.doc["executionInfo"].pop(key, None)
    ledger.move(state, job, task, "completed", **present)
    action = ledger.exit_options(task).get("jobAction", "none")
    if job.doc.get("onTaskFailure") == "performexitoptionsjobaction" and job.doc["state"] == "active":
        _job_action(state, job, action)
    _manager_ended(state, job, task)


def _manager_ended(state: State, job: Job, task: Task) -> None:
    from batchkit.local.batch.endings import terminate

    manager = job.doc.get("jobManagerTask") or {}
    if task.id == manager.get("id") and manager.get("killJobOnCompletion", True):
        terminate(state, job, "JMComplete")


def _job_action(state: State, job: Job, action: str) -> None:
    from batchkit.local.batch.endings import disable, terminate

    if action == "terminate":
        terminate(state, job, "TaskFailed")
    elif action == "disable":
        disable(state, job, "requeue")


def after_task(state: State, job: Job) -> None:
    """End a job whose tasks are all complete, when it asks for that."""
    from batchkit.local.batch.endings import terminate

    left = job.tasks["blocked"] + job.tasks["ready"] + job.tasks["running"]
    if job.doc["state"] == "active" and job.doc.get("onAllTasksComplete") == "terminatejob" and not left:
        terminate(state, job, "AllTasksCompleted")


async def drain(runs: Iterable[Run]) -> None:
    """Wait until these runs have ended."""
    work = [run.work for run in runs if run.work is not None]
    if work:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(work)


def note_job_state(state: State, job: Job, to: str) -> None:
    """Move a job to another state and keep it."""
    transition(job.doc, to)
    state.save_job(job)
