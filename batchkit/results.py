"""What a job left: its summary, its reports, what became of each input, and how its tasks ran.

Reports are read by their fields alone; what they mean is the worker's business.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from batchkit import datasets, reasons, storage
from batchkit.errors import JobError, explain, or_none
from batchkit.inputs import LeftOut, report_name
from batchkit.jobs import planning
from batchkit.jobs.planning import Plan, Task
from batchkit.session import Session, word

Report = dict[str, Any]
Found = TypeVar("Found")
TASK_COLUMNS = [
    "task",
    "node",
    "state",
    "result",
    "exit_code",
    "created",
    "started",
    "ended",
    "retries",
    "reason",
    "next",
]
INPUT_COLUMNS = ["name", "state", "reason"]
PROBLEM_COLUMNS = ["what", "why", "next"]
_LISTED = 3  # files of a task that are named


def read_plan(session: Session, job_id: str) -> Plan:
    """The job's plan.

    Raises JobError when the job has none.
    """
    plan = planning.stored(session, job_id)
    if plan is None:
        raise JobError(f"Job {job_id} has no plan in the output container. Submit it with notebook 03.")
    return plan


def summary(session: Session, job_id: str) -> Report:
    """The job's merged report.

    Raises JobError, with what the merge task wrote, when there is none.
    """
    data = storage.read(session.outputs, f"{job_id}/summary.json")
    if data is None:
        raise JobError(f"Job {job_id} has no summary.json. {_why_no_summary(session, job_id)}")
    return _report(data, job_id)


def fetch(session: Session, job_id: str, target: Path) -> list[Report]:
    """Download the report of every input below `target`, and return them."""
    files = storage.download(session.outputs, f"{job_id}/reports", target)
    return [json.loads(path.read_bytes()) for path in sorted(files)]


def inputs(session: Session, job_id: str) -> pd.DataFrame:
    """What became of every file of the data, by name: the columns of INPUT_COLUMNS.

    The state is `processed`, `rejected` (it cannot be read), `missing` (it is not in the summary), `changed` (it was
    overwritten since the plan was made, so that nobody knows which version was processed), `left_out` (no input) or
    `refused` (an input that no task can take). An output pattern that matches nothing is no error to Batch, so reports
    are counted. Raises JobError when the job has no plan.
    """
    plan = read_plan(session, job_id)
    changes = datasets.now_there(session, plan.container, plan.inputs)
    fate = _Fate(session, plan, changes)
    rows = [(one.name, *fate.of(task, one.name)) for task in plan.tasks for one in task.inputs]
    rows += [(one.name, one.state, one.reason) for one in plan.excluded]
    return pd.DataFrame(sorted(rows), columns=INPUT_COLUMNS)


class _Fate:
    """What is known of a job's inputs: the reports that are there, the summary's word, the tasks' ends."""

    def __init__(self, session: Session, plan: Plan, changes: dict[str, LeftOut]) -> None:
        self.changes = changes
        folder = f"{plan.job_id}/reports/"
        there = {name.removeprefix(folder) for name in storage.listed(session.outputs, folder)}
        self.reported = {one.name for one in plan.inputs if report_name(one.name) in there}
        merged = storage.read(session.outputs, f"{plan.job_id}/summary.json")
        self.merged = merged is not None
        source = _report(merged, plan.job_id)["source"] if merged else {}
        asked = set(source.get("rejected", ())) if merged else self.reported
        self.rejected = _rejections(session, folder, sorted(asked & self.reported))
        self.unmerged = set(source.get("missing", ()))
        self.tasks = tasks(session, plan.job_id).set_index("task")

    def of(self, task: Task, name: str) -> tuple[str, str]:
        """The state of one input, and the reason when it is not `processed`."""
        if name in self.changes and name in self.reported:
            return "changed", "was overwritten in storage since the plan was made; its report may be of either version"
        if name in self.changes:
            return self.changes[name].state, f"{self.changes[name].reason}; task {task.id} could not take it"
        if name not in self.reported:
            return "missing", self._why_missing(task)
        if not self.merged and name not in self.rejected:
            return "missing", f"has a report, but the job has no summary yet: {self._state_of_merge()}"
        if name in self.unmerged:
            return "missing", f"has a report, but the summary lacks it: {self._end_of(task)}"
        return ("rejected", self.rejected[name]) if name in self.rejected else ("processed", "")

    def _state_of_merge(self) -> str:
        if self.tasks.empty:
            return "its tasks are gone"
        last = self.tasks.iloc[-1]
        if last["state"] != "completed":
            return f"its last task, the merge, is {last['state']}"
        return f"its last task, the merge, ended without one ({last['reason'] or 'no reason given'})"

    def _why_missing(self, task: Task) -> str:
        gone = [one.name for one in task.inputs if one.name in self.changes and one.name not in self.reported]
        if gone:
            return f"task {task.id}, which had it, could not start, since {gone[0]} {self.changes[gone[0]].reason}"
        return self._end_of(task)

    def _end_of(self, task: Task) -> str:
        if task.id not in self.tasks.index:
            return f"task {task.id}, which had it, is not in the job"
        row = self.tasks.loc[task.id]
        if row["state"] != "completed":
            return f"task {task.id}, which had it, is {row['state']}"
        if row["result"] != "success":
            return f"task {task.id}, which had it, failed: {row['reason'] or 'no reason given'}"
        return f"task {task.id}, which had it, succeeded, but what it left was not stored"


