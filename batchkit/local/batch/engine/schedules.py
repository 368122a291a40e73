"""Job schedules: jobs made at their times, one at a time, by the service's clock.

A schedule without a recurrence makes one job and is completed with it; with one, a job whose
predecessor still runs is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from batchkit.local.batch.engine import autopools, endings, jobs
from batchkit.local.batch.state.model import Job, Schedule
from batchkit.local.batch.state.state import State, log
from batchkit.local.wire import clock
from batchkit.local.wire.checks import check_durations, check_id
from batchkit.local.wire.defaults import fill
from batchkit.local.wire.errors import BatchError, bad_value, error
from batchkit.local.wire.formats import Json, moment, seconds, stamp, touch
from batchkit.local.wire.job_checks import check_job

LEAST = 60.0  # seconds: of a recurrence interval and of a start window
DELETING = 10.0  # seconds, by the service's clock
STEP = 5.0  # between two looks at whether a schedule's jobs have ended


def create(state: State, body: Json) -> Schedule:
    """Create a schedule and start its loop.

    Raises:
        BatchError: a setting that does not hold, JobScheduleExists, JobWithSameIdExists, the quota.
    """
    check_id(body.get("id"))
    check(body)
    if body["id"].lower() in state.schedules:
        raise error("JobScheduleExists")
    if body["id"].lower() in state.jobs:
        raise error("JobWithSameIdExists")
    jobs.check_quota(state)
    schedule = Schedule(_document(state, body))
    state.save_schedule(schedule)
    state.schedules[schedule.id.lower()] = schedule
    begin(state, schedule)
    return schedule


def _document(state: State, body: Json) -> Json:
    doc: Json = {
        **fill(body, "BatchJobScheduleCreateOptions"),
        "url": f"{state.url}/jobschedules/{body['id']}",
        "creationTime": stamp(),
        "executionInfo": {"nextRunTime": (body.get("schedule") or {}).get("doNotRunUntil") or stamp()},
    }
    touch(doc)
    Schedule(doc).become("active")
    return doc


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
        check_job(body["jobSpecification"])


def begin(state: State, schedule: Schedule) -> None:
    """Start, or start again, the loop that makes a schedule's jobs."""
    end_loop(schedule)
    if schedule.state == "active":
        schedule.loop = state.spawn(_run(state, schedule), f"schedule {schedule.id}")


def end_loop(schedule: Schedule) -> None:
    """Stop making jobs."""
    if schedule.loop is not None:
        schedule.loop.cancel()
        schedule.loop = None


async def _run(state: State, schedule: Schedule) -> None:
    times = schedule.doc.get("schedule") or {}
    if times.get("doNotRunUntil"):
        await clock.sleep((moment(times["doNotRunUntil"]) - clock.now()).total_seconds())
    while not _past(times.get("doNotRunAfter")):
        recurs = times.get("recurrenceInterval")
        if schedule.extra.get("made", 0) and not recurs:
            return
        _make_job(state, schedule)
        if not recurs:
            schedule.doc["executionInfo"].pop("nextRunTime", None)
            state.save_schedule(schedule, changed=False)
            return
        await _next(state, schedule, seconds(recurs))
    finish(state, schedule)


def _past(time: str | None) -> bool:
    return bool(time) and clock.now() > moment(str(time))


async def _next(state: State, schedule: Schedule, interval: float) -> None:
    at = clock.now() + timedelta(seconds=interval / state.config.speed)
    schedule.doc["executionInfo"]["nextRunTime"] = stamp(at)
    state.save_schedule(schedule, changed=False)
    await state.wait(interval)


def _make_job(state: State, schedule: Schedule) -> None:
    if any(job.state not in ("completed", "deleting") for job in made(state, schedule)):
        return
    number = schedule.extra.get("made", 0) + 1
    schedule.extra["made"] = number
    body = {**schedule.doc["jobSpecification"], "id": f"{schedule.id}:job-{number}"}
    try:
        job = jobs.make(state, body, schedule.id)
    except BatchError:
        return  # the quota is reached: the next time may do
    except Exception:  # one job is lost, and the next is due as ever
        log.exception("schedule %s made no job", schedule.id)
        return
    schedule.doc["executionInfo"]["recentJob"] = {"id": job.id, "url": job.doc["url"]}
    state.save_schedule(schedule, changed=False)


