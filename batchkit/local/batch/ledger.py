"""Every change of a task's state goes through here: its row, the job's counters, its dependants.

One call is one transaction, so a kill leaves no task half moved. Dependencies: a task counts what it
still waits for; each task satisfies its dependants once, when it completes in a way that satisfies.
"""

from __future__ import annotations

from typing import Any

from batchkit.local.batch.formats import Json, stamp, touch, transition
from batchkit.local.batch.state import Job, State
from batchkit.local.batch.store import Task


def task_url(state: State, job_id: str, task_id: str) -> str:
    """Return a task's address."""
    return f"{state.url}/jobs/{job_id}/tasks/{task_id}"


def new_document(state: State, job: Job, body: Json) -> Json:
    """Return the document of a task as it is first kept."""
    constraints = {**(job.doc.get("constraints") or {}), **(body.get("constraints") or {})}
    doc = {
        "requiredSlots": 1,
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        **{key: value for key, value in body.items() if value is not None},
        "url": task_url(state, job.id, body["id"]),
        "creationTime": stamp(),
        "constraints": {
            "maxWallClockTime": constraints.get("maxWallClockTime") or "P10675199DT2H48M5.4775807S",
            "retentionTime": constraints.get("retentionTime") or "P7D",
            "maxTaskRetryCount": constraints.get("maxTaskRetryCount") or 0,
        },
        "executionInfo": {"retryCount": 0, "requeueCount": 0},
    }
    touch(doc)
    transition(doc, "active")
    return doc


def add(state: State, job: Job, body: Json) -> Task:
    """Add a checked task to a job.

    Raises:
        sqlite3.IntegrityError: the job has a task of that id.
    """
    needs = body.get("dependsOn") or {}
    doc = new_document(state, job, body)
    task = Task(body["id"], "active", 0, 0, None, int(doc["requiredSlots"]), doc)
    ids = set(needs.get("taskIds") or [])
    ranges = [(int(entry["start"]), int(entry["end"])) for entry in needs.get("taskIdRanges") or []]
    with state.store.transaction():
        if ids or ranges:
            task.waiting = 1  # the row comes first, so that a double id is refused before its needs are kept
        state.store.add_task(job.id, task)
        if ids or ranges:
            task.waiting = state.store.add_needs(job.id, task.id, ids, ranges)
            state.store.save_task(job.id, task)
    job.count(task)
    return task


def move(state: State, job: Job, task: Task, to: str, **execution: Any) -> None:
    """Move a task to another state and note what its execution did (None takes an entry away).

    A completed task's result follows from its failureInfo, and its dependants hear of it.
    """
    job.count(task, -1)
    info = task.doc["executionInfo"]
    for key, value in execution.items():
        info[key] = value
        if value is None:
            del info[key]
    transition(task.doc, to)
    task.doc["eTag"], task.doc["lastModified"] = _fresh(task.doc)
    task.state, task.result = to, _result(info) if to == "completed" else None
    info.pop("result", None)
    if task.result:
        info["result"] = task.result
    with state.store.transaction():
        if to == "completed" and not task.satisfied and satisfies(task):
            task.satisfied = 1
            _release(state, job, task.id)
        state.store.save_task(job.id, task)
    job.count(task)


def _fresh(doc: Json) -> tuple[str, str]:
    touch(doc)
    return doc["eTag"], doc["lastModified"]


def _result(info: Json) -> str:
    return "failure" if info.get("failureInfo") or info.get("exitCode") != 0 else "success"


def _release(state: State, job: Job, name: str) -> None:
    for dependant, times in state.store.dependants(job.id, name):
        left = state.store.lower_waiting(job.id, dependant, times)
        waiting = state.store.task(job.id, dependant) if left == 0 else None
        if waiting is not None and waiting.state == "active":
            waiting.waiting = 1
            job.count(waiting, -1)
            waiting.waiting = 0
            job.count(waiting)


def exit_options(task: Task) -> Json:
    """Return the exit options that hold for how a task ended; none for a plain success."""
    conditions, info = task.doc.get("exitConditions") or {}, task.doc["executionInfo"]
    code, reason = info.get("exitCode"), info.get("failureInfo")
    if reason and code is None and conditions.get("preProcessingError") and info.get("_before"):
        return dict(conditions["preProcessingError"])
    if reason and info.get("_after") and conditions.get("fileUploadError"):
        return dict(conditions["fileUploadError"])
    for entry in conditions.get("exitCodes") or []:
        if code == entry["code"]:
            return dict(entry.get("exitOptions") or {})
    for entry in conditions.get("exitCodeRanges") or []:
        if code is not None and entry["start"] <= code <= entry["end"]:
            return dict(entry.get("exitOptions") or {})
    return dict(conditions.get("default") or {}) if task.result == "failure" or code != 0 else {}


def satisfies(task: Task) -> bool:
    """Whether a completed task lets its dependants run."""
    action = exit_options(task).get("dependencyAction")
    return bool(action == "satisfy") if action else task.result == "success"


def visible(doc: Json) -> Json:
    """Return a task's document as clients see it, without the service's own notes."""
    info = doc.get("executionInfo")
    if not info or not any(key.startswith("_") for key in info):
        return doc
    return {**doc, "executionInfo": {key: value for key, value in info.items() if not key.startswith("_")}}
