"""Jobs on the data plane: create, look at, change, disable, enable, terminate, delete, count their tasks."""

from __future__ import annotations

import asyncio

from batchkit.local.batch import endings, ledger
from batchkit.local.batch.call import Call, Reply, operation
from batchkit.local.batch.checks import check_constraints, check_id, check_resource_files
from batchkit.local.batch.errors import bad_value, error, missing
from batchkit.local.batch.formats import UNLIMITED, Json, limit, moment, now, stamp, transition
from batchkit.local.batch.scheduler import after_task, kick
from batchkit.local.batch.state import Job, State

JOB_QUOTA = 300  # active jobs and schedules of an account
PRIORITY_LEAST, PRIORITY_MOST = -1000, 1000
_MODES = {
    "onAllTasksComplete": ("noaction", "terminatejob"),
    "onTaskFailure": ("noaction", "performexitoptionsjobaction"),
}
_REPLACED = (
    "priority",
    "maxParallelTasks",
    "allowTaskPreemption",
    "constraints",
    "metadata",
    "onAllTasksComplete",
    "poolInfo",
)
_PATCHED = (*_REPLACED, "networkConfiguration")
_DEFAULTS: Json = {
    "priority": 0,
    "maxParallelTasks": -1,
    "allowTaskPreemption": False,
    "onAllTasksComplete": "noaction",
}
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
    state.jobs[job.id.lower()] = job
    with state.store.transaction():
        _find_pool(state, job)
        state.save_job(job)
        if job.doc.get("jobManagerTask"):
            _start_manager(state, job)
    watch_clock(state, job)
    after_task(state, job)  # no tasks and `terminatejob`: it ends at once, as on the service
    return job


def check_quota(state: State) -> None:
    """Refuse one job or schedule more than the account may have active.

    Raises:
        BatchError: ActiveJobAndScheduleQuotaReached.
    """
    active = sum(j.doc["state"] != "completed" for j in state.jobs.values())
    if active >= JOB_QUOTA or state.faults.quota("jobs"):
        raise error("ActiveJobAndScheduleQuotaReached")


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        "usesTaskDependencies": False,
        "onTaskFailure": "noaction",
        **_DEFAULTS,
        **{key: value for key, value in body.items() if value is not None},
        "url": f"{state.url}/jobs/{body['id']}",
        "creationTime": stamp(),
        "executionInfo": {"startTime": stamp(), "poolId": body["poolInfo"].get("poolId")},
    }
    doc["constraints"] = {"maxWallClockTime": UNLIMITED, "maxTaskRetryCount": 0, **(body.get("constraints") or {})}
    transition(doc, "active")
    return doc


def _start_manager(state: State, job: Job) -> None:
    ledger.add(state, job, {k: v for k, v in job.doc["jobManagerTask"].items() if k not in _MANAGER_ONLY})
    kick(state, job.pool_id)


def watch_clock(state: State, job: Job) -> None:
    """End a job when its maximum wall clock time (real, as task times are) is over."""
    seconds = limit(job.doc["constraints"].get("maxWallClockTime"))
    if seconds is not None and job.doc["state"] not in _OVER:
        state.spawn(_expire(state, job, seconds), f"clock of job {job.id}")


async def _expire(state: State, job: Job, seconds: float) -> None:
    elapsed = (now() - moment(job.doc["creationTime"])).total_seconds()
    await asyncio.sleep(max(0.0, seconds - elapsed))
    if limit(job.doc["constraints"].get("maxWallClockTime")) == seconds:
        endings.terminate(state, job, "MaxWallClockTimeExpiry")


def _find_pool(state: State, job: Job) -> None:
    """Bind a job to its pool; an auto pool is made now."""
    from batchkit.local.batch import autopools

    if job.doc["poolInfo"].get("autoPoolSpecification"):
        autopools.make(state, job)


def check_job(body: Json) -> None:
    """Check a job's settings.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    pool = body.get("poolInfo")
    if pool is None:
        raise missing("poolInfo")
    if bool(pool.get("poolId")) == bool(pool.get("autoPoolSpecification")):
        raise bad_value("poolInfo", pool, "Exactly one of poolId and autoPoolSpecification must be given.")
    check_settings(body)
    check_constraints(body.get("constraints"))
    if body.get("jobReleaseTask") and not body.get("jobPreparationTask"):
        raise bad_value("jobReleaseTask", "given", "A job release task needs a job preparation task.")
    for name in ("jobPreparationTask", "jobReleaseTask", "jobManagerTask"):
        if body.get(name):
            _check_special(body[name])


def _check_special(body: Json) -> None:
    if not body.get("commandLine"):
        raise missing("commandLine")
    check_resource_files(body.get("resourceFiles"))


def check_settings(body: Json) -> None:
    """Check a job's priority, modes and parallel tasks.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    priority = body.get("priority")
    if priority is not None and not (isinstance(priority, int) and PRIORITY_LEAST <= priority <= PRIORITY_MOST):
        raise bad_value("priority", priority, "The value must be from -1000 to 1000.")
    for name, modes in _MODES.items():
        if body.get(name) is not None and str(body[name]).lower() not in modes:
            raise bad_value(name, body[name], f"The value must be one of {', '.join(modes)}.")
    parallel = body.get("maxParallelTasks")
    if parallel is not None and (not isinstance(parallel, int) or (parallel < 1 and parallel != -1)):
        raise bad_value("maxParallelTasks", parallel, "The value must be -1 or more than 0.")


def usable(call: Call) -> Job:
    """Return the job that a changing call names, its conditions held.

    Raises:
        BatchError: JobNotFound, ConditionNotMet.
    """
    job = call.state.job(call.path["jobId"])
    call.check(job.doc)
    return job


