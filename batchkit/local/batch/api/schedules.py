"""Job schedules on the data plane: create, look at, change, disable, enable, terminate, delete."""

from __future__ import annotations

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.engine import schedules
from batchkit.local.batch.state.model import Schedule
from batchkit.local.wire.errors import error

_OVER = {
    "terminating": "JobScheduleBeingTerminated",
    "completed": "JobScheduleCompleted",
    "deleting": "JobScheduleBeingDeleted",
}


def usable(call: Call) -> Schedule:
    """Return the schedule that a changing call names, its conditions held.

    Raises:
        BatchError: JobScheduleNotFound, ConditionNotMet, and what it is being done to already.
    """
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    if schedule.state in _OVER:
        raise error(_OVER[schedule.state])
    return schedule


@operation("create_job_schedule")
async def create_job_schedule(call: Call) -> Reply:
    """Create a job schedule."""
    schedule = schedules.create(call.state, call.require("jobSpecification"))
    return Reply(201, doc=schedule.doc, headers={"Location": schedule.doc["url"]})


@operation("list_job_schedules")
async def list_job_schedules(call: Call) -> Reply:
    """List the account's job schedules."""
    return call.listing([s.doc for s in call.state.schedules.values()], "jobschedules", lambda d: str(d["id"]))


@operation("get_job_schedule")
async def get_job_schedule(call: Call) -> Reply:
    """Get a job schedule."""
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    return call.element(schedule.doc, "jobschedules")


@operation("job_schedule_exists")
async def job_schedule_exists(call: Call) -> Reply:
    """Say whether there is such a job schedule."""
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    return Reply(200, doc=schedule.doc)


@operation("update_job_schedule")
async def update_job_schedule(call: Call) -> Reply:
    """Change what the body names; jobs that are made already keep theirs."""
    schedule = usable(call)
    schedules.change(call.state, schedule, call.json())
    return Reply(200, doc=schedule.doc)


@operation("replace_job_schedule")
async def replace_job_schedule(call: Call) -> Reply:
    """Replace schedule, job specification and metadata; what the body lacks is taken away."""
    schedule = usable(call)
    schedules.change(call.state, schedule, call.require("jobSpecification"), gone=("schedule", "metadata"))
    return Reply(200, doc=schedule.doc)


@operation("disable_job_schedule")
async def disable_job_schedule(call: Call) -> Reply:
    """Make no further jobs until it is enabled again."""
    schedule = usable(call)
    schedules.disable(call.state, schedule)
    return Reply(204, doc=schedule.doc)


@operation("enable_job_schedule")
async def enable_job_schedule(call: Call) -> Reply:
    """Make jobs again."""
    schedule = usable(call)
    schedules.enable(call.state, schedule)
    return Reply(204, doc=schedule.doc)


@operation("terminate_job_schedule_internal")
async def terminate_job_schedule(call: Call) -> Reply:
    """End a schedule and the job that it has running."""
    schedule = usable(call)
    schedules.terminate(call.state, schedule)
    return Reply(202, doc=schedule.doc)


@operation("delete_job_schedule_internal")
async def delete_job_schedule(call: Call) -> Reply:
    """Delete a schedule with every job that it made."""
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    if schedule.state == "deleting":
        raise error("JobScheduleBeingDeleted")
    schedules.delete(call.state, schedule)
    return Reply(202)
