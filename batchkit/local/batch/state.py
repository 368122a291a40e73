"""The local Azure Batch in memory: pools with their nodes, jobs with their counters, schedules.

Everything that must survive is written to the store by `save_*` before a call is answered.
All of it is used from the event loop's thread alone; long work goes to `executor`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchkit.local.batch.errors import error
from batchkit.local.batch.formats import Json, touch
from batchkit.local.batch.store import Store, Task
from batchkit.local.config import LocalConfig
from batchkit.local.resources.model import Resources

if TYPE_CHECKING:
    from batchkit.local.batch.faults import Faults
    from batchkit.local.batch.retention import Retention
    from batchkit.local.batch.transfer import Transfer

log = logging.getLogger("batchkit.local.batch")
SAMPLES_KEPT = 2880  # a day of them, by the service's clock


@dataclass
class Run:
    """A task that holds slots of a node: its coroutine, and why it was told to stop."""

    job: str
    task: str
    slots: int
    record: Task
    work: asyncio.Task[None] | None = None
    stop: str = ""

    def end(self, reason: str) -> None:
        """Stop the run: terminate, requeue, timeout, delete or shutdown; the first reason counts."""
        if not self.stop:
            self.stop = reason
            if self.work is not None:
                self.work.cancel()


@dataclass
class Node:
    """A compute node: its document, its folder, what runs on it and what it did for each job."""

    pool: str
    doc: Json
    root: Path
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    prepared: dict[str, asyncio.Task[bool]] = field(default_factory=dict)
    life: asyncio.Task[None] | None = None
    leaving: bool = False
    notes: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The node's id, unique in its pool."""
        return str(self.doc["id"])

    @property
    def used(self) -> int:
        """The slots that running tasks hold."""
        return sum(run.slots for run in self.runs.values())

    @property
    def schedulable(self) -> bool:
        """Whether new tasks may start here."""
        doc = self.doc
        return doc["state"] in ("idle", "running") and doc["schedulingState"] == "enabled" and not self.leaving


@dataclass
class Pool:
    """A pool: its document, its nodes, its samples and the loops that serve it."""

    doc: Json
    extra: Json = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    samples: deque[tuple[datetime, dict[str, float]]] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    autoscale: asyncio.Task[None] | None = None
    resizing: asyncio.Task[None] | None = None
    runner: str = "processes"  # or the container engine that runs its container tasks
    kicked: bool = False

    @property
    def id(self) -> str:
        """The pool's id."""
        return str(self.doc["id"])

    @property
    def slots(self) -> int:
        """The task slots of each node."""
        return int(self.doc.get("taskSlotsPerNode", 1))

    def staying(self, dedicated: bool) -> list[Node]:
        """Return the nodes of one kind that are not on their way out."""
        return [n for n in self.nodes.values() if n.doc["isDedicated"] is dedicated and not n.leaving]


@dataclass
class Job:
    """A job: its document, and how many tasks and slots stand in each bucket."""

    doc: Json
    extra: Json = field(default_factory=dict)
    tasks: Counter[str] = field(default_factory=Counter)
    slots: Counter[str] = field(default_factory=Counter)
    runs: dict[str, Run] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.doc["id"])

    @property
    def pool_id(self) -> str:
        """The pool its tasks run on; an auto pool's id once it is made."""
        return str(self.doc.get("executionInfo", {}).get("poolId") or self.doc["poolInfo"].get("poolId") or "")

    def count(self, task: Task, by: int = 1) -> None:
        """Count a task into its bucket, or out of it."""
        self.tasks[task.bucket] += by
        self.slots[task.bucket] += by * task.slots


@dataclass
class Schedule:
    """A job schedule: its document and the loop that makes its jobs."""

    doc: Json
    extra: Json = field(default_factory=dict)
    loop: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The schedule's id."""
        return str(self.doc["id"])


class State:
    """Everything that one running service knows."""

    def __init__(self, config: LocalConfig, store: Store, transfer: Transfer, faults: Faults) -> None:
        self.config, self.store, self.transfer, self.faults = config, store, transfer, faults
        self.resources = Resources(config, store)
        transfer.may = self.resources.roles.blobs
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
        self.executor = ThreadPoolExecutor(8, thread_name_prefix="transfer")
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.retention: Retention | None = None
        self.runs_tasks = "processes"  # or the container engine that does
        self._engine: asyncio.Future[str | None] | None = None

    @property
    def url(self) -> str:
        """The data plane's address."""
        return self.config.batch_url.rstrip("/")

    @property
    def nodes_dir(self) -> Path:
        """The folder of every node's files."""
        return self.config.state_dir / "nodes"

    async def engine(self) -> str | None:
        """Return the container engine that answers on this machine, None where none does; looked for once.

        What an earlier run left in it is gone by then, so that no task of this run is taken for it.
        """
        from batchkit.local.batch.containers import ready_engine

        if self._engine is None:
            root = self.nodes_dir if self.config.keep else None
            self._engine = asyncio.get_running_loop().run_in_executor(self.executor, ready_engine, root)
        return await asyncio.shield(self._engine)

    async def wait(self, seconds: float) -> None:
        """Wait by the service's clock."""
        await asyncio.sleep(seconds / self.config.speed)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine beside the calls; its failure is logged, and the service goes on."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=failure)

    def pool(self, pool_id: str) -> Pool:
        """Return a pool.

        Raises:
            BatchError: PoolNotFound.
        """
        if (found := self.pools.get(pool_id.lower())) is None:
            raise error("PoolNotFound")
        return found

    def node(self, pool_id: str, node_id: str) -> Node:
        """Return a node.

        Raises:
            BatchError: PoolNotFound, NodeNotFound.
        """
        if (found := self.pool(pool_id).nodes.get(node_id)) is None:
            raise error("NodeNotFound")
        return found

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            BatchError: JobNotFound.
        """
        if (found := self.jobs.get(job_id.lower())) is None:
            raise error("JobNotFound")
        return found

    def schedule(self, schedule_id: str) -> Schedule:
        """Return a job schedule.

        Raises:
            BatchError: JobScheduleNotFound.
        """
        if (found := self.schedules.get(schedule_id.lower())) is None:
            raise error("JobScheduleNotFound")
        return found

    def save_pool(self, pool: Pool, changed: bool = True) -> None:
        """Keep a pool; `changed` gives it a new ETag (a user's change, not the service's own doing)."""
        if changed:
            touch(pool.doc)
        self.store.put("pool", "", pool.id, {"doc": pool.doc, "extra": pool.extra})

    def save_node(self, node: Node) -> None:
        """Keep a node."""
        self.store.put("node", node.pool, node.id, {"doc": node.doc, "notes": node.notes})

    def save_job(self, job: Job, changed: bool = True) -> None:
        """Keep a job."""
        if changed:
            touch(job.doc)
        self.store.put("job", "", job.id, {"doc": job.doc, "extra": job.extra})

    def save_schedule(self, schedule: Schedule, changed: bool = True) -> None:
        """Keep a job schedule."""
        if changed:
            touch(schedule.doc)
        self.store.put("schedule", "", schedule.id, {"doc": schedule.doc, "extra": schedule.extra})
