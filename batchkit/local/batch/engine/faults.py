"""Carries out the faults that hit nodes: at a moment, or when so many tasks are done."""

from __future__ import annotations

from fnmatch import fnmatchcase

from batchkit.local.batch.engine import fleet
from batchkit.local.batch.state.fault_plan import Fault
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.state import State

ON_NODES = ("preempt", "unusable")


def schedule(state: State) -> None:
    """Start the clocks of the faults that hit nodes at a moment."""
    for fault in state.faults.plan:
        if fault.kind in ON_NODES and (fault.at is not None or not fault.after) and fault.times:
            state.spawn(_at(state, fault), f"fault {fault.kind}")


async def _at(state: State, fault: Fault) -> None:
    await state.wait(fault.at or 0)
    if any(fault is left for left in state.faults.plan) and fault.times:
        fault.times -= fault.times > 0
        _hit(state, fault, [pool for pool in state.pools.values() if fnmatchcase(pool.id, fault.pool)])


def task_ran(state: State, pool: Pool) -> None:
    """Count a task that ran to its end, and hit nodes when it is the one that a fault waits for."""
    for fault in state.faults.plan:
        if fault.kind in ON_NODES and fault.at is None and fault.after > 0 and fnmatchcase(pool.id, fault.pool):
            fault.after -= 1
            if not fault.after:
                fault.times = 0
                _hit(state, fault, [pool])


def _hit(state: State, fault: Fault, pools: list[Pool]) -> None:
    for pool in pools:
        nodes = [node for node in pool.nodes.values() if not node.leaving and node.state not in fleet.OUT]
        for node in _busiest(nodes, fault):
            (fleet.preempt if fault.kind == "preempt" else fleet.make_unusable)(state, pool, node)


def _busiest(nodes: list[Node], fault: Fault) -> list[Node]:
    """Return the nodes that a fault hits: those where most is lost."""
    if fault.kind == "preempt":
        nodes = [node for node in nodes if not node.dedicated]
    return sorted(nodes, key=lambda node: -len(node.runs))[: fault.nodes if fault.nodes >= 0 else None]
