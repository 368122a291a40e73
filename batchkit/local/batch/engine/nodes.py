"""What a user does to one node: reboot, reimage, deallocate, start again, take out of scheduling."""

from __future__ import annotations

from batchkit.local.batch.engine import fleet
from batchkit.local.batch.engine.scheduler import drain, kick
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.state import State

# Seconds, by the service's clock.
TAKES = {"rebooting": 60.0, "reimaging": 120.0, "deallocating": 30.0}


def take_down(state: State, pool: Pool, node: Node, to: str, option: str) -> None:
    """Reboot, reimage or deallocate a node; `option` says what becomes of its tasks."""
    fleet.become(state, node, to)
    node.life = state.spawn(_away(state, pool, node, option), f"node {node.id[:14]} is {to}")


async def _away(state: State, pool: Pool, node: Node, option: str) -> None:
    fleet.end_runs(node, option)
    await drain(list(node.runs.values()))
    await state.wait(TAKES[node.state])
    if node.state == "deallocating":
        fleet.become(state, node, "deallocated")
        return
    if node.state == "reimaging":
        await fleet.wipe(state, node)
    node.prepared.clear()
    await fleet.come_up(state, pool, node)


def start(state: State, pool: Pool, node: Node) -> None:
    """Start a deallocated node."""
    fleet.become(state, node, "starting")
    fleet.begin_life(state, pool, node)


def disable_scheduling(state: State, node: Node, option: str) -> None:
    """Give a node no further tasks; `option` says what becomes of those it has."""
    node.doc["schedulingState"] = "disabled"
    fleet.end_runs(node, option)
    state.save_node(node)


def enable_scheduling(state: State, pool: Pool, node: Node) -> None:
    """Let a node take tasks again."""
    node.doc["schedulingState"] = "enabled"
    state.save_node(node)
    kick(state, pool.id)
