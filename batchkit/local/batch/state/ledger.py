"""Every change of a task's state goes through here: its row, the job's counters, its dependants.

One call is one transaction, so a kill leaves no task half moved; the counters follow once it is
committed. Dependencies: a task counts what it still waits for; each task satisfies its dependants once,
when it completes in a way that satisfies.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.orders import Result
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Task
from batchkit.local.wire.defaults import fill
from batchkit.local.wire.errors import exit_failure
from batchkit.local.wire.formats import Json, stamp, touch

_CLEARED: Json = dict.fromkeys(("startTime", "endTime", "exitCode", "failureInfo", "containerInfo"))


def constraints(job: Job, given: Json) -> Json:
    """Return a task's constraints; one that names no number of retries is tried as often as its job says."""
    retries = (job.doc.get("constraints") or {}).get("maxTaskRetryCount", 0)
    return {"maxTaskRetryCount": retries, **fill(given, "BatchTaskConstraints")}


def new_document(state: State, job: Job, body: Json) -> Json:
    """Return the document of a task as it is first kept."""
    doc = {
        **fill(body, "BatchTaskCreateOptions"),
        "url": f"{state.url}/jobs/{job.id}/tasks/{body['id']}",
        "creationTime": stamp(),
        "constraints": constraints(job, body.get("constraints") or {}),
        "executionInfo": {"retryCount": 0, "requeueCount": 0},
    }
    touch(doc)
    return doc


def add(state: State, job: Job, body: Json) -> Task:
    """Add a checked task to a job.

    Raises:
        sqlite3.IntegrityError: the job has a task of that id.
    """
    needs = body.get("dependsOn") or {}
    task = Task.new(new_document(state, job, body))
    ids = set(needs.get("taskIds") or [])
    ranges = [(int(entry["start"]), int(entry["end"])) for entry in needs.get("taskIdRanges") or []]
    with state.store.transaction():
        task.waiting = int(bool(ids or ranges))  # the row comes first: a double id is refused before its needs are kept
        state.store.add_task(job.id, task)
        if task.waiting:
            task.waiting = state.store.add_needs(job.id, task.id, ids, ranges)
            state.store.save_task(job.id, task)
        state.store.after_commit(partial(job.count, task.bucket, task.slots))
    return task


def start(state: State, job: Job, task: Task, place: Json) -> None:
    """Give a task a place on a node: it is prepared there."""
    task.doc["nodeInfo"] = place
    _move(state, job, task, "preparing")


def run(state: State, job: Job, task: Task) -> None:
    """Note that a task's command begins."""
    _move(state, job, task, "running", **_CLEARED | {"startTime": stamp()})


def requeue(state: State, job: Job, task: Task) -> None:
    """Put a task back in the queue; this does not count as a retry."""
    task.doc.pop("nodeInfo", None)
    times = {"requeueCount": task.execution["requeueCount"] + 1, "lastRequeueTime": stamp()}
    _move(state, job, task, "active", **_CLEARED, **times)


def retry(state: State, job: Job, task: Task, result: Result) -> None:
    """Queue a failed task for its next try."""
    times = {"retryCount": task.execution["retryCount"] + 1, "lastRetryTime": stamp()}
    _move(state, job, task, "active", **times, **_ending(task, result))


def reactivate(state: State, job: Job, task: Task) -> None:
    """Queue a failed task anew, its retries counted from the start."""
    task.doc.pop("nodeInfo", None)
    _move(state, job, task, "active", retryCount=0, lastRetryTime=None, **_CLEARED)


def complete(state: State, job: Job, task: Task, result: Result) -> Json:
    """Complete a task, and let its dependants run if that satisfies them; return its exit options."""
    options = exit_options(task.doc.get("exitConditions"), result)
    action = options.get("dependencyAction")
    satisfies = bool(action == "satisfy") if action else result.good
    _move(state, job, task, "completed", satisfies, **_ending(task, result))
    return options


def drop(state: State, job: Job, task: Task) -> None:
    """Forget a task."""
    with state.store.transaction():
        state.store.drop_task(job.id, task.id)
        state.store.after_commit(partial(job.count, task.bucket, task.slots, -1))


def _ending(task: Task, result: Result) -> Json:
    reason = result.failure
    if reason is None and not result.good:
        reason = exit_failure(result.exit_code)
    ended = stamp()
    info: Json = {"exitCode": result.exit_code, "failureInfo": reason, "endTime": ended}
    if result.before and not task.execution.get("startTime"):
        info["startTime"] = ended  # it got no further than its files; one that its user ended never started
    return info | ({"containerInfo": result.container} if result.container else {})


def _move(state: State, job: Job, task: Task, to: str, satisfies: bool = False, **execution: Any) -> None:
    before = task.bucket
    task.become(to, execution)
    with state.store.transaction():
        if satisfies and not task.satisfied:
            task.satisfied = 1
            _release(state, job, task.id)
        state.store.save_task(job.id, task)
        state.store.after_commit(partial(job.shift, before, task.bucket, task.slots))


def _release(state: State, job: Job, name: str) -> None:
    for dependant, times in state.store.dependants(job.id, name):
        left = state.store.lower_waiting(job.id, dependant, times)
        waiting = state.store.task(job.id, dependant) if left == 0 else None
        if waiting is not None and waiting.state == "active":
            state.store.after_commit(partial(job.shift, "blocked", "ready", waiting.slots))


def exit_options(conditions: Json | None, result: Result) -> Json:
    """Return the exit options that hold for how a task ended; none for a plain success."""
    conditions, code = conditions or {}, result.exit_code
    if result.before and conditions.get("preProcessingError"):
        return dict(conditions["preProcessingError"])
    if result.after and conditions.get("fileUploadError"):
        return dict(conditions["fileUploadError"])
    for entry in conditions.get("exitCodes") or []:
        if code == entry["code"]:
            return dict(entry.get("exitOptions") or {})
    for entry in conditions.get("exitCodeRanges") or []:
        if code is not None and entry["start"] <= code <= entry["end"]:
            return dict(entry.get("exitOptions") or {})
    return {} if result.good else dict(conditions.get("default") or {})
