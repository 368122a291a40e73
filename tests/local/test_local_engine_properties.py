"""What holds of the engine whatever happens to it: random work and random interference, and a kill at any statement."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual import START, Engine, play

from batchkit.local.batch.engine import endings, fleet, nodes, pools, tasks
from batchkit.local.batch.state import lives
from batchkit.local.batch.state.model import Job, Pool
from batchkit.local.batch.state.store import Store
from batchkit.local.wire import clock
from batchkit.local.wire.errors import BatchError

# From the REST reference's pages of nodes, jobs and tasks; not from the engine's own table.
DOCUMENTED = {
    "node": {
        "creating": "starting leavingpool preempted unusable",
        "starting": "waitingforstarttask idle starttaskfailed unusable leavingpool preempted",
        "waitingforstarttask": "idle starttaskfailed unusable leavingpool preempted",
        "idle": "running rebooting reimaging deallocating unusable leavingpool preempted",
        "running": "idle rebooting reimaging deallocating unusable leavingpool preempted",
        "starttaskfailed": "rebooting reimaging deallocating unusable leavingpool preempted",
        "unusable": "rebooting reimaging deallocating leavingpool preempted",
        "rebooting": "starting waitingforstarttask idle starttaskfailed unusable leavingpool preempted",
        "reimaging": "starting waitingforstarttask idle starttaskfailed unusable leavingpool preempted",
        "preempted": "starting leavingpool",
        "deallocating": "deallocated leavingpool",
        "deallocated": "starting leavingpool",
    },
    "job": {
        "active": "disabling terminating deleting",
        "disabling": "disabled terminating deleting",
        "disabled": "active terminating deleting",
        "terminating": "completed deleting",
        "completed": "deleting",
    },
    "task": {
        "active": "preparing completed",
        "preparing": "running active completed",
        "running": "active completed",
        "completed": "active",
    },
}
KINDS = {id(lives.NODE): "node", id(lives.JOB): "job", id(lives.TASK): "task"}


@contextmanager
def watched_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[str, str, str]]]:
    """Count every step that a node, job or task makes."""
    seen: Counter[tuple[str, str, str]] = Counter()
    plain = lives.step

    def noted(doc: dict[str, Any], steps: lives.Steps, to: str, name: str = "state", previous: bool = True) -> bool:
        before = doc.get(name)
        changed = plain(doc, steps, to, name, previous)
        if changed and before is not None and id(steps) in KINDS:
            seen[KINDS[id(steps)], before, to] += 1
        return changed

    monkeypatch.setattr(lives, "step", noted)
    yield seen
    wrong = [key for key in seen if key[2] not in DOCUMENTED[key[0]].get(key[1], "").split()]
    assert wrong == []


class Work:
    """A pool and jobs with tasks, made by chance, and what may be done to them."""

    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self.engine, self.chance = engine, chance
        fill = chance.choice(["pack", "spread"])
        self.pool = engine.pool(nodes=chance.randint(1, 3), taskSlotsPerNode=chance.randint(1, 4),
                                targetLowPriorityNodes=chance.randint(0, 2),
                                taskSchedulingPolicy={"nodeFillType": fill})  # fmt: skip
        self.jobs = [
            engine.job(f"j{n}", usesTaskDependencies=True, priority=chance.randint(-2, 2), **self.prepared())
            for n in range(3)
        ]
        self.numbers = {job.id: itertools.count() for job in self.jobs}
        for job in self.jobs:
            self.add(job, chance.randint(1, 12))

    def prepared(self) -> dict[str, Any]:
        """A preparation task for one job in three."""
        return {"jobPreparationTask": {"commandLine": "40"}} if self.chance.random() < 0.3 else {}

    def add(self, job: Job, count: int) -> None:
        for number in itertools.islice(self.numbers[job.id], count):
            more: dict[str, Any] = {"requiredSlots": self.chance.randint(1, self.pool.slots)}
            if number and self.chance.random() < 0.3:
                more["dependsOn"] = {"taskIds": [str(self.chance.randrange(number))]}
            code = self.chance.choice([0, 0, 0, 1])
            command = self.chance.choice([f"{self.chance.randint(0, 300)} {code}", "missing", "unsent"])
            self.engine.add(job, str(number), command, constraints={"maxTaskRetryCount": self.chance.randint(0, 2)},
                            exitConditions={"default": {"dependencyAction": "satisfy"}}, **more)  # fmt: skip

    async def interfere(self) -> None:
        """Do one thing that a user, or Azure, may do at any time."""
        happen: list[Callable[[], Any]] = [
            self.resize, self.lose, self.restart, self.schedule, self.disable, self.end_task, self.delete_task,
            self.more, self.reactivate,
        ]  # fmt: skip
        with suppress(BatchError):  # refused, as a user would be
            await self.chance.choice(happen)()

    def node(self, *states: str) -> Any:
        found = [node for node in self.pool.nodes.values() if node.state in states and not node.leaving]
        return self.chance.choice(found) if found else None

    async def resize(self) -> None:
        option = self.chance.choice(["requeue", "terminate", "taskcompletion"])
        pools.resize(self.engine.state, self.pool, {"targetDedicatedNodes": self.chance.randint(0, 4),
                                                    "nodeDeallocationOption": option})  # fmt: skip

    async def lose(self) -> None:
        if (node := self.node("creating", "starting", "idle", "running")) is not None:
            (fleet.make_unusable if node.dedicated else fleet.preempt)(self.engine.state, self.pool, node)

    async def restart(self) -> None:
        if (node := self.node("idle", "running", "unusable", "starttaskfailed")) is not None:
            to = self.chance.choice(["rebooting", "reimaging"])
            nodes.take_down(self.engine.state, self.pool, node, to, self.chance.choice(["requeue", "taskcompletion"]))

    async def schedule(self) -> None:
        if (node := self.node("idle", "running")) is not None:
            nodes.disable_scheduling(self.engine.state, node, self.chance.choice(["requeue", "terminate"]))
            await clock.sleep(self.chance.randint(0, 100))
            nodes.enable_scheduling(self.engine.state, self.pool, node)

    async def disable(self) -> None:
        job = self.chance.choice(self.jobs)
        if job.state == "active":
            endings.disable(self.engine.state, job, self.chance.choice(["requeue", "terminate", "wait"]))
            await self.engine.until(lambda: job.state == "disabled")
            endings.enable(self.engine.state, job)

    def task(self) -> tuple[Job, Any]:
        job = self.chance.choice(self.jobs)
        rows = self.engine.store.tasks(job.id)
        if not rows:
            raise BatchError("TaskNotFound", 404, "", {})
        return job, self.engine.task(job, self.chance.choice(rows).id)

    async def end_task(self) -> None:
        await tasks.terminate(self.engine.state, *self.task())

    async def delete_task(self) -> None:
        await tasks.delete(self.engine.state, *self.task())

    async def reactivate(self) -> None:
        job, task = self.task()
        tasks.reactivate(self.engine.state, job, task)
        self.engine.completed[job.id, task.id] = 0

    async def more(self) -> None:
        self.add(self.chance.choice(self.jobs), 1)

    def check(self) -> None:
        """Hold what holds at any moment."""
        for job in self.jobs:
            assert (+job.tasks, +job.slots) == tuple(+part for part in self.engine.recount(job))
            assert len(job.runs) == job.tasks["running"]
        for node in self.pool.nodes.values():
            assert node.used <= self.pool.slots
            assert node.doc["runningTaskSlotsCount"] == node.used
        assert max(self.engine.machine.most.values(), default=0) <= self.pool.slots
        assert set(self.engine.completed.values()) <= {0, 1}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_every_task_ends_once(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    async def story(engine: Engine) -> None:
        work = Work(engine, random.Random(seed))
        for _ in range(15):
            await clock.sleep(work.chance.choice([0, 0, 1, 30, 200, 400]))
            await work.interfere()
            work.check()
        await settle(engine, work.pool, work.jobs)
        work.check()

    with pytest.MonkeyPatch.context() as patch, watched_steps(patch) as steps:
        play(tmp_path_factory.mktemp("engine"), story)
        assert steps["task", "active", "preparing"] > 0


async def settle(engine: Engine, pool: Pool, all_jobs: list[Job]) -> None:
    """Let a pool with work come to rest: nodes that can work, and every task completed that nothing deleted blocks."""
    await engine.until(lambda: pool.allocation == "steady")
    pools.resize(engine.state, pool, {"targetDedicatedNodes": 5, "targetLowPriorityNodes": 0})
    for node in pool.nodes.values():
        if node.state == "unusable" and not node.leaving:
            nodes.take_down(engine.state, pool, node, "rebooting", "requeue")
    await engine.until(lambda: not any(job.tasks["ready"] or job.runs for job in all_jobs))
    for job in all_jobs:
        for row in engine.store.tasks(job.id):
            if row.state != "completed":
                wanted = engine.store.task(job.id, row.doc["dependsOn"]["taskIds"][0])
                assert row.waiting
                assert wanted is None or wanted.state != "completed"


class Killed(BaseException):
    """The process is gone: nothing more is written, and nobody hears of it."""


class Mortal:
    """A connection that dies at a statement, and all that comes after it with it."""

    def __init__(self, real: Any, life: int) -> None:
        self.real, self.life = real, life

    def execute(self, *args: Any) -> Any:
        self.life -= 1
        if self.life < 0:
            raise Killed
        return self.real.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def killed_at(folder: Path, statement: int, seed: int) -> tuple[set[str], dict[str, str], datetime] | None:
    """Run work until the connection dies; return what was acknowledged by then, None when it was all done before."""
    store = Store(folder / "batch.sqlite3")
    store._db = Mortal(store._db, statement)  # type: ignore[assignment]
    added, ended, moment = set[str](), dict[str, str](), [START]

    async def story(engine: Engine) -> bool:
        try:
            return await _until_killed(engine)
        except Killed:
            return False
        finally:
            moment[0] = clock.now()

    async def _until_killed(engine: Engine) -> bool:
        chance = random.Random(seed)
        engine.state.events.task_completed.connect(
            lambda job, task, _: ended.update({task.id: task.execution["endTime"]})
        )
        engine.pool(nodes=2, taskSlotsPerNode=2)
        job = engine.job(usesTaskDependencies=True)
        for number in range(12):
            needs = {"dependsOn": {"taskIds": [str(number - 1)]}} if number % 3 == 2 else {}
            engine.add(job, str(number), f"{chance.randint(0, 60)}", **needs)
            added.add(str(number))
            await clock.sleep(chance.choice([0, 30]))
        while job.unfinished and engine.store._db.life >= 0:  # type: ignore[attr-defined]
            await clock.sleep(1)
        return engine.store._db.life >= 0  # type: ignore[attr-defined]

    try:
        whole = play(folder, story, store=store)
    except Killed:
        whole = False
    finally:
        store._db.real.close()  # type: ignore[attr-defined]
    return None if whole else (added, ended, moment[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_statement_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    statement, kills = seed, 0
    while True:
        folder = tmp_path / str(statement)
        folder.mkdir()
        known = killed_at(folder, statement, seed)
        if known is None:
            break
        kills += 1
        goes_on(folder, *known)
        statement += 17
    assert kills > 10


def goes_on(folder: Path, added: set[str], ended: dict[str, str], moment: datetime) -> None:
    """Hold that a new engine on the same store has everything that was acknowledged, and finishes it."""

    async def story(engine: Engine) -> None:
        if "j" not in engine.state.jobs:
            assert not added
            return
        job = engine.state.jobs["j"]
        rows = {row.id: row for row in engine.store.tasks("j")}
        assert added <= rows.keys()
        assert {name: rows[name].execution.get("endTime") for name in ended} == ended
        assert (+job.tasks, +job.slots) == tuple(+part for part in engine.recount(job))
        await engine.done(job)
        assert job.tasks["succeeded"] == len(rows)
        assert engine.completed == {("j", name): 1 for name in rows if name not in ended}

    play(folder, story, start=moment + timedelta(seconds=5))
