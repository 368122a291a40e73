"""Submitting a job: the plan is stored, then come the rules, the job, its tasks, and last its leave to end.

Each step may be repeated, by another client too, and a kill between two of them leaves a job that goes on when it is
submitted again. A job is made with no action on completion and told to end with its last task only when all tasks are
in: one that had none yet would end at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ServiceResponseError

from batchkit import storage
from batchkit.errors import JobError, code_of, explain, next_step, values_of
from batchkit.jobs.places import Places
from batchkit.jobs.planning import Plan
from batchkit.jobs.tasks import all_tasks, check_room
from batchkit.patience import Patience
from batchkit.session import Session, word

ID = r"[A-Za-z0-9_-]{1,64}"  # what the service takes as a job's id
LONGEST = timedelta(days=1)
PATIENCE = 600.0  # seconds that a step of submitting may wait for a service that does not answer
ENDING = ("JobCompleted", "JobTerminating")  # the codes of a job that ends or has ended
PER_CALL = 100  # tasks, the service's limit
REPAIRS = "batch-workbench-repairs"  # the metadata that names the job which a job repairs
OURS = "batch-workbench"  # the metadata by which a job is known as one of ours

NewTask = models.BatchTaskCreateOptions


def new_id() -> str:
    """A job's id, which is the run's id too: the time in UTC and four random letters."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(4))
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{letters}"


def submit(session: Session, plan: Plan, pool_id: str) -> Plan:
    """Submit the plan's job to the pool and return the plan that counts: the one that was stored first.

    Run again after an interruption it adds what is missing; a job that ended stays as it is. Raises PlanError when
    another client stored another plan than was asked for, JobError when a task is refused, and ServiceError when
    Azure refuses.
    """
    patience = Patience(PATIENCE)
    job = plan.job_id
    check_room(plan, Places.of(session, plan.container, plan.worker))
    with explain(f"submit the job {job}"):
        stored = Plan.from_json(storage.write_once(session.outputs, f"{job}/plan.json", plan.to_json()))
        stored = stored.agreeing(plan.given)
        storage.write(session.outputs, f"{job}/rules.toml", stored.rules.encode())
        if stored.mapping:
            storage.write(session.outputs, f"{job}/mapping.toml", stored.mapping.encode())
        state = patience.call("create the job", lambda: _create(session, job, stored.data, pool_id))
        if state == models.BatchJobState.COMPLETED:
            return stored
        _fill(session, job, all_tasks(stored, Places.of(session, stored.container, stored.worker)), patience)
    return stored


def submit_tasks(
    session: Session, job_id: str, tasks: Sequence[NewTask], pool_id: str, data: str, repairs: str
) -> None:
    """Submit tasks as a job that repairs another.

    Raises JobError when a task is refused, and what Azure's client raises.
    """
    patience = Patience(PATIENCE)
    patience.call("create the job", lambda: _create(session, job_id, data, pool_id, repairs))
    _fill(session, job_id, tasks, patience)


def _fill(session: Session, job_id: str, tasks: Sequence[NewTask], patience: Patience) -> None:
    """Add the tasks that the job lacks, and once all are there let it end with the last of them."""
    for at in range(0, len(tasks), PER_CALL):
        _add(session, job_id, tasks[at : at + PER_CALL], patience)
    _check_all_there(session, job_id, tasks, patience)
    patience.call("let the job end by itself", lambda: let_end(session, job_id))


def let_end(session: Session, job_id: str) -> None:
    """Tell a job that has all its tasks to end with the last of them; one that is ending already is left alone."""
    end_with_last = models.BatchJobUpdateOptions(all_tasks_complete_mode=models.BatchAllTasksCompleteMode.TERMINATE_JOB)
    try:
        session.batch.update_job(job_id, end_with_last)
    except HttpResponseError as error:
        if code_of(error) not in ENDING:
            raise


