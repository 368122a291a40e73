"""How many nodes a pool has: targets and resizes, by the service's clock.

Targets are set by a resize, a node removal or an evaluation; the pool is `resizing` until every new
node is past `creating` and every surplus one is gone. A pool over the account's quota gets what fits
and a resize error.
"""

from __future__ import annotations

import asyncio
import re

from batchkit.autoscale.policy import leaving_first
from batchkit.local.batch.engine import fleet, sizes
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.state import State
from batchkit.local.wire.formats import Json

_CORES = ("core", "AccountCoreQuotaReached")
STEP = 5.0  # seconds, by the service's clock, between two looks at a resize
_KINDS = {True: "dedicated", False: "low priority"}
_NOT_UP = ("creating", "starting", "waitingforstarttask")


def set_targets(state: State, pool: Pool, dedicated: int, low: int, option: str = "requeue") -> None:
    """Give a pool new targets, and start towards them when they differ from what it has."""
    pool.size(dedicated, low)
    pool.extra["option"] = option
    if all(len(pool.staying(kind)) == target for kind, target in ((True, dedicated), (False, low))):
        state.save_pool(pool, changed=False)
        return
    pool.doc.pop("resizeErrors", None)
    begin_resize(state, pool, option)


def begin_resize(state: State, pool: Pool, option: str) -> None:
    """Start towards a pool's targets; a resize that goes on is given up."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    _allocate(state, pool, "resizing")
    pool.resizing = state.spawn(_resize(state, pool, option), f"pool {pool.id} resizes")


def _allocate(state: State, pool: Pool, to: str) -> None:
    pool.allocate(to)
    state.save_pool(pool, changed=False)


async def _resize(state: State, pool: Pool, option: str) -> None:
    """Take a pool to its targets, then call it steady."""
    for dedicated, target in zip((True, False), pool.targets, strict=True):
        _towards(state, pool, dedicated, target, option)
    await _settled(state, pool)
    _allocate(state, pool, "steady")


def _towards(state: State, pool: Pool, dedicated: bool, target: int, option: str) -> None:
    present = pool.staying(dedicated)
    if (refused := state.faults.resize(pool.id, target - len(present))) is not None:
        pool.doc.setdefault("resizeErrors", []).append(refused)
        return
    if target > (most := _most(state, pool, dedicated)):
        series = dedicated and most < state.subscription.core_quota(True) // _cores(pool)
        pool.doc.setdefault("resizeErrors", []).append(_over_quota(target, most, series))
    for _ in range(min(target, most) - len(present)):
        fleet.new_node(state, pool, dedicated)
    for node in _least_useful(present)[: max(0, len(present) - target)]:
        fleet.leave(state, pool, node, option)


def _most(state: State, pool: Pool, dedicated: bool) -> int:
    """Return how many nodes of a pool's size the account's core quota holds."""
    return state.subscription.core_quota(dedicated, sizes.family(str(pool.doc["vmSize"]))) // _cores(pool)


def _cores(pool: Pool) -> int:
    cores = re.search(r"_[a-z]+(\d+)", str(pool.doc["vmSize"]).lower())
    return max(1, int(cores[1]) if cores else 1)


def _over_quota(target: int, most: int, series: bool) -> Json:
    values = [{"name": "Requested", "value": str(target)}, {"name": "Allowed", "value": str(most)}]
    what, code = ("VM series core", "AccountVMSeriesCoreQuotaReached") if series else _CORES
    text = f"The specified account has reached {what} quota. The pool was given as many nodes as the quota holds."
    return {"code": code, "message": text, "values": values}


def _least_useful(nodes: list[Node]) -> list[Node]:
    return leaving_first(nodes, lambda node: len(node.runs), lambda node: node.state not in _NOT_UP)


async def _settled(state: State, pool: Pool) -> None:
    """Wait until no node is being created and none is leaving."""
    while any(node.leaving or node.state == "creating" for node in pool.nodes.values()):
        await state.wait(STEP)


def stop_resize(state: State, pool: Pool) -> None:
    """Stop a resize: the targets stay, and each kind of nodes that falls short of its own has an error then."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    _allocate(state, pool, "stopping")
    pool.resizing = state.spawn(_stop(state, pool), f"pool {pool.id} stops its resize")


async def _stop(state: State, pool: Pool) -> None:
    await state.wait(STEP)
    for dedicated, target in zip((True, False), pool.targets, strict=True):
        if len(pool.staying(dedicated)) != target:
            text = f"Desired number of {_KINDS[dedicated]} nodes could not be allocated due to a stop resize operation"
            pool.doc.setdefault("resizeErrors", []).append({"code": "ResizeStopped", "message": text})
    _allocate(state, pool, "steady")


def shrink(state: State, pool: Pool, nodes: list[Node], option: str) -> None:
    """Take chosen nodes out of a pool; its targets sink with them."""
    for node in nodes:
        fleet.leave(state, pool, node, option)
    pool.size(len(pool.staying(True)), len(pool.staying(False)))
    begin_resize(state, pool, option)


def dissolve(state: State, pool: Pool) -> list[asyncio.Task[None]]:
    """Begin to take every node out of a pool that is deleted; return what is to be waited for."""
    if pool.resizing is not None:
        pool.resizing.cancel()
    _allocate(state, pool, "resizing" if pool.nodes else "steady")
    for node in list(pool.nodes.values()):
        fleet.leave(state, pool, node, "requeue")
        fleet.end_runs(node, "requeue")
    return [node.life for node in pool.nodes.values() if node.life is not None]
