"""Job schedules on the data plane: jobs made at their times, one at a time, by the service's clock.

A schedule without a recurrence makes one job and is completed with it; with one, a job whose
predecessor still runs is left out.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from batchkit.local.batch import autopools, endings, jobs
from batchkit.local.batch.call import Call, Reply, operation
from batchkit.local.batch.checks import check_durations, check_id
from batchkit.local.batch.errors import BatchError, bad_value, error
from batchkit.local.batch.formats import Json, moment, now, seconds, stamp, touch, transition
from batchkit.local.batch.state import Job, Schedule, State

LEAST = 60.0  # seconds: of a recurrence interval and of a start window
DELETING = 10.0  # seconds, by the service's clock
_OVER = {
    "terminating": "JobScheduleBeingTerminated",
    "completed": "JobScheduleCompleted",
    "deleting": "JobScheduleBeingDeleted",
}


def begin(state: State, schedule: Schedule) -> None:
    """Start, or start again, the loop that makes a schedule's jobs."""
    end_loop(schedule)
    if schedule.doc["state"] == "active":
        schedule.loop = state.spawn(_run(state, schedule), f"schedule {schedule.id}")


def end_loop(schedule: Schedule) -> None:
    """Stop making jobs."""
    if schedule.loop is not None:
        schedule.loop.cancel()
        schedule.loop = None


async def _run(state: State, schedule: Schedule) -> None:
    times = schedule.doc.get("schedule") or {}
    await _until(state, times.get("doNotRunUntil"))
    while not _past(times.get("doNotRunAfter")):
        if schedule.extra.get("made", 0) and not times.get("recurrenceInterval"):
            return
        _make_job(state, schedule)
        if not times.get("recurrenceInterval"):
            schedule.doc["executionInfo"].pop("nextRunTime", None)
            state.save_schedule(schedule, changed=False)
            return
        await _next(state, schedule, seconds(times["recurrenceInterval"]))
    finish(state, schedule)


async def _until(state: State, time: str | None) -> None:
    if time:
        await asyncio.sleep(max(0.0, (moment(time) - now()).total_seconds()))


def _past(time: str | None) -> bool:
    return bool(time) and now() > moment(str(time))


async def _next(state: State, schedule: Schedule, interval: float) -> None:
    at = now() + timedelta(seconds=interval / state.config.speed)
    schedule.doc["executionInfo"]["nextRunTime"] = stamp(at)
    state.save_schedule(schedule, changed=False)
    await state.wait(interval)


def _make_job(state: State, schedule: Schedule) -> None:
    if any(job.doc["state"] not in ("completed", "deleting") for job in made(state, schedule)):
        return
    number = schedule.extra.get("made", 0) + 1
    schedule.extra["made"] = number
    body = {**schedule.doc["jobSpecification"], "id": f"{schedule.id}:job-{number}"}
    try:
        job = jobs.make(state, body, schedule.id)
    except BatchError:
        return  # the quota is reached: the next time may do
    schedule.doc["executionInfo"]["recentJob"] = {"id": job.id, "url": job.doc["url"]}
    state.save_schedule(schedule, changed=False)


def made(state: State, schedule: Schedule) -> list[Job]:
    """Return the jobs that a schedule made and that are still known."""
    return [job for job in state.jobs.values() if job.extra.get("schedule") == schedule.id]


def job_ended(state: State, job: Job) -> None:
    """Do what a job's end means: its auto pool goes, a schedule without recurrence is completed."""
    spec = job.doc["poolInfo"].get("autoPoolSpecification")
    if spec and spec.get("poolLifetimeOption") == "job" and not spec.get("keepAlive"):
        autopools.end(state, job.pool_id)
    schedule = state.schedules.get(str(job.extra.get("schedule")).lower())
    if schedule is not None and schedule.doc["state"] == "active":
        times = schedule.doc.get("schedule") or {}
        if not times.get("recurrenceInterval") or _past(times.get("doNotRunAfter")):
            finish(state, schedule)


def finish(state: State, schedule: Schedule) -> None:
    """Complete a schedule; its own auto pool goes."""
    schedule.doc["executionInfo"]["endTime"] = stamp()
    schedule.doc["executionInfo"].pop("nextRunTime", None)
    transition(schedule.doc, "completed")
    state.save_schedule(schedule)
    spec = schedule.doc["jobSpecification"]["poolInfo"].get("autoPoolSpecification")
    if spec and not spec.get("keepAlive"):
        for job in made(state, schedule):
            autopools.end(state, job.pool_id)


