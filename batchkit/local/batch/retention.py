"""Deletes what tasks left on a node once their retention time is over, by the service's clock."""

from __future__ import annotations

import asyncio
import heapq
import shutil
from pathlib import Path

from batchkit.local.batch.formats import limit, now
from batchkit.local.batch.state import Node, State
from batchkit.local.batch.store import Task

EVERY = 30.0  # seconds, by the service's clock
_Due = tuple[float, Path]


class Retention:
    """The folders of completed tasks and when each is due."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._due: list[_Due] = []

    def keep(self, node: Node, task: Task) -> None:
        """Note a completed task's folder; a retention without limit keeps it as long as its node."""
        seconds = limit(task.doc["constraints"].get("retentionTime"))
        if seconds is not None:
            at = now().timestamp() + seconds / self._state.config.speed
            heapq.heappush(self._due, (at, node.root / task.doc["nodeInfo"]["taskRootDirectory"]))

    async def run(self) -> None:
        """Delete folders as they become due, for ever."""
        while True:
            await self._state.wait(EVERY)
            while self._due and self._due[0][0] <= now().timestamp():
                _, folder = heapq.heappop(self._due)
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
