"""Deletes what tasks left on a node once their retention time is over, by the service's clock."""

from __future__ import annotations

import heapq
from pathlib import Path

from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.orders import Result
from batchkit.local.batch.state.state import State, log
from batchkit.local.batch.state.store import Task
from batchkit.local.wire import clock
from batchkit.local.wire.formats import limit, moment

EVERY = 30.0  # seconds, by the service's clock
_PAGE = 500
_Due = tuple[float, Path]


class Retention:
    """The folders of completed tasks and when each is due."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._due: list[_Due] = []

    def task_ran(self, _pool: Pool, node: Node, task: Task, _result: Result) -> None:
        """Note a completed task's folder; a retention without limit keeps it as long as its node."""
        seconds = limit(task.doc["constraints"].get("retentionTime"))
        if seconds is not None and task.state == "completed" and task.doc.get("nodeInfo"):
            at = moment(task.execution["endTime"]).timestamp() + seconds / self._state.config.speed
            heapq.heappush(self._due, (at, node.root / task.doc["nodeInfo"]["taskRootDirectory"]))

    async def run(self) -> None:
        """Take up what was kept, then delete folders as they become due, for ever."""
        await self._take_up()
        while True:
            await self._state.wait(EVERY)
            while self._due and self._due[0][0] <= clock.now().timestamp():
                _, folder = heapq.heappop(self._due)
                try:
                    await self._state.machine.remove(folder)
                except Exception:  # one folder stays, and the others are due as ever
                    log.exception("the folder %s stays", folder)

    async def _take_up(self) -> None:
        """Note the folders of tasks that were completed in an earlier run, a page of tasks at a time."""
        for job in list(self._state.jobs.values()):
            mark = ""
            while rows := self._state.store.tasks(job.id, mark, "completed", _PAGE):
                for task in rows:
                    self._note(task)
                mark = rows[-1].id
                await clock.sleep(0)

    def _note(self, task: Task) -> None:
        place = task.doc.get("nodeInfo")
        pool = self._state.pools.get(place["poolId"].lower()) if place else None
        if place and pool is not None and place["nodeId"] in pool.nodes:
            self.task_ran(pool, pool.nodes[place["nodeId"]], task, Result())
