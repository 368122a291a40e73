"""Everything that one running service knows, and how it is looked up, kept and told of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from batchkit.local.batch.state.events import Event
from batchkit.local.batch.state.faults import Faults
from batchkit.local.batch.state.model import Job, Node, Pool, Schedule
from batchkit.local.batch.state.orders import Machine, Result
from batchkit.local.batch.state.store import Store, Task
from batchkit.local.batch.state.subscription import Subscription
from batchkit.local.config import LocalConfig
from batchkit.local.wire import clock
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, touch

log = logging.getLogger("batchkit.local.batch")


class Events:
    """What happens in the engine and leads to something elsewhere in it.

    Attributes:
        node_ready: a pool has a node that can take tasks.
        task_ran: a task's command came to an end on a node, whatever comes of it.
        task_completed: a task is completed; its exit options come along.
        task_left: a job has one task less that runs or waits.
        job_ended: a job is completed or deleted.
    """

    def __init__(self) -> None:
        self.node_ready = Event[[Pool]]()
        self.task_ran = Event[[Pool, Node, Task, Result]]()
        self.task_completed = Event[[Job, Task, Json]]()
        self.task_left = Event[[Job]]()
        self.job_ended = Event[[Job]]()


class State:
    """Everything that one running service knows."""

    def __init__(
        self, config: LocalConfig, store: Store, machine: Machine, faults: Faults, subscription: Subscription
    ) -> None:
        self.config, self.store, self.machine = config, store, machine
        self.faults, self.subscription, self.events = faults, subscription, Events()
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.runs_tasks = "processes"  # or the container engine that does

    @property
    def url(self) -> str:
        """The data plane's address."""
        return self.config.batch_url.rstrip("/")

    @property
    def nodes_dir(self) -> Path:
        """The folder of every node's files."""
        return self.config.state_dir / "nodes"

    async def wait(self, seconds: float) -> None:
        """Wait by the service's clock."""
        await clock.sleep(seconds / self.config.speed)

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
