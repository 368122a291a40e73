"""The engine in virtual time: an event loop whose clock jumps, a machine that only pretends, no sockets.

`play(folder, story)` runs an async story against an engine; a pool's day takes milliseconds. Commands are
`SECONDS [EXIT CODE]`, or one word that says how the machine fails.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from batchkit.local.batch.engine import autoscale, faults, fleet, jobs, pools, recovery, tasks
from batchkit.local.batch.engine.wiring import connect
from batchkit.local.batch.state.fault_plan import Fault
from batchkit.local.batch.state.faults import Faults
from batchkit.local.batch.state.model import Job, Pool
from batchkit.local.batch.state.orders import Order, Result
from batchkit.local.batch.state.state import State
from batchkit.local.batch.state.store import Store, Task
from batchkit.local.config import LocalConfig, SharedKey
from batchkit.local.tokens import Tokens
from batchkit.local.wire import clock
from batchkit.local.wire.errors import failure

Json = dict[str, Any]
T = TypeVar("T")
START = datetime(2026, 3, 1, tzinfo=UTC)
IMAGE = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}


class NothingLeft(Exception):  # noqa: N818 - the end of a story that waits for what never comes
    """Everything waits, and nothing is due at any time."""


class _Jump(selectors.DefaultSelector):
    """A selector that never waits: it moves its loop's clock to the next thing that is due."""

    loop: Loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeft
        self.loop.moment += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which time passes only when nothing else is left to do."""

    def __init__(self) -> None:
        self.moment = 0.0
        jump = _Jump()
        jump.loop = self
        super().__init__(jump)

    def time(self) -> float:
        return self.moment


class Virtual(clock.Clock):
    """The clock of such a loop."""

    def __init__(self, loop: Loop, start: datetime = START) -> None:
        self.loop, self.start = loop, start

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.loop.moment)


class Machine:
    """Pretends to carry out commands, and notes what ran where and when."""

    def __init__(self) -> None:
        self.running: dict[Path, list[Order]] = {}
        self.started: list[str] = []
        self.ended: list[str] = []
        self.removed: list[Path] = []
        self.orders: list[Order] = []
        self.most: dict[Path, int] = {}

    def make_node(self, node: Path) -> None:
        self.running.setdefault(node, [])

    async def remove(self, folder: Path) -> None:
        self.removed.append(folder)

    async def send(self, output: Json, folder: Path, identities: frozenset[str]) -> Json | None:
        return None

    async def carry_out(self, order: Order) -> Result:
        self.orders.append(order)
        word, _, rest = str(order.body["commandLine"]).partition(" ")
        if word == "broken":
            raise RuntimeError("the service has a fault of its own")
        if word == "missing":
            return Result(failure=failure("BlobNotFound", FilePath="x"), before=True)
        return await self._ran(order, word, int(rest or 0))

    async def _ran(self, order: Order, word: str, code: int) -> Result:
        order.started()
        self.started.append(order.label)
        there = self.running[order.node]
        there.append(order)
        slots = sum(int(each.body.get("requiredSlots", 1)) for each in there)
        self.most[order.node] = max(slots, self.most.get(order.node, 0))
        try:
            await clock.sleep(0.0 if word == "unsent" else float(word))
        finally:
            there.remove(order)
        self.ended.append(order.label)
        if word == "unsent":
            return Result(0, failure("FileUploadMiscError"), after=True)
        return Result(code)


class Everything:
    """A subscription that allows everything, with cores for a hundred nodes of two."""

    def core_quota(self, dedicated: bool, family: str = "") -> int:
        return 200

    def pool_quota(self) -> int:
        return 100

    def has(self, resource_id: str) -> bool:
        return True

    def applications(self) -> list[Json]:
        return []

    def package(self, application: str, version: str | None) -> Json | None:
        return None

    def may_move_blobs(self, identity: str, verb: str, container: str) -> bool:
        return True

    def may_pull(self, identity: str) -> bool:
        return True

    def may_call(self, principal: str, action: str, data: bool) -> bool:
        return True

    def door_of_batch(self) -> str:
        return ""

    def account_keys(self, account: str) -> list[SharedKey]:
        return []


class Engine:
    """One engine on a store, with short ways to make things and to look at them."""

    def __init__(
        self, folder: Path, plan: Iterable[Fault] = (), store: Store | None = None, speed: float = 1.0
    ) -> None:
        url = "https://127.0.0.1:1"
        config = LocalConfig(speed, folder, url, f"{url}/account", url, folder / "ca.pem", Tokens(), keep=True)
        self.machine = Machine()
        self.store = store or Store(folder / "batch.sqlite3")
        self.state = State(config, self.store, self.machine, Faults(plan), Everything())
        self.retention = connect(self.state)
        self.completed: Counter[tuple[str, str]] = Counter()
        self.state.events.task_completed.connect(lambda job, task, _: self.completed.update([(job.id, task.id)]))

    def start(self) -> None:
        """Go on from what is kept, with every loop that the service has."""
        recovery.load(self.state)
        self.state.spawn(autoscale.sample(self.state), "samples")
        self.state.spawn(self.retention.run(), "retention")
        faults.schedule(self.state)

    async def stop(self) -> None:
        """End everything, as a service that stops."""
        self.state.stopping = True
        for task in list(self.state.tasks):
            task.cancel()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks)

    def pool(self, name: str = "p", nodes: int = 1, **more: Any) -> Pool:
        sized = {} if more.get("enableAutoScale") else {"targetDedicatedNodes": nodes}
        body = {"id": name, "vmSize": "standard_d2s_v3", "virtualMachineConfiguration": MACHINE, **sized, **more}
        return pools.create(self.state, body)

    def job(self, name: str = "j", pool: str = "p", **more: Any) -> Job:
        return jobs.create(self.state, {"id": name, "poolInfo": {"poolId": pool}, **more})

    def add(self, job: Job, name: str, command: str = "1", **more: Any) -> Task:
        return tasks.add(self.state, job, {"id": name, "commandLine": command, **more})

    def task(self, job: Job, name: str) -> Task:
        return tasks.find(self.state, job.id, name)[1]

    def states(self, pool: Pool) -> list[str]:
        return sorted(node.state for node in pool.nodes.values())

    async def until(self, met: Callable[[], object], seconds: float = 86_400.0) -> None:
        """Let time pass until something holds; at most a day of it."""
        end = clock.now() + timedelta(seconds=seconds)
        while not met():
            assert clock.now() < end, f"not met in {seconds} virtual seconds"
            await clock.sleep(1)

    async def idle(self, pool: Pool, nodes: int = 1) -> None:
        await self.until(lambda: self.states(pool) == ["idle"] * nodes)

    async def done(self, *all_jobs: Job) -> None:
        await self.until(lambda: not any(job.unfinished or job.runs for job in all_jobs))

    def recount(self, job: Job) -> tuple[Counter[str], Counter[str]]:
        """The job's tasks and slots by bucket, counted from the store's rows."""
        tasks_by, slots_by, mark = Counter[str](), Counter[str](), ""
        while rows := self.store.tasks(job.id, mark):
            for row in rows:
                tasks_by[row.bucket] += 1
                slots_by[row.bucket] += row.slots
            mark = rows[-1].id
        return tasks_by, slots_by


def play(
    folder: Path,
    story: Callable[[Engine], Awaitable[T]],
    plan: Iterable[Fault] = (),
    store: Store | None = None,
    start: datetime = START,
    speed: float = 1.0,
) -> T:
    """Run a story against an engine on what `folder` keeps, in virtual time; return what it returns."""
    loop = Loop()
    fleet._random.seed(7)

    async def whole() -> T:
        engine = Engine(folder, plan, store, speed)
        engine.start()
        try:
            return await story(engine)
        finally:
            try:
                await engine.stop()
            finally:
                engine.store.close()

    with clock.use(Virtual(loop, start)):
        try:
            return loop.run_until_complete(whole())
        finally:
            loop.close()
