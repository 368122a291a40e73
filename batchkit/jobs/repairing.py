"""Repairing a job: what is missing of it runs again as a small further job, and everything is merged anew.

Partials are exact and every name in a job follows from its stored plan, so a repair is the plan's own tasks again,
those whose partials or reports are not there, and then its merges over all partials, old and new. It writes to the
first job's places and is a job of its own, called `<job>-r1`, `-r2`, ...: run twice, it is the one that is under way.
An input that is gone or was overwritten since is left out of its pack; the merge names it as missing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from azure.batch import models

from batchkit import datasets, storage
from batchkit.errors import JobError, explain, or_none
from batchkit.inputs import report_name
from batchkit.jobs import planning, submission
from batchkit.jobs.ending import cancel
from batchkit.jobs.places import Places
from batchkit.jobs.planning import Plan, Task
from batchkit.jobs.tasks import merges, work_task
from batchkit.session import Session, word

NewTask = models.BatchTaskCreateOptions
_ENDED = ("completed", "terminating", "deleting")


def repair(session: Session, job_id: str, pool_id: str) -> str | None:
    """Submit the repair of a job to a pool and return its id; None when nothing of the job is missing.

    A repair that is under way is gone on with; one whose client died while it added tasks is ended, and the next takes
    its place. Raises JobError when the job has no plan or still runs, and ServiceError when Azure refuses.
    """
    plan = planning.stored(session, job_id)
    if plan is None:
        raise JobError(f"Job {job_id} has no plan in the output container: there is nothing to repair it by.")
    if _running(session, job_id):
        raise JobError(f"Job {job_id} still runs. Wait until it has ended, or cancel it, then repair it.")
    if going := _under_way(session, job_id):
        return going
    packs, merged = missing(session, plan)
    if not packs and merged:
        return None
    name = _free_name(session, job_id)
    places = Places.of(session, plan.container, plan.worker)
    with explain(f"submit the repair {name}"):
        tasks = _tasks(plan, packs, places, name)
        submission.submit_tasks(session, name, tasks, pool_id, plan.data, repairs=job_id)
    return name


def missing(session: Session, plan: Plan) -> tuple[list[Task], bool]:
    """The packs that lack something, with the inputs that can still be read; and whether the merge is whole.

    A pack is whole when its partial and the report of each of its inputs are stored.
    """
    job = plan.job_id
    partials = storage.listed(session.outputs, f"{job}/partials/")
    reports = storage.listed(session.outputs, f"{job}/reports/")
    changes = datasets.now_there(session, plan.container, plan.inputs)
    found = []
    for task in plan.tasks:
        whole = f"{job}/partials/{task.group}/{task.id}.partial" in partials and all(
            f"{job}/reports/{report_name(one.name)}" in reports for one in task.inputs if one.name not in changes
        )
        left = [one for one in task.inputs if one.name not in changes]
        if not whole and left:
            found.append(replace(task, inputs=left))
    summary = storage.listed(session.outputs, f"{job}/summary.json").get(f"{job}/summary.json")
    newest = max((blob.last_modified for blob in partials.values()), default=None)
    return found, summary is not None and (newest is None or summary.last_modified >= newest)


def _tasks(plan: Plan, packs: list[Task], places: Places, name: str) -> list[NewTask]:
    """The packs' tasks, numbered anew, and all merges after them."""
    work = [work_task(plan, task, places) for task in packs]
    after = (1, len(work)) if work else None
    made = [*work, *merges(plan, places, after, len(work) + 1)]
    for number, task in enumerate(made, 1):
        task.id = str(number)
        _log_below(task, f"{name}/{number}")
    return made


def _log_below(task: NewTask, path: str) -> None:
    """Have a task's stdout and stderr stored under the repair's own name."""
    for output in task.output_files or []:
        if output.file_pattern == "../std*.txt" and output.destination.container:
            output.destination.container.path = path


def _state(session: Session, job_id: str) -> str:
    job = or_none(lambda: session.batch.get_job(job_id, select=["id", "state"]))
    return word(job.state) if job else ""


def _running(session: Session, job_id: str) -> bool:
    with explain(f"read the job {job_id}"):
        if _state(session, job_id) in ("", *_ENDED):
            return False
        counts = session.batch.get_job_task_counts(job_id).task_counts
    return bool(counts.active or counts.running)


def _names(job_id: str) -> list[str]:
    return [f"{job_id}-r{number}" for number in range(1, 100)]


def _under_way(session: Session, job_id: str) -> str:
    """The repair of the job that goes on; "" when there is none, or only one that was abandoned, which is ended now."""
    with explain(f"look for repairs of {job_id}"):
        for name in _names(job_id):
            job = or_none(lambda name=name: session.batch.get_job(name))  # type: ignore[misc]
            if job is None:
                return ""
            if word(job.state) not in _ENDED:
                if not _abandoned(session, job):
                    return name
                cancel(session, name)
    return ""


def _abandoned(session: Session, job: models.BatchJob) -> bool:
    """Whether the client is gone that tells a job to end once all tasks are in: it would wait for ever."""
    if job.all_tasks_complete_mode != models.BatchAllTasksCompleteMode.NO_ACTION or job.creation_time is None:
        return False
    age = (datetime.now(UTC) - job.creation_time).total_seconds()
    return age > submission.PATIENCE / session.settings.speed


def _free_name(session: Session, job_id: str) -> str:
    with explain(f"look for repairs of {job_id}"):
        return next(name for name in _names(job_id) if not _state(session, name))
