"""Which nodes go first when a pool shrinks: one rule for the service and the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Node = TypeVar("Node")


def leaving_first(nodes: Iterable[Node], tasks: Callable[[Node], int], up: Callable[[Node], bool]) -> list[Node]:
    """Order nodes by how little is lost with them: idle ones, then those not up yet, then by their tasks.

    Args:
        nodes: in the order they were added, which decides between equal ones.
        tasks: how many tasks run on a node.
        up: whether a node has booted, whatever came of it.
    """
    return sorted(nodes, key=lambda node: (tasks(node), not up(node)))
