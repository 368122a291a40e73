"""Tasks on the data plane: add one or a hundred, look at, change, terminate, reactivate, delete."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from http import HTTPStatus

from batchkit.local.batch import ledger
from batchkit.local.batch.call import Call, Reply, operation
from batchkit.local.batch.checks import TASKS_PER_CALL, check_constraints, check_task
from batchkit.local.batch.errors import BatchError, bad_value, error, message
from batchkit.local.batch.formats import Json, touch
from batchkit.local.batch.jobs import refuse_over
from batchkit.local.batch.odata import compile_filter, page_size, wanted_state
from batchkit.local.batch.scheduler import after_task, complete, ended_by_user, kick
from batchkit.local.batch.state import Job, State
from batchkit.local.batch.store import Task

_RECORDED = {"success": "Success", "clienterror": "ClientError", "servererror": "ServerError"}
_SCAN = 500  # rows read between two looks at other calls


def found(call: Call) -> tuple[Job, Task]:
    """Return the job and task that a call names.

    Raises:
        BatchError: JobNotFound, TaskNotFound, ConditionNotMet.
    """
    job, task = lookup(call.state, call.path["jobId"], call.path["taskId"])
    call.check(task.doc)
    return job, task


def lookup(state: State, job_id: str, task_id: str) -> tuple[Job, Task]:
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
    """Check and add one task.

    Raises:
        BatchError: what does not hold, TaskExists.
    """
    checked = check_task(body, job.doc)
    try:
        return ledger.add(state, job, checked)
    except sqlite3.IntegrityError:
        raise error("TaskExists") from None


@operation("create_task")
async def create_task(call: Call) -> Reply:
    """Add a task."""
    job = call.state.job(call.path["jobId"])
    refuse_over(job)
    task = add(call.state, job, call.body)
    kick(call.state, job.pool_id)
    return Reply(201, doc=task.doc, headers={"Location": task.doc["url"]})


@operation("create_task_collection")
async def create_task_collection(call: Call) -> Reply:
    """Add up to a hundred tasks; each has a result of its own."""
    job = call.state.job(call.path["jobId"])
    refuse_over(job)
    bodies = call.require("value")["value"]
    if not isinstance(bodies, list) or not 1 <= len(bodies) <= TASKS_PER_CALL:
        raise bad_value("value", len(bodies), f"From 1 to {TASKS_PER_CALL} tasks can be added in a call.")
    with call.state.store.transaction():
        results = [_added(call.state, job, body) for body in bodies]
    if call.state.faults.spelling():
        results = [{**result, "status": _RECORDED[result["status"]]} for result in results]
    kick(call.state, job.pool_id)
    metadata = f"{call.state.url}/$metadata#taskaddresult"
    return Reply(200, {"odata.metadata": metadata, "value": results})


def _added(state: State, job: Job, body: object) -> Json:
    name = str(body.get("id")) if isinstance(body, dict) else ""
    try:
        state.faults.add_task(f"{job.id}/{name}")
        doc = add(state, job, body).doc
    except BatchError as refused:
        values = [{"key": key, "value": value} for key, value in refused.values.items()]
        problem = {"code": refused.code, "message": message(refused.message), "values": values}
        status = "servererror" if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "clienterror"
        return {"status": status, "taskId": name, "error": problem}
    return {
        "status": "success",
        "taskId": name,
        "eTag": doc["eTag"],
        "lastModified": doc["lastModified"],
        "location": doc["url"],
    }


@operation("list_tasks")
async def list_tasks(call: Call) -> Reply:
    """List a job's tasks, in the order of their ids; a page costs the same at any number of tasks."""
    job, text = call.state.job(call.path["jobId"]), call.query.get("$filter")
    keep, size, mark = compile_filter(text), page_size(call.query.get("maxresults")), call.query.get("$skiptoken", "")
    kept: list[Json] = []
    while rows := call.state.store.tasks(job.id, mark, wanted_state(text), min(_SCAN, size + 1)):
        for row in rows:
            if len(kept) == size and keep(row.doc):
                return call.page(kept, "tasks", str(kept[-1]["id"]))
            mark = row.id
            if keep(row.doc):
                kept.append(ledger.visible(row.doc))
        await asyncio.sleep(0)
    return call.page(kept, "tasks", None)


@operation("get_task")
async def get_task(call: Call) -> Reply:
    """Get a task."""
    return call.element(ledger.visible(found(call)[1].doc), "tasks")


@operation("replace_task")
async def replace_task(call: Call) -> Reply:
    """Replace a task's constraints, its one changeable property."""
    job, task = found(call)
    if task.state == "completed":
        raise error("TaskCompleted")
    constraints = call.json().get("constraints") or {}
    check_constraints(constraints)
    defaults = {"maxWallClockTime": "P10675199DT2H48M5.4775807S", "retentionTime": "P7D", "maxTaskRetryCount": 0}
    given = {key: value for key, value in constraints.items() if value is not None}
    task.doc["constraints"] = {**defaults, **given}
    touch(task.doc)
    call.state.store.save_task(job.id, task)
    return Reply(200, doc=task.doc)


@operation("terminate_task")
async def terminate_task(call: Call) -> Reply:
    """End a task; a running one is stopped first."""
    job, task = found(call)
    if task.state == "completed":
        raise error("TaskCompleted")
    if (run := job.runs.get(task.id)) is not None:
        run.end("terminate")
        await _over(run.work)
    else:
        complete(call.state, job, task, ended_by_user())
        after_task(call.state, job)
        kick(call.state, job.pool_id)
    return Reply(204, doc=lookup(call.state, job.id, task.id)[1].doc)


async def _over(work: asyncio.Task[None] | None) -> None:
    if work is not None:
        await asyncio.wait([work], timeout=10)


@operation("reactivate_task")
async def reactivate_task(call: Call) -> Reply:
    """Let a failed task run again, its retries counted anew."""
    job, task = found(call)
    if task.state != "completed":
        raise error("TaskNotCompleted")
    if task.result == "success":
        raise error("TaskSucceeded")
    refuse_over(job)
    fields = dict.fromkeys(("startTime", "endTime", "exitCode", "failureInfo", "_before", "_after", "lastRetryTime"))
    task.doc.pop("nodeInfo", None)
    present = {key: None for key in fields if key in task.doc["executionInfo"]}
    ledger.move(call.state, job, task, "active", retryCount=0, **present)
    kick(call.state, job.pool_id)
    return Reply(204, doc=task.doc)


@operation("delete_task")
async def delete_task(call: Call) -> Reply:
    """Delete a task and its files."""
    job, task = found(call)
    if (run := job.runs.get(task.id)) is not None:
        run.end("delete")
        await _over(run.work)
        job, task = lookup(call.state, job.id, task.id)
    call.state.store.drop_task(job.id, task.id)
    job.count(task, -1)
    place = task.doc.get("nodeInfo")
    if place is not None:
        await _drop_files(call.state, place)
    after_task(call.state, job)
    return Reply(200)


async def _drop_files(state: State, place: Json) -> None:
    pool = state.pools.get(place["poolId"].lower())
    if pool is not None and place["nodeId"] in pool.nodes:
        folder = pool.nodes[place["nodeId"]].root / place["taskRootDirectory"]
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@operation("list_subtasks")
async def list_subtasks(call: Call) -> Reply:
    """List a task's subtasks: none, for no task here is a multi-instance one."""
    found(call)
    return call.page([], "subtasks", None)
