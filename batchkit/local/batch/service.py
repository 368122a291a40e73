"""One running service: its applications, and how it starts from what was kept and stops with nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys

from starlette.applications import Starlette

from batchkit.local.arm.app import make_app as make_arm_app
from batchkit.local.batch import (  # noqa: F401 - their operations register themselves
    account,
    files,
    jobs,
    nodes,
    pools,
    recovery,
    schedules,
    tasks,
)
from batchkit.local.batch.allocation import sample, stop_autoscale
from batchkit.local.batch.app import make_app
from batchkit.local.batch.fault_plan import Fault, read_file
from batchkit.local.batch.faults import Faults
from batchkit.local.batch.retention import Retention
from batchkit.local.batch.runner import kill_leftovers
from batchkit.local.batch.state import State
from batchkit.local.batch.store import Store
from batchkit.local.batch.transfer import Transfer
from batchkit.local.config import LocalConfig


def _plan(config: LocalConfig) -> list[Fault]:
    return read_file(config.faults) if config.faults is not None else []


def _watch_children() -> None:
    """Learn of ended processes without a thread for each, as Python does by itself from 3.12 on."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.get_event_loop_policy().set_child_watcher(watcher)


class Service:
    """The local Azure Batch.

    Attributes:
        batch_app: the data plane, an ASGI application.
        arm_app: Resource Manager's calls, an ASGI application.
        state: what it knows.
    """

    def __init__(self, config: LocalConfig) -> None:
        config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = Store(config.state_dir / "batch.sqlite3")
        self.state = State(config, store, Transfer(config), Faults(_plan(config)))
        self.batch_app: Starlette = make_app(self.state)
        self.arm_app: Starlette = make_arm_app(self.state)

    async def start(self) -> None:
        """Go on from what was kept; takes requests afterwards.

        Processes that an earlier run left behind are ended before their tasks are queued again.
        """
        loop = asyncio.get_running_loop()
        _watch_children()
        await loop.run_in_executor(self.state.executor, kill_leftovers, self.state.nodes_dir)
        recovery.load(self.state)
        self.state.spawn(self._name_runner(), "container engine")
        loop.run_in_executor(self.state.executor, self.state.transfer.warm)
        self.state.spawn(sample(self.state), "samples")
        self.state.faults.schedule(self.state)
        self.state.retention = Retention(self.state)
        self.state.spawn(self.state.retention.run(), "retention")

    async def stop(self) -> None:
        """End every task's processes and every loop; the tasks are queued again at the next start."""
        self.state.stopping = True
        for pool in self.state.pools.values():
            stop_autoscale(pool)
        for job in self.state.jobs.values():
            for run in list(job.runs.values()):
                run.end("shutdown")
        await self._end_loops()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.state.executor, kill_leftovers, self.state.nodes_dir)
        self.state.transfer.pool.shutdown(wait=True, cancel_futures=True)
        self.state.executor.shutdown(wait=True, cancel_futures=True)
        self.state.store.close()
        if not self.state.config.keep:
            shutil.rmtree(self.state.nodes_dir, ignore_errors=True)

    async def _name_runner(self) -> None:
        self.state.runs_tasks = await self.state.engine() or "processes"
        for pool in self.state.pools.values():
            pool.runner = self.state.runs_tasks

    async def _end_loops(self) -> None:
        going = [task for task in self.state.tasks if not task.done()]
        for task in going:
            task.cancel()
        if going:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(going, timeout=10)
