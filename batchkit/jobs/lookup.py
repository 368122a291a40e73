"""Looking at jobs: the newest of ours, its state, what its tasks wrote."""

from __future__ import annotations

from batchkit import storage
from batchkit.errors import JobError, explain
from batchkit.jobs.submission import is_ours, repairs
from batchkit.session import Session, word


def newest(session: Session) -> str:
    """The id of the workbench's newest job; other programs' jobs in the account are not ours.

    Raises JobError when there is none.
    """
    with explain("list the jobs"):
        jobs = session.batch.list_jobs(select=["id", "creationTime", "metadata"])
        found = [(job.creation_time, job.id) for job in jobs if is_ours(job) and not repairs(job)]
    if not found:
        raise JobError("There is no job of the workbench yet. Run notebook 03 first, which submits one.")
    return str(max(found)[1])


def state(session: Session, job_id: str) -> str:
    """The job's state: active, completed, ..."""
    with explain(f"read the job {job_id}"):
        return word(session.batch.get_job(job_id, select=["id", "state"]).state)


def logs(session: Session, job_id: str, task_id: str, name: str = "stderr.txt") -> str:
    """What a task wrote to stderr (or stdout), from the logs container: it outlives the task's node."""
    text = storage.read(session.logs, f"{job_id}/{task_id}/{name}")
    return text.decode("utf-8", "replace") if text is not None else f"{name} of task {task_id} was not uploaded."
