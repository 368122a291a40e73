"""Compute nodes through their lives: created, started, idle, leaving, gone; by the service's clock.

A node boots in one to three minutes, with containers in three to six, runs its pool's start task, then takes
tasks; it leaves with one of the deallocation options, and its folder with every file of its tasks is gone with it.
"""

from __future__ import annotations

import asyncio
import random
import secrets

from batchkit.local.batch.engine import network
from batchkit.local.batch.engine.commands import order, settings
from batchkit.local.batch.state.faults import UNUSABLE
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.orders import Result
from batchkit.local.batch.state.state import State
from batchkit.local.wire import clock
from batchkit.local.wire.errors import exit_failure, failure
from batchkit.local.wire.formats import Json, stamp

# Seconds, by the service's clock: until a node is made, and from there until it has booted. Recorded pools of
# Linux without containers were steady in 52 to 96 s, and their nodes idle 20 to 82 s after that; a node that
# installs an engine and pulls images takes 3 to 6 minutes in all, by experience.
PLAIN = ((52.0, 96.0), (20.0, 82.0))
WITH_CONTAINERS = ((60.0, 120.0), (120.0, 240.0))
LEAVING = 30.0
RECLAIM = 300.0  # until a preempted node is given back
OUT = ("preempted", "unusable", "deallocated", "leavingpool")
START_AGAIN = 5.0  # before a start task that failed is tried again
AGENT = "1.11.8"
EXACT = "1.0.20260901"  # the version of every image whose `latest` is asked for
_random = random.Random()  # noqa: S311 - boot times, not secrets


def new_node(state: State, pool: Pool, dedicated: bool) -> Node:
    """Make a node of a pool and start its life."""
    name = f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
    doc: Json = {
        "id": name,
        "url": f"{state.url}/pools/{pool.id}/nodes/{name}",
        "schedulingState": "enabled",
        "allocationTime": stamp(),
        "ipAddress": network.address(len(pool.nodes)),
        **network.ipv6(pool.doc, len(pool.nodes)),
        "affinityId": f"TVM:{name}",
        "vmSize": pool.doc["vmSize"],
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "isDedicated": dedicated,
        "endpointConfiguration": network.endpoints(pool.doc, len(pool.nodes)),
        "virtualMachineInfo": {"imageReference": _exact(pool.doc["virtualMachineConfiguration"]["imageReference"])},
    }
    if pool.doc.get("startTask"):
        doc["startTask"] = pool.doc["startTask"]
    node = adopt(state, pool, doc)
    become(state, node, "creating")
    begin_life(state, pool, node)
    return node


def _exact(image: Json) -> Json:
    """Return an image with the version that a node really has; of `latest` there is one here."""
    if not image.get("publisher"):
        return image
    version = image.get("version", "latest")
    return {**image, "exactVersion": EXACT if version == "latest" else version}


def adopt(state: State, pool: Pool, doc: Json) -> Node:
    """Take a node's document into its pool and give the node its folders."""
    node = Node(pool.id, doc, state.nodes_dir / pool.id / doc["id"])
    state.machine.make_node(node.root)
    pool.nodes[node.id] = node
    return node


def begin_life(state: State, pool: Pool, node: Node) -> None:
    """Start what takes a node from its present state to idle."""
    node.life = state.spawn(_live(state, pool, node), f"node {node.id[:14]}")


def become(state: State, node: Node, to: str) -> None:
    """Move a node to another state and keep it."""
    node.become(to)
    state.save_node(node)


async def _live(state: State, pool: Pool, node: Node) -> None:
    creating, starting = WITH_CONTAINERS if _has_containers(pool) else PLAIN
    if node.state == "creating":
        await state.wait(_random.uniform(*creating))
        become(state, node, "starting")
    await state.wait(_random.uniform(*starting))
    await come_up(state, pool, node)


def _has_containers(pool: Pool) -> bool:
    return bool((pool.doc["virtualMachineConfiguration"] or {}).get("containerConfiguration"))


async def come_up(state: State, pool: Pool, node: Node) -> None:
    """Note the boot, run the start task, and let the node take tasks."""
    node.doc["lastBootTime"] = stamp()
    node.doc.pop("errors", None)
    node.doc["nodeAgentInfo"] = {"version": AGENT, "lastUpdateTime": stamp()}
    if refused := _refused_image(state, pool) or state.faults.boot(pool.id):
        node.doc["errors"] = [refused]
        become(state, node, "unusable")
    elif node.doc.get("startTask") and not await start_task(state, pool, node):
        become(state, node, "starttaskfailed")
    elif not node.leaving:
        become(state, node, "idle")
        state.events.node_ready(pool)


