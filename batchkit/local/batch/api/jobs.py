"""Jobs on the data plane: create, look at, change, disable, enable, terminate, delete, count their tasks."""

from __future__ import annotations

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.engine import endings, jobs
from batchkit.local.batch.state.model import Job
from batchkit.local.wire.defaults import fill
from batchkit.local.wire.errors import bad_value, error
from batchkit.local.wire.formats import Json

_REPLACED = (
    "priority",
    "maxParallelTasks",
    "allowTaskPreemption",
    "constraints",
    "metadata",
    "onAllTasksComplete",
    "poolInfo",
)
INNER = "job-1"  # what the service calls every job inside, and names in the answer to its creation
_PATCHED = (*_REPLACED, "networkConfiguration")


def usable(call: Call) -> Job:
    """Return the job that a changing call names, its conditions held.

    Raises:
        BatchError: JobNotFound, ConditionNotMet.
    """
    job = call.state.job(call.path["jobId"])
    call.check(job.doc)
    return job


@operation("create_job")
async def create_job(call: Call) -> Reply:
    """Create a job."""
    job = jobs.create(call.state, call.json())
    return Reply(201, doc=job.doc, headers={"Location": f"{call.state.url}/jobs/{INNER}"})


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
    jobs.change(call.state, job, {key: body[key] for key in _PATCHED if body.get(key) is not None})
    return Reply(200, doc=job.doc)


@operation("replace_job")
async def replace_job(call: Call) -> Reply:
    """Replace the changeable properties; what the body lacks gets its default."""
    job, body = usable(call), call.require("poolInfo")
    filled = fill(body, "BatchJobCreateOptions")
    fresh = {key: filled[key] for key in _REPLACED if key in filled}
    jobs.change(call.state, job, fresh, gone=("metadata",))
    return Reply(200, doc=job.doc)


@operation("disable_job_internal")
async def disable_job(call: Call) -> Reply:
    """Disable a job."""
    job, option = usable(call), str(call.require("disableTasks")["disableTasks"])
    if option not in ("requeue", "terminate", "wait"):
        raise bad_value("disableTasks", option, "The value must be one of requeue, terminate, wait.")
    jobs.refuse_over(job)
    if job.state not in ("disabled", "disabling"):
        endings.disable(call.state, job, option)
    return Reply(202, doc=job.doc)


@operation("enable_job_internal")
async def enable_job(call: Call) -> Reply:
    """Enable a disabled job."""
    job = usable(call)
    jobs.refuse_over(job)
    if job.state == "disabling":
        raise error("OperationInvalidForCurrentState")
    endings.enable(call.state, job)
    return Reply(202, doc=job.doc)


@operation("terminate_job_internal")
async def terminate_job(call: Call) -> Reply:
    """Terminate a job."""
    job = usable(call)
    jobs.refuse_over(job)
    endings.terminate(call.state, job, (call.body or {}).get("terminateReason") or "UserTerminate")
    return Reply(202, doc=job.doc)


@operation("delete_job_internal")
async def delete_job(call: Call) -> Reply:
    """Delete a job and its tasks."""
    job = usable(call)
    if job.state == "deleting":
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
