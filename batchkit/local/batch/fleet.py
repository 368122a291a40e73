"""Compute nodes through their lives: created, started, idle, leaving, gone; by the service's clock.

A node boots in three to five minutes, runs its pool's start task, then takes tasks; it leaves with
one of the deallocation options, and its folder with every file of its tasks is gone with it.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil

from batchkit.local.batch import network, node_python
from batchkit.local.batch.execute import Order, environment, execute, settings
from batchkit.local.batch.faults import UNUSABLE
from batchkit.local.batch.formats import Json, stamp, transition
from batchkit.local.batch.state import Node, Pool, State
from batchkit.local.resources import access

CREATING, STARTING = (60.0, 120.0), (120.0, 180.0)  # seconds, by the service's clock: 3 to 5 minutes in all
LEAVING = 30.0
RECLAIM = 300.0  # until a preempted node is given back
OUT = ("preempted", "unusable", "deallocated", "leavingpool")
AGENT = "1.11.8"
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
        "virtualMachineInfo": {"imageReference": pool.doc["virtualMachineConfiguration"]["imageReference"]},
    }
    if pool.doc.get("startTask"):
        doc["startTask"] = pool.doc["startTask"]
    node = adopt(state, pool, doc)
    set_state(state, node, "creating")
    begin_life(state, pool, node)
    return node


def adopt(state: State, pool: Pool, doc: Json) -> Node:
    """Take a node's document into its pool and give the node its folders."""
    root = state.config.state_dir / "nodes" / pool.id / doc["id"]
    node = Node(pool.id, doc, root)
    make_folders(node)
    pool.nodes[node.id] = node
    return node


def begin_life(state: State, pool: Pool, node: Node) -> None:
    """Start what takes a node from its present state to idle."""
    node.life = state.spawn(_live(state, pool, node), f"node {node.id[:14]}")


def set_state(state: State, node: Node, to: str) -> None:
    """Move a node to another state and keep it."""
    transition(node.doc, to)
    for name in ("previousState", "previousStateTransitionTime"):
        node.doc.pop(name, None)  # nodes have none on the wire
    state.save_node(node)


async def _live(state: State, pool: Pool, node: Node) -> None:
    if node.doc["state"] == "creating":
        await state.wait(_random.uniform(*CREATING))
        set_state(state, node, "starting")
    await state.wait(_random.uniform(*STARTING))
    await come_up(state, pool, node)


async def come_up(state: State, pool: Pool, node: Node) -> None:
    """Note the boot, run the start task, and let the node take tasks."""
    node.doc["lastBootTime"] = stamp()
    node.doc.pop("errors", None)
    node.doc["nodeAgentInfo"] = {"version": AGENT, "lastUpdateTime": stamp()}
    if refused := access.refused_image(state, pool) or state.faults.boot(pool.id):
        node.doc["errors"] = [refused]
        set_state(state, node, "unusable")
        return
    if node.doc.get("startTask") and not await start_task(state, pool, node):
        set_state(state, node, "starttaskfailed")
        return
    if not node.leaving:
        set_state(state, node, "idle")
        from batchkit.local.batch.scheduler import kick

        kick(state, pool.id)


async def start_task(state: State, pool: Pool, node: Node) -> bool:
    """Run the pool's start task on a node; return whether the node may take tasks."""
    body = node.doc["startTask"]
    waits = body.get("waitForSuccess", True)
    set_state(state, node, "waitingforstarttask" if waits else "starting")
    info: Json = {"state": "running", "startTime": stamp(), "retryCount": 0}
    node.doc["startTaskInfo"] = info
    while not await _start_attempt(state, pool, node, body, info):
        most = int(body.get("maxTaskRetryCount") or 0)
        if most != -1 and info["retryCount"] >= most:
            return not waits
        info.update(retryCount=info["retryCount"] + 1, lastRetryTime=stamp(), state="running")
    return True


async def _start_attempt(state: State, pool: Pool, node: Node, body: Json, info: Json) -> bool:
    folder = node.root / "startup"
    env = {**settings(body.get("environmentSettings")), "AZ_BATCH_TASK_ID": "startup"}
    order = Order(folder, body, environment(state, node, folder, env), label="startup")
    result = await execute(state, pool, node, order)
    if state.faults.start_task(pool.id):
        result.exit_code = 1
    good = result.exit_code == 0 and result.failure is None
    reason = result.failure or (None if good else exit_failure(result.exit_code))
    info.update(state="completed", endTime=stamp(), result="success" if good else "failure")
    if result.exit_code is not None:
        info["exitCode"] = result.exit_code
    if reason:
        info["failureInfo"] = reason
    state.save_node(node)
    return good


def exit_failure(code: int | None) -> Json:
    """Return the failureInfo of a command that ended with a nonzero exit code."""
    message = "The task process exited with an unexpected exit code"
    named = [{"name": "Message", "value": f"The task exited with an exit code of {code}"}]
    return {"category": "usererror", "code": "FailureExitCode", "message": message, "details": named}


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
    set_state(state, node, to)
    end_runs(node, "requeue")


async def _reclaimed(state: State, pool: Pool, node: Node) -> None:
    while node.runs:
        await asyncio.wait([run.work for run in node.runs.values() if run.work is not None])
    node.prepared.clear()
    await wipe(state, node)
    await state.wait(RECLAIM)
    set_state(state, node, "starting")
    await _live(state, pool, node)


def leave(state: State, pool: Pool, node: Node, option: str) -> None:
    """Take a node out of its pool: requeue, terminate, taskcompletion or retaineddata."""
    if node.leaving:
        return
    node.leaving = True
    if node.life is not None:
        node.life.cancel()
    set_state(state, node, "leavingpool")
    node.life = state.spawn(_leave(state, pool, node, option), f"node {node.id[:14]} leaves")


async def _leave(state: State, pool: Pool, node: Node, option: str) -> None:
    end_runs(node, option)
    while node.runs:
        work = [run.work for run in node.runs.values() if run.work is not None]
        await asyncio.wait(work) if work else await asyncio.sleep(0)
    await state.wait(LEAVING)
    await remove(state, pool, node)


def end_runs(node: Node, option: str) -> None:
    """Tell a node's tasks to stop, unless the option lets them finish."""
    if option in ("requeue", "terminate"):
        for run in list(node.runs.values()):
            run.end(option)
        for preparing in node.prepared.values():
            preparing.cancel()


async def remove(state: State, pool: Pool, node: Node) -> None:
    """Forget a node and delete its files."""
    pool.nodes.pop(node.id, None)
    state.store.drop("node", pool.id, node.id)
    await asyncio.get_running_loop().run_in_executor(state.executor, _drop_files, node)


def _drop_files(node: Node) -> None:
    shutil.rmtree(node.root, ignore_errors=True)


async def wipe(state: State, node: Node) -> None:
    """Delete a node's files and give it empty folders."""
    await asyncio.get_running_loop().run_in_executor(state.executor, _drop_files, node)
    make_folders(node)


def make_folders(node: Node) -> None:
    """Make a node's folders, readable by their owner alone, and its Python."""
    for name in ("shared", "startup", "workitems", "applications"):
        (node.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    node_python.make(node.root)
