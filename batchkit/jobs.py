"""Jobs: plan one, submit it, watch it. Each step may be run again, or gone on with from another machine.

The plan is a blob and every name follows from it, so submitting a job twice submits it once. A job is made
with no action on completion and told to end with its last task only when all tasks are in: one that had
none yet would end at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.batch import models
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from batchkit import storage
from batchkit.errors import JobError, code_of, explain
from batchkit.plan import Plan, make
from batchkit.session import Session, word
from batchkit.storage import Blob
from batchkit.tasks import Places, all_tasks
from batchkit.watch import watch

__all__ = ["cancel", "logs", "new_id", "newest", "plan", "state", "submit", "watch"]

ID = r"[A-Za-z0-9_-]{1,64}"  # what the service takes as a job's id
SERVER_ERRORS = 20  # the client repeats a failing call for ever; we let it fail this often
LONGEST = timedelta(days=1)


def new_id() -> str:
    """A job's id, which is the run's id too: the time in UTC and four random letters."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(4))
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{letters}"


def plan(session: Session, job_id: str, inputs: Sequence[Blob], *, rules: str = "", files_per_task: int = 1000) -> Plan:
    """Plan a job over the inputs, or read the plan again that this job has already.

    `rules` is the text of a rules file; empty means the worker's defaults. Raises PlanError when there is
    nothing to process.
    """
    if stored := storage.read(session.outputs, f"{job_id}/plan.json"):
        return Plan.from_json(stored)
    return make(
        job_id,
        inputs,
        rules=rules,
        files_per_task=files_per_task,
        worker_version=session.settings.azure.acr.image,
        entry_size=Places.of(session).entry_size,
    )


def submit(session: Session, plan: Plan, pool_id: str) -> None:
    """Store the plan, create the job on the pool, add all its tasks, and let it end with the last one.

    Run again after an interruption it adds what is missing; a job that ended stays as it is. Raises
    ServiceError when Azure refuses.
    """
    with explain(f"submit the job {plan.job_id}"):
        _put_once(session.outputs, f"{plan.job_id}/rules.toml", plan.rules.encode())
        _put_once(session.outputs, f"{plan.job_id}/plan.json", plan.to_json())
        if _create(session, plan.job_id, pool_id) == models.BatchJobState.COMPLETED:
            return
        tasks = all_tasks(plan, Places.of(session))
        session.batch.create_tasks(plan.job_id, tasks, raw_response_hook=_give_up_after(SERVER_ERRORS))
        end_with_last = models.BatchJobUpdateOptions(
            all_tasks_complete_mode=models.BatchAllTasksCompleteMode.TERMINATE_JOB
        )
        session.batch.update_job(plan.job_id, end_with_last)


def newest(session: Session) -> str:
    """The id of the newest job.

    Raises JobError when there is none.
    """
    with explain("list the jobs"):
        found = [(job.creation_time, job.id) for job in session.batch.list_jobs(select=["id", "creationTime"])]
    if not found:
        raise JobError("There is no job yet. Run notebook 03 first, which submits one.")
    return str(max(found)[1])


def state(session: Session, job_id: str) -> str:
    """The job's state: active, completed, ..."""
    with explain(f"read the job {job_id}"):
        return word(session.batch.get_job(job_id, select=["id", "state"]).state)


def cancel(session: Session, job_id: str) -> None:
    """End the job now: running tasks are stopped, and what they wrote so far stays."""
    with explain(f"end the job {job_id}"):
        reason = {"terminateReason": "Cancelled"}  # the client's model for it is not among its public names
        session.batch.begin_terminate_job(job_id, reason)  # type: ignore[arg-type]


def logs(session: Session, job_id: str, task_id: str, name: str = "stderr.txt") -> str:
    """What a task wrote to stderr (or stdout), from the logs container: it outlives the task's node."""
    text = storage.read(session.logs, f"{job_id}/{task_id}/{name}")
    return text.decode("utf-8", "replace") if text is not None else f"{name} of task {task_id} was not uploaded."


def _put_once(container: ContainerClient, name: str, data: bytes) -> None:
    try:
        container.upload_blob(name, data)
    except ResourceExistsError:
        return


def _create(session: Session, job_id: str, pool_id: str) -> str:
    job = models.BatchJobCreateOptions(
        id=job_id,
        pool_info=models.BatchPoolInfo(pool_id=pool_id),
        uses_task_dependencies=True,
        all_tasks_complete_mode=models.BatchAllTasksCompleteMode.NO_ACTION,
        task_failure_mode=models.BatchTaskFailureMode.NO_ACTION,
        constraints=models.BatchJobConstraints(max_wall_clock_time=LONGEST),
    )
    try:
        session.batch.create_job(job)
    except ResourceExistsError as error:
        if code_of(error) != "JobExists":
            raise
    return state(session, job_id)


def _give_up_after(limit: int) -> Callable[[Any], None]:
    failures = 0

    def count(response: Any) -> None:
        nonlocal failures
        failures += response.http_response.status_code >= 500
        if failures > limit:
            raise JobError(f"Azure Batch failed {failures} times while tasks were added. Submit again later.")

    return count