def _refused_image(state: State, pool: Pool) -> Json | None:
    """Return the node error of a pool whose identity may not pull its images, None when it may."""
    container = pool.doc["virtualMachineConfiguration"].get("containerConfiguration") or {}
    for registry in container.get("containerRegistries") or []:
        identity = (registry.get("identityReference") or {}).get("resourceId")
        if identity and not state.subscription.may_pull(str(identity)):
            named = ", ".join(container.get("containerImageNames") or []) or registry.get("registryServer", "")
            said = "unauthorized: authentication required"
            found = failure("ContainerInvalidImage", ContainerImage=named, Message=said)
            return {"code": found["code"], "message": found["message"], "errorDetails": found["details"]}
    return None


async def start_task(state: State, pool: Pool, node: Node) -> bool:
    """Run the pool's start task on a node; return whether the node may take tasks."""
    body = node.doc["startTask"]
    waits = body.get("waitForSuccess", True)
    become(state, node, "waitingforstarttask" if waits else "starting")
    info: Json = {"state": "running", "startTime": stamp(), "retryCount": 0}
    node.doc["startTaskInfo"] = info
    most = int(body.get("maxTaskRetryCount") or 0)
    while not await _start_attempt(state, pool, node, body, info):
        if most != -1 and info["retryCount"] >= most:
            return not waits
        info.update(retryCount=info["retryCount"] + 1, lastRetryTime=stamp(), state="running")
        await state.wait(START_AGAIN)
    return True


async def _start_attempt(state: State, pool: Pool, node: Node, body: Json, info: Json) -> bool:
    names = {**settings(body.get("environmentSettings")), "AZ_BATCH_TASK_ID": "startup"}
    result = await state.machine.carry_out(order(state, pool, node, node.root / "startup", body, names, "startup"))
    if state.faults.start_task(pool.id):
        result = Result(1)
    reason = result.failure or (None if result.good else exit_failure(result.exit_code))
    info.update(state="completed", endTime=stamp(), result="success" if result.good else "failure")
    info.pop("exitCode", None)
    info.pop("failureInfo", None)
    if result.exit_code is not None:
        info["exitCode"] = result.exit_code
    if reason:
        info["failureInfo"] = reason
    state.save_node(node)
    return result.good


def preempt(state: State, pool: Pool, node: Node) -> None:
    """Take a low-priority node away, whatever it does: its tasks are queued again, its files are gone.

    The node stays in the pool as preempted; when there is room again it is started anew.
    """
    _down(state, node, "preempted")
    node.life = state.spawn(_reclaimed(state, pool, node), f"node {node.id[:14]} is preempted")


def make_unusable(state: State, pool: Pool, node: Node) -> None:
    """Break a node: its tasks are queued again; a reboot or reimage mends it."""
    node.doc["errors"] = [dict(UNUSABLE)]
    _down(state, node, "unusable")


def _down(state: State, node: Node, to: str) -> None:
    if node.life is not None:
        node.life.cancel()
    become(state, node, to)
    end_runs(node, "requeue")


async def _reclaimed(state: State, pool: Pool, node: Node) -> None:
    await runs_ended(node)
    node.prepared.clear()
    await wipe(state, node)
    await state.wait(RECLAIM)
    become(state, node, "starting")
    await _live(state, pool, node)


def leave(state: State, pool: Pool, node: Node, option: str) -> None:
    """Take a node out of its pool: requeue, terminate, taskcompletion or retaineddata."""
    if node.leaving:
        return
    node.leaving = True
    if node.life is not None:
        node.life.cancel()
    become(state, node, "leavingpool")
    node.life = state.spawn(_leave(state, pool, node, option), f"node {node.id[:14]} leaves")


async def _leave(state: State, pool: Pool, node: Node, option: str) -> None:
    end_runs(node, option)
    await runs_ended(node)
    await state.wait(LEAVING)
    pool.nodes.pop(node.id, None)
    state.store.drop("node", pool.id, node.id)
    await state.machine.remove(node.root)


async def runs_ended(node: Node) -> None:
    """Wait until no task is left on a node."""
    while node.runs:
        work = [run.work for run in node.runs.values() if run.work is not None]
        await asyncio.wait(work) if work else await clock.sleep(0)


def end_runs(node: Node, option: str) -> None:
    """Tell a node's tasks to stop, unless the option lets them finish."""
    if option in ("requeue", "terminate"):
        for run in list(node.runs.values()):
            run.end(option)
        for preparing in node.prepared.values():
            preparing.cancel()


async def wipe(state: State, node: Node) -> None:
    """Delete a node's files and give it empty folders."""
    await state.machine.remove(node.root)
    state.machine.make_node(node.root)