def refuse_over(job: Job) -> None:
    """Refuse a change of a job that is ending or has ended.

    Raises:
        BatchError: JobBeingTerminated, JobCompleted, JobBeingDeleted.
    """
    if job.doc["state"] in _OVER:
        raise error(_OVER[job.doc["state"]])


@operation("create_job")
async def create_job(call: Call) -> Reply:
    """Create a job."""
    job = create(call.state, call.json())
    return Reply(201, doc=job.doc, headers={"Location": job.doc["url"]})


@operation("list_jobs")
async def list_jobs(call: Call) -> Reply:
    """List the account's jobs."""
    return call.listing([j.doc for j in call.state.jobs.values()], "jobs", lambda d: str(d["id"]))


@operation("list_jobs_from_schedule")
async def list_jobs_from_schedule(call: Call) -> Reply:
    """List the jobs that a schedule made."""
    schedule = call.state.schedule(call.path["jobScheduleId"])
    made = [j.doc for j in call.state.jobs.values() if j.extra.get("schedule") == schedule.id]
    return call.listing(made, "jobs", lambda d: str(d["id"]))


@operation("get_job")
async def get_job(call: Call) -> Reply:
    """Get a job."""
    return call.element(usable(call).doc, "jobs")


@operation("update_job")
async def update_job(call: Call) -> Reply:
    """Change the properties that the body names."""
    job, body = usable(call), call.json()
    return _change(call, job, {key: body[key] for key in _PATCHED if body.get(key) is not None})


@operation("replace_job")
async def replace_job(call: Call) -> Reply:
    """Replace the changeable properties; what the body lacks gets its default."""
    job, body = usable(call), call.require("poolInfo")
    fresh = {**_DEFAULTS, **{key: body[key] for key in _REPLACED if body.get(key) is not None}}
    fresh["constraints"] = {"maxWallClockTime": UNLIMITED, "maxTaskRetryCount": 0, **(body.get("constraints") or {})}
    if body.get("metadata") is None:
        job.doc.pop("metadata", None)
    return _change(call, job, fresh)


def _change(call: Call, job: Job, fresh: Json) -> Reply:
    refuse_over(job)
    check_settings(fresh)
    check_constraints(fresh.get("constraints"))
    if fresh.get("poolInfo") and fresh["poolInfo"] != job.doc["poolInfo"]:
        _check_move(job)
        job.doc["executionInfo"]["poolId"] = fresh["poolInfo"].get("poolId")
    job.doc.update(fresh)
    call.state.save_job(job)
    if fresh.get("constraints"):
        watch_clock(call.state, job)
    after_task(call.state, job)
    kick(call.state, job.pool_id)
    return Reply(200, doc=job.doc)


def _check_move(job: Job) -> None:
    if job.doc["state"] != "disabled":
        raise error("JobNotDisabled", "The job must be disabled before it can move to another pool.", 409)


@operation("disable_job_internal")
async def disable_job(call: Call) -> Reply:
    """Disable a job."""
    job, option = usable(call), str(call.require("disableTasks")["disableTasks"])
    if option not in ("requeue", "terminate", "wait"):
        raise bad_value("disableTasks", option, "The value must be one of requeue, terminate, wait.")
    refuse_over(job)
    if job.doc["state"] not in ("disabled", "disabling"):
        endings.disable(call.state, job, option)
    return Reply(202, doc=job.doc)


@operation("enable_job_internal")
async def enable_job(call: Call) -> Reply:
    """Enable a disabled job."""
    job = usable(call)
    refuse_over(job)
    if job.doc["state"] == "disabling":
        raise error("OperationInvalidForCurrentState")
    endings.enable(call.state, job)
    return Reply(202, doc=job.doc)


@operation("terminate_job_internal")
async def terminate_job(call: Call) -> Reply:
    """Terminate a job."""
    job = usable(call)
    refuse_over(job)
    endings.terminate(call.state, job, (call.body or {}).get("terminateReason") or "UserTerminate")
    return Reply(202, doc=job.doc)


@operation("delete_job_internal")
async def delete_job(call: Call) -> Reply:
    """Delete a job and its tasks."""
    job = usable(call)
    if job.doc["state"] == "deleting":
        raise error("JobBeingDeleted")
    endings.delete(call.state, job)
    return Reply(202)


@operation("get_job_task_counts")
async def task_counts(call: Call) -> Reply:
    """Count a job's tasks, and their slots, by state; from counters, whatever their number."""
    job = call.state.job(call.path["jobId"])
    body = {"taskCounts": _counts(job.tasks), "taskSlotCounts": _counts(job.slots)}
    return Reply(200, {"odata.metadata": f"{call.state.url}/$metadata#taskcountsresult/@Element", **body})


def _counts(counter: dict[str, int]) -> Json:
    return {
        "active": counter["blocked"] + counter["ready"],
        "running": counter["running"],
        "completed": counter["succeeded"] + counter["failed"],
        "succeeded": counter["succeeded"],
        "failed": counter["failed"],
    }


@operation("list_job_preparation_and_release_task_status")
async def preparation_status(call: Call) -> Reply:
    """List how the job's preparation and release tasks went on each node."""
    job = call.state.job(call.path["jobId"])
    if not job.doc.get("jobPreparationTask"):
        raise error("JobPreparationTaskNotSpecified")
    nodes = job.extra.get("nodes", {}).values()
    return call.listing(nodes, "jobpreparationandreleasetaskstatuslist", lambda d: str(d["nodeId"]))
