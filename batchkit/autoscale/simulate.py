"""What a formula does to a pool: tasks arrive, samples are taken, nodes boot, work and leave. Pure.

Simulated time only: a day of a pool takes a fraction of a second. It follows the documented service:
a sample every 30 seconds that formulas see a minute later, a first evaluation at once and one each
interval, nodes that take a while to boot, and tasks that wait for a free slot in order of arrival.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from batchkit.autoscale.errors import FormulaError
from batchkit.autoscale.formula import Formula
from batchkit.autoscale.policy import leaving_first
from batchkit.autoscale.results import Targets
from batchkit.autoscale.samples import DELAY_SECONDS, PERIOD_SECONDS, Series

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday, midnight


class SetupError(ValueError):
    """A simulation that cannot be: one line, and no traceback in a notebook."""

    def _render_traceback_(self) -> list[str]:
        """Show IPython the message alone."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Setup:
    """The pool and the clock of a simulation.

    Attributes:
        boot_seconds: from the decision to add a node until it takes tasks.
        interval_seconds: between evaluations (the service's least is 300).
        slots_per_node: tasks that a node runs at the same time.
        horizon_seconds: where the simulation ends when the pool is not empty and idle before.
        start: the moment of second 0, which formulas with `time()` see.
    """

    boot_seconds: float = 240.0
    interval_seconds: float = 300.0
    slots_per_node: int = 1
    horizon_seconds: float = 86_400.0
    start: datetime = EPOCH

    def __post_init__(self) -> None:
        """Refuse a clock that stands still and a node that can run nothing."""
        if self.interval_seconds <= 0 or self.boot_seconds < 0:
            raise SetupError("The interval between evaluations must be above 0, and a boot takes at least 0.")
        if self.slots_per_node < 1:
            raise SetupError(f"A node runs at least one task at a time, not {self.slots_per_node}.")


@dataclass(frozen=True)
class Point:
    """The pool at one moment: seconds since the start, nodes by state, and tasks by state."""

    seconds: float
    target: int
    booting: int
    ready: int
    waiting: int
    running: int

    @property
    def pending(self) -> int:
        """Tasks that are not done: waiting and running."""
        return self.waiting + self.running


@dataclass(frozen=True)
class Simulation:
    """What happened.

    Attributes:
        points: the pool at every sample, every evaluation and the end, in order.
        errors: (seconds, message) of evaluations that failed; the pool kept its size then.
        waits: seconds from a task's arrival to its (last) start, in order of completion.
        node_hours: what is paid for: from the decision to add a node until it is gone.
        finished_seconds: when the last task ended, None when some never did.
    """

    points: list[Point]
    errors: list[tuple[float, str]]
    waits: list[float]
    node_hours: float
    finished_seconds: float | None


def simulate(formula: Formula, tasks: Iterable[tuple[float, float]], setup: Setup | None = None) -> Simulation:
    """Run a pool under a formula.

    Args:
        formula: what sizes the pool; its dialect decides on roundings.
        tasks: (arrival, duration) of each task, both in seconds.
        setup: the pool's and the clock's properties.
    """
    return _Pool(formula, list(tasks), setup or Setup()).run()


@dataclass
class _Task:
    arrival: float
    duration: float
    started: float = 0.0


@dataclass(eq=False)
class _Node:
    added: float
    ready: bool = False
    leaving: bool = False
    running: list[_Task] = field(default_factory=list)


