"""Tasks on the data plane: add one or a hundred, look at, change, terminate, reactivate, delete."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.api.jobs import INNER
from batchkit.local.batch.api.odata import compile_filter, page_size, wanted_state
from batchkit.local.batch.engine import jobs, tasks
from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Task
from batchkit.local.wire.errors import BatchError, bad_value, message
from batchkit.local.wire.formats import Json
from batchkit.local.wire.job_checks import TASKS_PER_CALL

_RECORDED = {"success": "Success", "clienterror": "ClientError", "servererror": "ServerError"}
_SCAN = 500  # rows read between two looks at other calls


def found(call: Call) -> tuple[Job, Task]:
    """Return the job and task that a call names.

    Raises:
        BatchError: JobNotFound, TaskNotFound, ConditionNotMet.
    """
    job, task = tasks.find(call.state, call.path["jobId"], call.path["taskId"])
    call.check(task.doc)
    return job, task


@operation("create_task")
async def create_task(call: Call) -> Reply:
    """Add a task."""
    job = call.state.job(call.path["jobId"])
    jobs.refuse_over(job)
    task = tasks.add(call.state, job, call.body)
    inner = f"{call.state.url}/jobs/{INNER}/tasks/{task.id}"
    return Reply(201, doc=task.doc, headers={"Location": task.doc["url"], "DataServiceId": inner})


@operation("create_task_collection")
async def create_task_collection(call: Call) -> Reply:
    """Add up to a hundred tasks; each has a result of its own."""
    job = call.state.job(call.path["jobId"])
    jobs.refuse_over(job)
    bodies = call.require("value")["value"]
    if not isinstance(bodies, list) or not 1 <= len(bodies) <= TASKS_PER_CALL:
        raise bad_value("value", len(bodies), f"From 1 to {TASKS_PER_CALL} tasks can be added in a call.")
    with call.state.store.transaction():
        results = [_added(call.state, job, body) for body in bodies]
    if call.state.faults.spelling():
        results = [{**result, "status": _RECORDED[result["status"]]} for result in results]
    metadata = f"{call.state.url}/$metadata#taskaddresult"
    return Reply(200, {"odata.metadata": metadata, "value": results})


def _added(state: State, job: Job, body: object) -> Json:
    name = str(body.get("id")) if isinstance(body, dict) else ""
    try:
        state.faults.add_task(f"{job.id}/{name}")
        doc = tasks.add(state, job, body).doc
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
                kept.append(row.doc)
        await asyncio.sleep(0)
    return call.page(kept, "tasks", None)


@operation("get_task")
async def get_task(call: Call) -> Reply:
    """Get a task."""
    return call.element(found(call)[1].doc, "tasks")


@operation("replace_task")
async def replace_task(call: Call) -> Reply:
    """Replace a task's constraints, its one changeable property."""
    job, task = found(call)
    tasks.change(call.state, job, task, call.json().get("constraints") or {})
    return Reply(200, doc=task.doc)


@operation("terminate_task")
async def terminate_task(call: Call) -> Reply:
    """End a task; a running one is stopped first."""
    job, task = found(call)
    await tasks.terminate(call.state, job, task)
    return Reply(204, doc=tasks.find(call.state, job.id, task.id)[1].doc)


@operation("reactivate_task")
async def reactivate_task(call: Call) -> Reply:
    """Let a failed task run again, its retries counted anew."""
    job, task = found(call)
    tasks.reactivate(call.state, job, task)
    return Reply(204, doc=task.doc)


@operation("delete_task")
async def delete_task(call: Call) -> Reply:
    """Delete a task and its files."""
    await tasks.delete(call.state, *found(call))
    return Reply(200)


@operation("list_subtasks")
async def list_subtasks(call: Call) -> Reply:
    """List a task's subtasks: none, for no task here is a multi-instance one."""
    found(call)
    return call.page([], "subtaskinfo", None)
