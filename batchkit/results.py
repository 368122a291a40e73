"""What a job left: its summary, its reports, what is missing of the plan, and how its tasks ran.

Reports are read by their fields alone; what they mean is the worker's business.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from batchkit import storage
from batchkit.errors import JobError, explain
from batchkit.plan import Plan
from batchkit.session import Session, word

Report = dict[str, Any]
TASK_COLUMNS = ["task", "node", "state", "result", "exit_code", "created", "started", "ended", "retries", "reason"]


def read_plan(session: Session, job_id: str) -> Plan:
    """The job's plan.

    Raises JobError when the job has none.
    """
    data = storage.read(session.outputs, f"{job_id}/plan.json")
    if data is None:
        raise JobError(f"Job {job_id} has no plan in the output container. Submit it with notebook 03.")
    return Plan.from_json(data)


def summary(session: Session, job_id: str) -> Report:
    """The job's merged report.

    Raises JobError, with what the merge task wrote, when there is none.
    """
    data = storage.read(session.outputs, f"{job_id}/summary.json")
    if data is None:
        raise JobError(f"Job {job_id} has no summary.json. {_why_no_summary(session, job_id)}")
    document: Report = json.loads(data)
    return document


def fetch(session: Session, job_id: str, target: Path) -> list[Report]:
    """Download the report of every input below `target`, and return them."""
    files = storage.download(session.outputs, f"{job_id}/reports", target)
    return [json.loads(path.read_bytes()) for path in sorted(files)]


def missing(session: Session, plan: Plan) -> list[str]:
    """The planned inputs that have no report. An output pattern that matches nothing is no error to Batch."""
    folder = f"{plan.job_id}/reports/"
    with explain(f"list the reports of {plan.job_id}"):
        there = {blob.name for blob in session.outputs.list_blobs(name_starts_with=folder)}
    return [b.name for b in plan.inputs if f"{folder}{b.name.removesuffix('.json')}.report.json" not in there]


def files(reports: list[Report]) -> pd.DataFrame:
    """One row a report: file, status, reason, bytes, seconds, transactions, valid, revenue."""
    return pd.DataFrame([_file_row(report) for report in reports]).sort_values("file", ignore_index=True)


def tasks(session: Session, job_id: str) -> pd.DataFrame:
    """One row a task with the columns of TASK_COLUMNS, in the order of their numbers; times are UTC."""
    with explain(f"list the tasks of {job_id}"):
        rows = [_task_row(task) for task in session.batch.list_tasks(job_id)]
    frame = pd.DataFrame(rows, columns=TASK_COLUMNS)
    return frame.sort_values("task", key=lambda ids: ids.astype(int), ignore_index=True)


def timeline(tasks: pd.DataFrame) -> pd.DataFrame:
    """The tasks that ran, in seconds since the first was created: task, node, waited_from, started, ended."""
    ran = tasks.dropna(subset=["started", "ended"])
    start = ran["created"].min()
    columns = {"waited_from": "created", "started": "started", "ended": "ended"}
    seconds = {name: (ran[column] - start).dt.total_seconds() for name, column in columns.items()}
    return pd.DataFrame({"task": ran["task"], "node": ran["node"], **seconds})


def node_seconds(tasks: pd.DataFrame) -> pd.DataFrame:
    """One row a node: how many tasks it ran and for how many seconds it was at work."""
    ran = tasks.dropna(subset=["started", "ended"])
    work = (ran["ended"] - ran["started"]).dt.total_seconds()
    grouped = work.groupby(ran["node"])
    return pd.DataFrame({"tasks": grouped.size(), "seconds": grouped.sum().round(1)}).reset_index()


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
        f"{failure.code}: {failure.message}" if failure else "",
    ]


def _node_of(task: Any) -> str:
    return str(task.node_info.node_id) if task.node_info and task.node_info.node_id else ""


def _time(moment: datetime | None) -> pd.Timestamp | None:
    return pd.Timestamp(moment) if moment else None