class _Pool:
    def __init__(self, formula: Formula, tasks: list[tuple[float, float]], setup: Setup) -> None:
        self.formula, self.setup = formula, setup
        self.now = 0.0
        self.targets = Targets()
        self.nodes: list[_Node] = []
        self.waiting: deque[_Task] = deque()
        self.left = len(tasks)
        self.fresh: deque[tuple[float, dict[str, float]]] = deque()
        self.seen = {name: list[tuple[datetime, float]]() for name in _metrics(0, 0, 0, 0)}
        self.points: list[Point] = []
        self.errors: list[tuple[float, str]] = []
        self.waits: list[float] = []
        self.paid = 0.0
        self.finished: float | None = 0.0 if not tasks else None
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        for arrival, duration in tasks:
            self._at(arrival, partial(self._arrive, _Task(arrival, duration)))

    def run(self) -> Simulation:
        self._at(0.0, self._evaluate)
        self._at(0.0, self._sample)
        while self._events and self._events[0][0] <= self.setup.horizon_seconds and not self._over():
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self._note()
        self.paid += sum(self.now - node.added for node in self.nodes)
        return Simulation(self.points, self.errors, self.waits, self.paid / 3600, self.finished)

    def _over(self) -> bool:
        return self.left == 0 and not self.nodes and self.now > self.setup.interval_seconds

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def _arrive(self, task: _Task) -> None:
        self.waiting.append(task)
        self._assign()

    def _sample(self) -> None:
        running = sum(len(node.running) for node in self.nodes)
        waiting = len(self.waiting)
        self.fresh.append((self.now, _metrics(waiting, running, len(self.nodes), self.setup.slots_per_node)))
        self._note()
        self._at(self.now + PERIOD_SECONDS, self._sample)

    def _evaluate(self) -> None:
        moment = self.setup.start + timedelta(seconds=self.now)
        try:
            self.targets = self.formula.evaluate(self._visible(), moment, self.targets).targets
        except FormulaError as error:
            self.errors.append((self.now, str(error)))
        self._resize()
        self._note()
        self._at(self.now + self.setup.interval_seconds, self._evaluate)

    def _visible(self) -> dict[str, Series]:
        """Return the samples that are old enough for a formula to see."""
        while self.fresh and self.fresh[0][0] <= self.now - DELAY_SECONDS:
            at, values = self.fresh.popleft()
            for name, value in values.items():
                self.seen[name].append((self.setup.start + timedelta(seconds=at), value))
        current = {"$CurrentDedicatedNodes": float(len(self.nodes))}
        return {name: Series(samples, current.get(name)) for name, samples in self.seen.items()}

    def _resize(self) -> None:
        staying = [node for node in self.nodes if not node.leaving]
        for _ in range(self.targets.dedicated - len(staying)):
            node = _Node(self.now)
            self.nodes.append(node)
            self._at(self.now + self.setup.boot_seconds, partial(self._boot, node))
        first = leaving_first(staying, lambda node: len(node.running), lambda node: node.ready)
        for node in first[: max(0, len(staying) - self.targets.dedicated)]:
            self._release(node)

    def _boot(self, node: _Node) -> None:
        node.ready = node in self.nodes
        self._assign()

    def _release(self, node: _Node) -> None:
        """Let a node go: at once when it is idle, else as the deallocation option says."""
        node.leaving = True
        if self.targets.deallocation_option == "requeue":
            self.waiting.extendleft(reversed(node.running))
            node.running = []
        elif self.targets.deallocation_option == "terminate":
            self.left -= len(node.running)
            node.running = []
        if not node.running:
            self._remove(node)
        self._assign()

    def _remove(self, node: _Node) -> None:
        self.nodes.remove(node)
        self.paid += self.now - node.added

    def _assign(self) -> None:
        for node in self.nodes:
            while self.waiting and node.ready and not node.leaving and self._has_room(node):
                self._start(self.waiting.popleft(), node)

    def _has_room(self, node: _Node) -> bool:
        return len(node.running) < self.setup.slots_per_node

    def _start(self, task: _Task, node: _Node) -> None:
        task.started = self.now
        node.running.append(task)
        self._at(self.now + task.duration, partial(self._end, task, node, self.now))

    def _end(self, task: _Task, node: _Node, started: float) -> None:
        if task not in node.running or task.started != started:
            return
        node.running.remove(task)
        self.left -= 1
        self.waits.append(task.started - task.arrival)
        self.finished = self.now if self.left == 0 else None
        if node.leaving and not node.running:
            self._remove(node)
        self._assign()

    def _note(self) -> None:
        ready = sum(node.ready for node in self.nodes)
        running = sum(len(node.running) for node in self.nodes)
        self.points.append(
            Point(self.now, self.targets.dedicated, len(self.nodes) - ready, ready, len(self.waiting), running)
        )


def _metrics(waiting: int, running: int, nodes: int, slots: int) -> dict[str, float]:
    return {
        "$ActiveTasks": float(waiting),
        "$RunningTasks": float(running),
        "$PendingTasks": float(waiting + running),
        "$CurrentDedicatedNodes": float(nodes),
        "$SampleNodeCount": float(nodes),
        "$TaskSlotsPerNode": float(slots),
        "$CPUPercent": 100.0 * running / (nodes * slots) if nodes and slots else 0.0,
    }
