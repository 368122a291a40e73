"""Jobs as commands show them: all of ours, one as it stands, what a task wrote so far; and deleting one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from batchkit import health, storage
from batchkit.errors import JobError, ServiceError, code_of, explain
from batchkit.jobs.submission import OURS, is_ours, repairs
from batchkit.session import Session, word


def overview(session: Session) -> list[dict[str, Any]]:
    """One row for each of our jobs, the newest first: id, state, data, pool_id, creation_time, end_time, repairs."""
    select = ["id", "state", "creationTime", "metadata", "poolInfo", "executionInfo"]
    with explain("list the jobs"):
        jobs = [job for job in session.batch.list_jobs(select=select) if is_ours(job)]
    newest_first = sorted(jobs, key=lambda job: job.creation_time, reverse=True)
    return [_row(job) for job in newest_first]


def _row(job: models.BatchJob) -> dict[str, Any]:
    run = job.execution_info
    return {
        "id": job.id,
        "state": word(job.state),
        "data": next((item.value for item in job.metadata or [] if item.name == OURS), ""),
        "pool_id": (run.pool_id if run else None) or (job.pool_info.pool_id if job.pool_info else None),
        "creation_time": job.creation_time,
        "end_time": run.end_time if run else None,
        "repairs": repairs(job),
    }


def status(session: Session, job_id: str) -> dict[str, Any]:
    """How a job stands: the fields of `overview`, task_counts, and the pool's nodes and troubles while it runs.

    Raises JobError when there is no such job.
    """
    try:
        with explain(f"read the job {job_id}"):
            job = session.batch.get_job(job_id)
            counts = session.batch.get_job_task_counts(job_id).task_counts
    except ServiceError as error:
        if code_of(error.__cause__ or error) == "JobNotFound":
            raise JobError(f"There is no job {job_id}. `batchkit job list` shows those that there are.") from None
        raise
    names = ("active", "running", "completed", "succeeded", "failed")
    found = _row(job) | {"task_counts": {name: getattr(counts, name) for name in names}}
    if found["state"] == "completed":
        return found
    with explain(f"read the pool {found['pool_id']}"):
        pool = health.examine(session, str(found["pool_id"]))
    said = " ".join([*pool.troubles, pool.hopeless]).strip()
    return found | {"nodes": pool.nodes, "next_evaluation": pool.next_evaluation, "troubles": said}


def output(session: Session, job_id: str, task_id: str, name: str) -> tuple[bool, str]:
    """Whether a task has ended, and what it wrote so far: from the logs container, else from its node.

    Raises JobError when there is no such task.
    """
    try:
        with explain(f"read the task {task_id} of {job_id}"):
            ended = word(session.batch.get_task(job_id, task_id, select=["id", "state"]).state) == "completed"
    except ServiceError as error:
        if not isinstance(error.__cause__, ResourceNotFoundError):
            raise
        ended = True  # the job is gone, its logs may be there
    text = storage.read(session.logs, f"{job_id}/{task_id}/{name}")
    if text is None:
        text = _on_node(session, job_id, task_id, name)
    if text is None and ended:
        raise JobError(f"There is no {name} of task {task_id} of {job_id}: it was not uploaded, and its node is gone.")
    return ended, (text or b"").decode("utf-8", "replace")


def _on_node(session: Session, job_id: str, task_id: str, name: str) -> bytes | None:
    try:
        return b"".join(session.batch.download_task_file(job_id, task_id, name))
    except HttpResponseError as error:
        if error.status_code in (404, 409):
            return None
        with explain(f"read {name} of task {task_id}"):
            raise


def delete(session: Session, job_id: str) -> None:
    """Delete a job and every blob below its name: plan, partials, reports, summary, logs. What is gone is no error."""
    with explain(f"delete the job {job_id}"), suppress(ResourceNotFoundError):
        session.batch.begin_delete_job(job_id)
    for container in (session.outputs, session.logs):
        storage.delete(container, f"{job_id}/")