def made(state: State, schedule: Schedule) -> list[Job]:
    """Return the jobs that a schedule made and that are still known."""
    return [job for job in state.jobs.values() if job.extra.get("schedule") == schedule.id]


def job_ended(state: State, job: Job) -> None:
    """Complete the schedule that made a job, when that was its last."""
    name = job.extra.get("schedule")
    schedule = state.schedules.get(name.lower()) if name else None
    if schedule is not None and schedule.state == "active":
        times = schedule.doc.get("schedule") or {}
        if not times.get("recurrenceInterval") or _past(times.get("doNotRunAfter")):
            finish(state, schedule)


def finish(state: State, schedule: Schedule) -> None:
    """Complete a schedule; its own auto pool goes."""
    if schedule.state not in ("active", "terminating"):
        return
    schedule.complete()
    state.save_schedule(schedule)
    spec = schedule.doc["jobSpecification"]["poolInfo"].get("autoPoolSpecification")
    if spec and not spec.get("keepAlive"):
        for job in made(state, schedule):
            autopools.end(state, job.pool_id)


def change(state: State, schedule: Schedule, fresh: Json, gone: tuple[str, ...] = ()) -> None:
    """Set a schedule's properties, and take others away; jobs that are made already keep theirs.

    Raises:
        BatchError: a value that does not hold.
    """
    check(fresh)
    before, fresh = schedule.doc.get("schedule"), fill(fresh, "BatchJobScheduleUpdateOptions")
    for name in gone:
        schedule.doc.pop(name, None)
    for name in ("schedule", "jobSpecification", "metadata"):
        if fresh.get(name) is not None:
            schedule.doc[name] = fresh[name]
    state.save_schedule(schedule)
    if schedule.doc.get("schedule") != before:
        begin(state, schedule)


def _become(state: State, schedule: Schedule, to: str) -> None:
    schedule.become(to)
    state.save_schedule(schedule)


def disable(state: State, schedule: Schedule) -> None:
    """Make no further jobs until the schedule is enabled again."""
    end_loop(schedule)
    _become(state, schedule, "disabled")


def enable(state: State, schedule: Schedule) -> None:
    """Make jobs again."""
    _become(state, schedule, "active")
    begin(state, schedule)


def terminate(state: State, schedule: Schedule) -> None:
    """End a schedule and the job that it has running."""
    end_loop(schedule)
    _become(state, schedule, "terminating")
    state.spawn(finish_terminate(state, schedule), f"schedule {schedule.id} terminates")


async def finish_terminate(state: State, schedule: Schedule) -> None:
    """Take a terminating schedule to completed."""
    for job in made(state, schedule):
        endings.terminate(state, job, "JobScheduleTerminated")
    await _while(state, schedule, lambda job: job.state == "terminating")
    finish(state, schedule)


async def _while(state: State, schedule: Schedule, going: Callable[[Job], bool]) -> None:
    while any(going(job) for job in made(state, schedule)):
        await state.wait(STEP)


def delete(state: State, schedule: Schedule) -> None:
    """Delete a schedule with every job that it made."""
    end_loop(schedule)
    _become(state, schedule, "deleting")
    state.spawn(finish_delete(state, schedule), f"schedule {schedule.id} is deleted")


async def finish_delete(state: State, schedule: Schedule) -> None:
    """Take a deleting schedule away, its jobs first."""
    for job in made(state, schedule):
        endings.delete(state, job)
    await _while(state, schedule, lambda _: True)
    await state.wait(DELETING)
    state.schedules.pop(schedule.id.lower(), None)
    state.store.drop("schedule", "", schedule.id)
