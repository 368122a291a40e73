"""Goes on after a restart: pools, nodes, jobs and tasks as they were kept; running tasks queued again."""

from __future__ import annotations

from batchkit.local.batch.engine import endings, fleet, jobs, pools, schedules
from batchkit.local.batch.state import ledger
from batchkit.local.batch.state.model import Job, Node, Pool, Schedule
from batchkit.local.batch.state.state import State
from batchkit.local.wire.formats import Json

_BOOTING = ("creating", "starting", "waitingforstarttask", "rebooting", "reimaging")
_GONE = ("leavingpool", "preempted")
_PAGE = 500


def load(state: State) -> None:
    """Read everything back and set it going; nothing that was acknowledged is lost."""
    state.store.rebase({"batch": state.url, "blobs": state.config.blob_url.rstrip("/")})
    for _, _, kept in state.store.all("pool"):
        pool = Pool(kept["doc"], kept["extra"], runner=state.runs_tasks)
        state.pools[pool.id.lower()] = pool
    for _, _, kept in state.store.all("job"):
        job = Job(kept["doc"], kept["extra"])
        state.jobs[job.id.lower()] = job
        _load_tasks(state, job)
    for _, _, kept in state.store.all("schedule"):
        schedule = Schedule(kept["doc"], kept["extra"])
        state.schedules[schedule.id.lower()] = schedule
    for pool_id, _, kept in state.store.all("node"):
        _load_node(state, pool_id, kept)
    _resume(state)


def _resume(state: State) -> None:
    for pool in list(state.pools.values()):
        _resume_pool(state, pool)
    for job in list(state.jobs.values()):
        _resume_job(state, job)
    for schedule in list(state.schedules.values()):
        _resume_schedule(state, schedule)


def _load_tasks(state: State, job: Job) -> None:
    for bucket, slots, count in state.store.counts(job.id):
        job.count(bucket, slots, count)
    for running in ("preparing", "running"):
        while rows := state.store.tasks(job.id, state=running, limit=_PAGE):
            with state.store.transaction():
                for task in rows:
                    ledger.requeue(state, job, task)


def _load_node(state: State, pool_id: str, kept: Json) -> None:
    pool = state.pools.get(pool_id.lower())
    if pool is None or kept["doc"]["state"] in _GONE:
        state.store.drop("node", pool_id, kept["doc"]["id"])
        return
    node = fleet.adopt(state, pool, kept["doc"])
    node.notes = kept.get("notes", {})
    _resume_node(state, pool, node)


def _resume_node(state: State, pool: Pool, node: Node) -> None:
    node.doc.update(runningTasksCount=0, runningTaskSlotsCount=0)
    if node.state in _BOOTING:
        fleet.begin_life(state, pool, node)
    elif node.state == "deallocating":
        fleet.become(state, node, "deallocated")
    elif node.state == "running":
        fleet.become(state, node, "idle")


def _resume_pool(state: State, pool: Pool) -> None:
    if pool.state == "deleting":
        state.spawn(pools.finish_delete(state, pool), f"pool {pool.id} is deleted")
        return
    pool.allocate("steady")
    pools.begin(state, pool)


def _resume_job(state: State, job: Job) -> None:
    going = {
        "terminating": endings.finish_terminate,
        "disabling": endings.finish_disable,
        "deleting": endings.finish_delete,
    }.get(job.state)
    if going is not None:
        state.spawn(going(state, job), f"job {job.id} goes on")
    else:
        jobs.begin(state, job)


def _resume_schedule(state: State, schedule: Schedule) -> None:
    going = {"terminating": schedules.finish_terminate, "deleting": schedules.finish_delete}.get(schedule.state)
    if going is not None:
        state.spawn(going(state, schedule), f"schedule {schedule.id} goes on")
    else:
        schedules.begin(state, schedule)