def _create(session: Session, job_id: str, data: str, pool_id: str, repairs: str = "") -> str:
    also = [models.BatchMetadataItem(name=REPAIRS, value=repairs)] if repairs else []
    job = models.BatchJobCreateOptions(
        id=job_id,
        pool_info=models.BatchPoolInfo(pool_id=pool_id),
        uses_task_dependencies=True,
        all_tasks_complete_mode=models.BatchAllTasksCompleteMode.NO_ACTION,
        task_failure_mode=models.BatchTaskFailureMode.NO_ACTION,
        constraints=models.BatchJobConstraints(max_wall_clock_time=LONGEST),
        metadata=[models.BatchMetadataItem(name=OURS, value=data), *also],
    )
    try:
        session.batch.create_job(job)
    except ResourceExistsError as error:
        if code_of(error) != "JobExists":
            raise
    there = session.batch.get_job(job_id, select=["id", "state", "metadata"])
    if not is_ours(there):
        raise JobError(f"There is a job {job_id} that is another program's. Take a new job_id.")
    return word(there.state)


def is_ours(job: models.BatchJob) -> bool:
    """Whether a job, read with its metadata, is one that the workbench submitted."""
    return any(item.name == OURS for item in job.metadata or [])


def repairs(job: models.BatchJob) -> str:
    """The id of the job that this one repairs; "" for a job of its own."""
    return next((str(item.value) for item in job.metadata or [] if item.name == REPAIRS), "")


def _add(session: Session, job_id: str, tasks: Sequence[NewTask], patience: Patience) -> None:
    """Add tasks in one call, or in halves where the service finds the call too large."""
    waiting = {str(task.id): task for task in tasks}

    def attempt() -> None:
        group = models.BatchTaskGroup(task_values=list(waiting.values()))
        answer = session.batch.create_task_collection(job_id, group)
        for added in _added(answer.result_values or []):
            waiting.pop(added, None)
        if waiting:
            raise ServiceResponseError(f"{len(waiting)} tasks could not be added just now")

    try:
        patience.call("add tasks", attempt)
    except HttpResponseError as error:
        if code_of(error) in ENDING:
            return  # another client added all and let the job end; whether that is so is checked next
        if code_of(error) != "RequestBodyTooLarge" or len(tasks) == 1:
            raise
        for half in (tasks[: len(tasks) // 2], tasks[len(tasks) // 2 :]):
            _add(session, job_id, half, patience)


def _added(results: Sequence[models.BatchTaskCreateResult]) -> list[str]:
    """The ids of the tasks that are in the job now; those that the service could not add just now are left out.

    Raises JobError when it refused some. The client's own helper takes a refusal for success where the service spells
    it `ClientError`, as recordings of it do, so every result is looked at here.
    """
    added, refused = [], []
    for result in results:
        status, code = word(result.status).lower(), (result.error.code or "") if result.error else ""
        if status == "success" or code == "TaskExists":
            added.append(result.task_id)
        elif status != "servererror":
            refused.append(result)
    if refused:
        raise JobError(_refusals(refused, len(results)))
    return added


def _refusals(refused: Sequence[models.BatchTaskCreateResult], asked: int) -> str:
    first = refused[0]
    error = first.error or models.BatchError()
    code, said = error.code or "no code", (error.message.value or "" if error.message else "").split("\n")[0]
    values = values_of(error)
    return (
        f"{len(refused)} of {asked} tasks were refused, first task {first.task_id}: {code}: {said}"
        f"{f' ({values})' if values else ''} The job does not end by itself. Next: {next_step(code, 400)}, "
        "then submit again with the same job_id."
    )


def _check_all_there(session: Session, job_id: str, tasks: Sequence[NewTask], patience: Patience) -> None:
    """Compare the job's tasks with the plan's; the counts may be a little late, then the list decides."""
    counts = patience.call("count the tasks", lambda: session.batch.get_job_task_counts(job_id).task_counts)
    if counts.active + counts.running + counts.completed == len(tasks):
        return
    there = patience.call(
        "list the tasks", lambda: {str(task.id) for task in session.batch.list_tasks(job_id, select=["id"])}
    )
    planned = {str(task.id) for task in tasks}
    if there != planned:
        raise JobError(
            f"Job {job_id} holds {len(there)} tasks: {len(planned - there)} of its plan are not there, "
            f"{len(there - planned)} are not of its plan. It is not told to end. Submit it again with the same job_id."
        )
