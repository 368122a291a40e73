"""One running service: its applications, and how it starts from what was kept and stops with nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable

from starlette.applications import Starlette

from batchkit.local.arm.app import make_app as make_arm_app
from batchkit.local.batch.api import (  # noqa: F401 - their operations register themselves
    account,
    files,
    jobs,
    nodes,
    pools,
    schedules,
    tasks,
)
from batchkit.local.batch.api.app import make_app
from batchkit.local.batch.engine import autoscale, faults, recovery
from batchkit.local.batch.engine.wiring import connect
from batchkit.local.batch.machine.host import Host
from batchkit.local.batch.state.fault_plan import Fault, read_file
from batchkit.local.batch.state.faults import Faults
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Store
from batchkit.local.config import LocalConfig
from batchkit.local.resources import blobs
from batchkit.local.resources.model import Resources
from batchkit.local.resources.site import Site
from batchkit.local.wire.formats import Json

_STOP_SECONDS = 10
_MARGIN_SECONDS = 0.05


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
        store, planned = Store(config.state_dir / "batch.sqlite3"), Faults(_plan(config))
        resources = Resources(config, store)
        self.resources = resources
        self.host = Host(config, planned, resources.may_move_blobs)
        self.state = State(config, store, self.host, planned, resources)
        self.retention = connect(self.state)
        self.batch_app: Starlette = make_app(self.state)
        self.arm_app: Starlette = make_arm_app(Site(self.state, resources))

    def keep_door(self, admit: Callable[[Json], None]) -> None:
        """Have the blob service's door told whom to admit: now, at each change, and when a role has spread."""

        def tell() -> None:
            admit(blobs.policy(self.resources))

        def moved() -> None:
            tell()
            if (spread := self.resources.knobs.role_spread_seconds) > 0:
                asyncio.get_running_loop().call_later(spread / self.state.config.speed + _MARGIN_SECONDS, tell)

        self.resources.doors_moved = moved
        tell()

    async def start(self) -> None:
        """Go on from what was kept; takes requests afterwards.

        Processes that an earlier run left behind are ended before their tasks are queued again.
        """
        _watch_children()
        await self.host.start()
        recovery.load(self.state)
        self.state.spawn(self._name_runner(), "container engine")
        self.state.spawn(autoscale.sample(self.state), "samples")
        self.state.spawn(self.retention.run(), "retention")
        faults.schedule(self.state)

    async def stop(self) -> None:
        """End every task's processes and every loop; the tasks are queued again at the next start."""
        self.state.stopping = True
        for job in self.state.jobs.values():
            for run in list(job.runs.values()):
                run.end("shutdown")
        await self._end_loops()
        await self.host.stop()
        self.state.store.close()

    async def _name_runner(self) -> None:
        self.state.runs_tasks = await self.host.engine() or "processes"
        for pool in self.state.pools.values():
            pool.runner = self.state.runs_tasks

    async def _end_loops(self) -> None:
        going = [task for task in self.state.tasks if not task.done()]
        for task in going:
            task.cancel()
        if going:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(going, timeout=_STOP_SECONDS)
