"""Jobs: created, changed, and ended when their time is over."""

from __future__ import annotations

from batchkit.local.batch.engine import autopools, endings, packages
from batchkit.local.batch.engine.scheduler import kick
from batchkit.local.batch.state import ledger
from batchkit.local.batch.state.model import Job
from batchkit.local.batch.state.state import State
from batchkit.local.wire import clock
from batchkit.local.wire.checks import check_id
from batchkit.local.wire.defaults import fill
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, limit, moment, stamp
from batchkit.local.wire.job_checks import check_job, check_job_change

JOB_QUOTA = 300  # active jobs and schedules of an account
_MANAGER_ONLY = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")
_OVER = {
    "terminating": "JobBeingTerminated",
    "completed": "JobCompleted",
    "deleting": "JobBeingDeleted",
}


def create(state: State, body: Json) -> Job:
    """Create a job from a client's body.

    Raises:
        BatchError: a setting that does not hold, JobExists, JobScheduleWithSameIdExists, the quota.
    """
    check_id(body.get("id"))
    check_job(body)
    packages.check(state, (body.get("jobManagerTask") or {}).get("applicationPackageReferences"))
    if body["id"].lower() in state.jobs:
        raise error("JobExists")
    if body["id"].lower() in state.schedules:
        raise error("JobScheduleWithSameIdExists")
    return make(state, body)


def make(state: State, body: Json, schedule: str | None = None) -> Job:
    """Make a job of a checked body; `schedule` names the job schedule that does so.

    Raises:
        BatchError: ActiveJobAndScheduleQuotaReached.
    """
    check_quota(state)
    job = Job(_document(state, body), {"schedule": schedule} if schedule else {})
    with state.store.transaction():
        if job.doc["poolInfo"].get("autoPoolSpecification"):
            autopools.make(state, job)
        state.save_job(job)
        if job.doc.get("jobManagerTask"):
            ledger.add(state, job, {k: v for k, v in job.doc["jobManagerTask"].items() if k not in _MANAGER_ONLY})
    state.jobs[job.id.lower()] = job
    begin(state, job)
    return job


def begin(state: State, job: Job) -> None:
    """Start a job, or go on with it after a restart; one without tasks that ends with its last ends at once."""
    watch_clock(state, job)
    endings.task_left(state, job)
    kick(state, job.pool_id)


def check_quota(state: State) -> None:
    """Refuse one job or schedule more than the account may have active.

    Raises:
        BatchError: ActiveJobAndScheduleQuotaReached.
    """
    active = sum(job.state != "completed" for job in state.jobs.values())
    if active >= JOB_QUOTA or state.faults.quota("jobs"):
        raise error("ActiveJobAndScheduleQuotaReached")


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        **fill(body, "BatchJobCreateOptions"),
        "url": f"{state.url}/jobs/{body['id']}",
        "creationTime": stamp(),
        "executionInfo": {"startTime": stamp(), "poolId": body["poolInfo"].get("poolId")},
    }
    Job(doc).become("active")
    return doc


def watch_clock(state: State, job: Job) -> None:
    """End a job when its maximum wall clock time (real, as task times are) is over."""
    seconds = limit(job.doc["constraints"].get("maxWallClockTime"))
    if seconds is not None and job.state not in _OVER:
        state.spawn(_expire(state, job, seconds), f"clock of job {job.id}")


async def _expire(state: State, job: Job, seconds: float) -> None:
    elapsed = (clock.now() - moment(job.doc["creationTime"])).total_seconds()
    await clock.sleep(seconds - elapsed)
    if limit(job.doc["constraints"].get("maxWallClockTime")) == seconds and state.jobs.get(job.id.lower()) is job:
        endings.terminate(state, job, "MaxWallClockTimeExpiry")


def refuse_over(job: Job) -> None:
    """Refuse a change of a job that is ending or has ended.

    Raises:
        BatchError: JobBeingTerminated, JobCompleted, JobBeingDeleted.
    """
    if job.state in _OVER:
        raise error(_OVER[job.state])


def change(state: State, job: Job, fresh: Json, gone: tuple[str, ...] = ()) -> None:
    """Set properties of a job, and take others away.

    Raises:
        BatchError: a value that does not hold, a job that is over, JobNotDisabled when it is to move.
    """
    refuse_over(job)
    check_job_change(fresh)
    fresh = fill(fresh, "BatchJobUpdateOptions")
    moves = bool(fresh.get("poolInfo")) and fresh["poolInfo"] != job.doc["poolInfo"]
    if moves and job.state != "disabled":
        raise error("JobNotDisabled", "The job must be disabled before it can move to another pool.", 409)
    if moves:
        job.doc["executionInfo"]["poolId"] = fresh["poolInfo"].get("poolId")
    for name in gone:
        job.doc.pop(name, None)
    job.doc.update(fresh)
    state.save_job(job)
    if fresh.get("constraints"):
        watch_clock(state, job)
    endings.task_left(state, job)
    kick(state, job.pool_id)