def problems(session: Session, job_id: str) -> pd.DataFrame:
    """What went wrong in the job, a row each with the columns of PROBLEM_COLUMNS: what, why, what to do next."""
    plan = read_plan(session, job_id)
    ran = tasks(session, job_id)
    bad = ran[(ran["result"] != "success") & (ran["state"] == "completed")]
    contents = {task.id: _files_of(task) for task in plan.tasks}
    rows = [(f"task {row['task']}, {contents.get(row['task'], 'a merge')}", row["reason"], row["next"])
            for row in bad.to_dict("records")]  # fmt: skip
    rows += _problems_of_job(session, job_id)
    return pd.DataFrame(rows, columns=PROBLEM_COLUMNS)


def _files_of(task: Task) -> str:
    names = [one.name for one in task.inputs]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"with {', '.join(names[:_LISTED])}{more}"


def _problems_of_job(session: Session, job_id: str) -> list[tuple[str, str, str]]:
    """A job that is gone, or that ended in another way than with its last task."""
    with explain(f"read the job {job_id}"):
        job = or_none(lambda: session.batch.get_job(job_id, select=["id", "executionInfo"]))
    if job is None:
        return [("the job", "it is not in the account any more", "submit it again with the same job_id")]
    why = job.execution_info.termination_reason if job.execution_info else None
    if not why or why.startswith("AllTasksComplete"):
        return []
    return [("the job", f"it was ended early: {why}", "submit again with a new job_id")]


def _rejections(session: Session, folder: str, names: list[str]) -> dict[str, str]:
    """The reasons of those of the inputs whose reports say that they were rejected."""
    if not names:
        return {}
    read = storage.in_parallel(
        lambda name: storage.read(session.outputs, f"{folder}{report_name(name)}"), names, "Reading reports"
    )
    reports = [json.loads(data) if data else {} for data in read]
    found = {name: report.get("rejection") for name, report in zip(names, reports, strict=True)}
    return {name: str(rejection["reason"]) for name, rejection in found.items() if rejection}


def _report(data: bytes, job_id: str) -> Report:
    """A summary as it is stored.

    Raises JobError when it is none.
    """
    try:
        document: Report = json.loads(data)
        return document if {"source", "status"} <= document.keys() else _no_summary(job_id)
    except (ValueError, AttributeError):
        return _no_summary(job_id)


def _no_summary(job_id: str) -> Report:
    raise JobError(f"summary.json of job {job_id} is damaged or not the worker's. Submit again with a new job_id.")


def files(reports: list[Report]) -> pd.DataFrame:
    """One row a report: file, status, reason, bytes, seconds, transactions, valid, revenue."""
    return pd.DataFrame([_file_row(report) for report in reports]).sort_values("file", ignore_index=True)


def tasks(session: Session, job_id: str) -> pd.DataFrame:
    """One row a task with the columns of TASK_COLUMNS, in the order of their numbers; times are UTC.

    A job that is gone has no rows.
    """
    with explain(f"list the tasks of {job_id}"):
        rows = or_none(lambda: [_task_row(task) for task in session.batch.list_tasks(job_id)]) or []
    frame = pd.DataFrame(rows, columns=TASK_COLUMNS)
    return frame.sort_values("task", key=lambda ids: pd.to_numeric(ids, errors="coerce"), ignore_index=True)


def timeline(tasks: pd.DataFrame) -> pd.DataFrame:
    """The tasks that ran, in seconds since the first was created: task, node, waited_from, started, ended."""
    ran = tasks.dropna(subset=["started", "ended"])
    start = ran["created"].min()
    columns = {"waited_from": "created", "started": "started", "ended": "ended"}
    seconds = {name: (ran[column] - start).dt.total_seconds() for name, column in columns.items()}
    return pd.DataFrame({"task": ran["task"], "node": ran["node"], **seconds})


def _why_no_summary(session: Session, job_id: str) -> str:
    ran = tasks(session, job_id)
    if ran.empty:
        return "It has no tasks; submit it again with notebook 03."
    last = ran.iloc[-1]
    text = storage.read(session.logs, f"{job_id}/{last['task']}/stderr.txt") or b""
    said = text.decode("utf-8", "replace").strip().splitlines()
    state = f"The merge, task {last['task']}, is {last['state']}"
    return f"{state}{f' ({last.reason})' if last['reason'] else ''}{f': {said[-1]}' if said else '.'}"


def _file_row(report: Report) -> Report:
    validation = report.get("validation") or {}
    totals = (report.get("analytics") or {}).get("summary") or {}
    return {
        "file": report["source"]["name"],
        "status": report["status"],
        "reason": (report.get("rejection") or {}).get("reason", ""),
        "bytes": report["source"]["bytes"],
        "seconds": report.get("processing_time_seconds"),
        "transactions": validation.get("total_transactions", 0),
        "valid": validation.get("valid_transactions", 0),
        "revenue": totals.get("total_revenue", 0.0),
    }


def _task_row(task: Any) -> list[Any]:
    run = task.execution_info
    failure = run.failure_info if run else None
    return [
        task.id,
        _node_of(task),
        word(task.state),
        word(run.result if run else None),
        run.exit_code if run else None,
        _time(task.creation_time),
        _time(run.start_time if run else None),
        _time(run.end_time if run else None),
        run.retry_count if run else 0,
        reasons.of_failure(failure, run.exit_code if run else None),
        reasons.next_step(failure.code or "", run.exit_code) if failure else "",
    ]


def _node_of(task: Any) -> str:
    return str(task.node_info.node_id) if task.node_info and task.node_info.node_id else ""


def _time(moment: datetime | None) -> pd.Timestamp | None:
    return pd.Timestamp(moment) if moment else None