def check(body: Json) -> None:
    """Check a schedule's times and its job specification.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    times = body.get("schedule") or {}
    check_durations(times, "recurrenceInterval", "startWindow")
    for name in ("recurrenceInterval", "startWindow"):
        if times.get(name) and seconds(times[name]) < LEAST:
            raise bad_value(name, times[name], "The value must be 1 minute at least.")
    if body.get("jobSpecification"):
        jobs.check_job(body["jobSpecification"])


def usable(call: Call) -> Schedule:
    """Return the schedule that a changing call names, its conditions held.

    Raises:
        BatchError: JobScheduleNotFound, ConditionNotMet, and what it is being done to already.
    """
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    if schedule.doc["state"] in _OVER:
        raise error(_OVER[schedule.doc["state"]])
    return schedule


@operation("create_job_schedule")
async def create_job_schedule(call: Call) -> Reply:
    """Create a job schedule."""
    body, state = call.require("jobSpecification"), call.state
    check_id(body.get("id"))
    check(body)
    if body["id"].lower() in state.schedules:
        raise error("JobScheduleExists")
    if body["id"].lower() in state.jobs:
        raise error("JobWithSameIdExists")
    jobs.check_quota(state)
    schedule = Schedule(_document(state, body))
    state.schedules[schedule.id.lower()] = schedule
    state.save_schedule(schedule)
    begin(state, schedule)
    return Reply(201, doc=schedule.doc, headers={"Location": schedule.doc["url"]})


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        **{key: value for key, value in body.items() if value is not None},
        "url": f"{state.url}/jobschedules/{body['id']}",
        "creationTime": stamp(),
        "executionInfo": {"nextRunTime": (body.get("schedule") or {}).get("doNotRunUntil") or stamp()},
    }
    touch(doc)
    transition(doc, "active")
    return doc


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
    schedule, body = usable(call), call.json()
    return _change(call, schedule, {key: value for key, value in body.items() if value is not None})


@operation("replace_job_schedule")
async def replace_job_schedule(call: Call) -> Reply:
    """Replace schedule, job specification and metadata; what the body lacks is taken away."""
    schedule, body = usable(call), call.require("jobSpecification")
    check(body)
    for name in ("schedule", "metadata"):
        schedule.doc.pop(name, None)
    return _change(call, schedule, {key: value for key, value in body.items() if value is not None})


def _change(call: Call, schedule: Schedule, fresh: dict[str, Any]) -> Reply:
    check(fresh)
    again = "schedule" in fresh and fresh["schedule"] != schedule.doc.get("schedule")
    for name in ("schedule", "jobSpecification", "metadata"):
        if name in fresh:
            schedule.doc[name] = fresh[name]
    call.state.save_schedule(schedule)
    if again:
        begin(call.state, schedule)
    return Reply(200, doc=schedule.doc)


@operation("disable_job_schedule")
async def disable_job_schedule(call: Call) -> Reply:
    """Make no further jobs until it is enabled again."""
    schedule = usable(call)
    end_loop(schedule)
    return _state(call, schedule, "disabled", 204)


@operation("enable_job_schedule")
async def enable_job_schedule(call: Call) -> Reply:
    """Make jobs again."""
    schedule = usable(call)
    reply = _state(call, schedule, "active", 204)
    begin(call.state, schedule)
    return reply


def _state(call: Call, schedule: Schedule, to: str, status: int) -> Reply:
    transition(schedule.doc, to)
    call.state.save_schedule(schedule)
    return Reply(status, doc=schedule.doc)


@operation("terminate_job_schedule_internal")
async def terminate_job_schedule(call: Call) -> Reply:
    """End a schedule and the job that it has running."""
    schedule = usable(call)
    end_loop(schedule)
    reply = _state(call, schedule, "terminating", 202)
    call.state.spawn(finish_terminate(call.state, schedule), f"schedule {schedule.id} terminates")
    return reply


async def finish_terminate(state: State, schedule: Schedule) -> None:
    """Take a terminating schedule to completed."""
    for job in made(state, schedule):
        endings.terminate(state, job, "JobScheduleTerminated")
    await _while(state, schedule, lambda job: bool(job.doc["state"] == "terminating"))
    finish(state, schedule)


async def _while(state: State, schedule: Schedule, going: Any) -> None:
    while any(going(job) for job in made(state, schedule)):
        await state.wait(5)


@operation("delete_job_schedule_internal")
async def delete_job_schedule(call: Call) -> Reply:
    """Delete a schedule with every job that it made."""
    schedule = call.state.schedule(call.path["jobScheduleId"])
    call.check(schedule.doc)
    if schedule.doc["state"] == "deleting":
        raise error("JobScheduleBeingDeleted")
    end_loop(schedule)
    _state(call, schedule, "deleting", 202)
    call.state.spawn(finish_delete(call.state, schedule), f"schedule {schedule.id} is deleted")
    return Reply(202)


async def finish_delete(state: State, schedule: Schedule) -> None:
    """Take a deleting schedule away, its jobs first."""
    for job in made(state, schedule):
        endings.delete(state, job)
    await _while(state, schedule, lambda _: True)
    await state.wait(DELETING)
    state.schedules.pop(schedule.id.lower(), None)
    state.store.drop("schedule", "", schedule.id)
