"""The local Azure Batch in memory: pools with their nodes, jobs with their counters, schedules.

Everything that must survive is written to the store by `State.save_*` before a call is answered. All of
it is used from the event loop's thread alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from batchkit.local.batch.state import lives
from batchkit.local.batch.state.orders import Result
from batchkit.local.batch.state.store import Task
from batchkit.local.wire.formats import Json, stamp

SAMPLES_KEPT = 2880  # a day of them, by the service's clock
RECENT = 10  # tasks that a node shows
_TOLD = {"startTime", "endTime", "exitCode", "result", "failureInfo", "retryCount", "requeueCount"}  # of each


@dataclass
class Run:
    """A task that holds slots of a node: its coroutine, and why it was told to stop."""

    job: str
    task: str
    slots: int
    record: Task
    work: asyncio.Task[Result | None] | None = None
    stop: str = ""

    def end(self, reason: str) -> None:
        """Stop the run: terminate, requeue, delete or shutdown; the first reason counts."""
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
    def state(self) -> str:
        """The node's state, one of lives.NODE."""
        return str(self.doc["state"])

    @property
    def dedicated(self) -> bool:
        """Whether it is a dedicated node, not a low-priority one."""
        return bool(self.doc["isDedicated"])

    @property
    def used(self) -> int:
        """The slots that running tasks hold."""
        return sum(run.slots for run in self.runs.values())

    @property
    def schedulable(self) -> bool:
        """Whether new tasks may start here."""
        return self.state in ("idle", "running") and self.doc["schedulingState"] == "enabled" and not self.leaving

    def unprepared(self, job: str) -> bool:
        """Return whether a job's preparation failed here, so that none of its tasks may run."""
        done = self.prepared.get(job)
        return done is not None and done.done() and not done.cancelled() and not done.exception() and not done.result()

    def become(self, to: str) -> bool:
        """Go to another state; return whether that is a change.

        Raises:
            WrongStep: a node does not go there from where it is.
        """
        return lives.step(self.doc, lives.NODE, to, previous=False)

    def take(self, run: Run) -> None:
        """Let a task hold its slots."""
        self.runs[run.job, run.task] = run
        self._count()

    def release(self, run: Run) -> None:
        """Free a task's slots."""
        self.runs.pop((run.job, run.task), None)
        self._count()

    def _count(self) -> None:
        self.doc["runningTasksCount"], self.doc["runningTaskSlotsCount"] = len(self.runs), self.used
        if self.state in ("idle", "running"):
            self.become("running" if self.runs else "idle")

    def note_end(self, job: str, task: Task, good: bool) -> None:
        """Count a task that ran to its end, and show it among the recent ones."""
        self.doc["totalTasksRun"] += 1
        self.doc["totalTasksSucceeded"] += good
        recent = self.doc.setdefault("recentTasks", [])
        told = {name: value for name, value in task.doc["executionInfo"].items() if name in _TOLD}
        ran = {"jobId": job, "taskId": task.id, "taskUrl": task.doc["url"], "taskState": "completed"}
        recent.insert(0, ran | {"executionInfo": told})
        del recent[RECENT:]


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
    def state(self) -> str:
        """The pool's state, one of lives.POOL."""
        return str(self.doc["state"])

    @property
    def allocation(self) -> str:
        """Its allocation state, one of lives.ALLOCATION."""
        return str(self.doc["allocationState"])

    @property
    def slots(self) -> int:
        """The task slots of each node."""
        return int(self.doc.get("taskSlotsPerNode", 1))

    @property
    def targets(self) -> tuple[int, int]:
        """The nodes that it is to have, dedicated and low-priority."""
        return tuple(int(self.doc.get(n) or 0) for n in ("targetDedicatedNodes", "targetLowPriorityNodes"))  # type: ignore[return-value]

    def staying(self, dedicated: bool) -> list[Node]:
        """Return the nodes of one kind that are not on their way out."""
        return [node for node in self.nodes.values() if node.dedicated is dedicated and not node.leaving]

    def become(self, to: str) -> bool:
        """Go to another state; return whether that is a change.

        Raises:
            WrongStep: a pool does not go there from where it is.
        """
        return lives.step(self.doc, lives.POOL, to)

    def allocate(self, to: str) -> None:
        """Go to another allocation state.

        Raises:
            WrongStep: an allocation does not go there from where it is.
        """
        lives.step(self.doc, lives.ALLOCATION, to, "allocationState", previous=False)

    def size(self, dedicated: int, low: int) -> None:
        """Set how many nodes it is to have."""
        self.doc["targetDedicatedNodes"], self.doc["targetLowPriorityNodes"] = dedicated, low


@dataclass
class Job:
    """A job: its document, and how many tasks and slots stand in each bucket."""

    doc: Json
    extra: Json = field(default_factory=dict)
    tasks: Counter[str] = field(default_factory=Counter)
    slots: Counter[str] = field(default_factory=Counter)
    runs: dict[str, Run] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.doc["id"])

    @property
    def state(self) -> str:
        """The job's state, one of lives.JOB."""
        return str(self.doc["state"])

    @property
    def pool_id(self) -> str:
        """The pool its tasks run on; an auto pool's id once it is made."""
        return str(self.doc.get("executionInfo", {}).get("poolId") or self.doc["poolInfo"].get("poolId") or "")

    @property
    def unfinished(self) -> int:
        """How many tasks are not completed."""
        return self.tasks["blocked"] + self.tasks["ready"] + self.tasks["running"]

    def become(self, to: str) -> bool:
        """Go to another state; return whether that is a change.

        Raises:
            WrongStep: a job does not go there from where it is.
        """
        return lives.step(self.doc, lives.JOB, to)

    def count(self, bucket: str, slots: int, by: int = 1) -> None:
        """Count a task into a bucket, or out of it."""
        self.tasks[bucket] += by
        self.slots[bucket] += by * slots

    def shift(self, before: str, after: str, slots: int) -> None:
        """Count a task from one bucket into another."""
        self.count(before, slots, -1)
        self.count(after, slots)


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

    @property
    def state(self) -> str:
        """The schedule's state, one of lives.SCHEDULE."""
        return str(self.doc["state"])

    def become(self, to: str) -> bool:
        """Go to another state; return whether that is a change.

        Raises:
            WrongStep: a schedule does not go there from where it is.
        """
        return lives.step(self.doc, lives.SCHEDULE, to)

    def complete(self) -> None:
        """Be over: no further jobs."""
        self.doc["executionInfo"]["endTime"] = stamp()
        self.doc["executionInfo"].pop("nextRunTime", None)
        self.become("completed")
