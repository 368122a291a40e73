"""Carries out one command on a node: folders, files in, the process, files out.

The same steps serve tasks, start tasks, job preparation and job release. What went wrong is returned
as the service's failureInfo; a stop cancels the coroutine, which ends the process and any transfer.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from batchkit.local.batch import containers
from batchkit.local.batch.errors import failure
from batchkit.local.batch.formats import Json, limit
from batchkit.local.batch.runner import MARK, Outcome, machine_variables
from batchkit.local.batch.runner import run as run_process
from batchkit.local.batch.state import Node, Pool, State
from batchkit.local.batch.transfer_errors import Cancelled, TransferError, unwritten


@dataclass
class Order:
    """What to carry out: the part of a task's body that a node needs."""

    folder: Path
    body: Json
    env: Mapping[str, str]
    started: Callable[[], None] = field(default=lambda: None)
    label: str = ""


@dataclass
class Result(Outcome):
    """How it ended; `before` and `after` say which step failed, if one did."""

    before: bool = False
    after: bool = False


def identities(pool: Pool) -> set[str]:
    """Return the resource ids of a pool's identities, in lower case."""
    listed = (pool.doc.get("identity") or {}).get("userAssignedIdentities") or []
    return {str(identity["resourceId"]).lower() for identity in listed}


def environment(state: State, node: Node, folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that the service gives every task, and nothing of the service's own."""
    work = folder / "wd"
    return {
        **machine_variables(folder, node.root),
        **state.config.mark,
        "AZ_BATCH_ACCOUNT_NAME": state.config.blob_url.rstrip("/").rpartition("/")[2],
        "AZ_BATCH_ACCOUNT_URL": f"{state.url}/",
        "AZ_BATCH_POOL_ID": node.pool,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(node.doc["isDedicated"]).lower(),
        "AZ_BATCH_NODE_LIST": str(node.doc["ipAddress"]),
        MARK: str(node.root),
        "AZ_BATCH_NODE_SHARED_DIR": str(node.root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(node.root / "startup"),
        "AZ_BATCH_TASK_DIR": str(folder),
        "AZ_BATCH_TASK_WORKING_DIR": str(work),
        **names,
    }


def settings(*lists: list[Json] | None) -> dict[str, str]:
    """Return environment settings as a mapping; later lists win."""
    return {str(e["name"]): str(e.get("value") or "") for entries in lists for e in entries or []}


def fresh_folder(folder: Path) -> None:
    """Make a task's folder anew, readable by its owner alone."""
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "wd").mkdir(mode=0o700)
    for name in ("stdout.txt", "stderr.txt"):
        (folder / name).touch(mode=0o600)


async def execute(state: State, pool: Pool, node: Node, order: Order) -> Result:
    """Carry out an order on a node."""
    loop, stop = asyncio.get_running_loop(), threading.Event()
    try:
        await loop.run_in_executor(state.executor, _prepare, state, pool, order, stop)
        order.started()
        outcome = await _process(state, pool, node, order)
        unstarted = outcome.failure is not None and outcome.exit_code is None and outcome.failure["code"] != "TaskEnded"
        result = Result(outcome.exit_code, outcome.failure, before=unstarted)
        if order.body.get("outputFiles"):
            await loop.run_in_executor(state.executor, _deliver, state, pool, order, result, stop)
    except TransferError as problem:
        return Result(failure=problem.info, before=True)
    except OSError as problem:  # of this machine: its disk is full, or a folder of the node is gone
        return Result(failure=unwritten(problem, order.folder.name).info, before=True)
    except Cancelled:
        raise asyncio.CancelledError from None
    finally:
        stop.set()
    return result


def _prepare(state: State, pool: Pool, order: Order, stop: threading.Event) -> None:
    fresh_folder(order.folder)
    entries = order.body.get("resourceFiles") or []
    state.faults.download(order.label)
    if entries:
        state.transfer.download(entries, order.folder / "wd", identities(pool), stop)


async def _process(state: State, pool: Pool, node: Node, order: Order) -> Outcome:
    if (early := state.faults.ended(order.label)) is not None:
        return Outcome(*early)
    seconds = limit((order.body.get("constraints") or {}).get("maxWallClockTime"))
    inside = order.body.get("containerSettings")
    if inside and (refused := state.faults.image(pool.id, str(inside.get("imageName")))):
        return Outcome(failure=refused)
    engine = await state.engine() if inside else None
    if inside and engine is not None:
        container = _container(state, pool, node, order, engine)
        if await containers.available(container):
            _note_container(order, inside, "The image ran.")
            outcome = await containers.run(container, order.body["commandLine"], order.env, seconds)
            if outcome.failure and outcome.failure["code"] == "ContainerInvalidSettings":
                _note_container(order, inside, "The engine made no container.")
            return outcome
        if not container.own_registry:
            return Outcome(failure=failure("ContainerInvalidImage", ImageName=container.image))
    if inside:
        _note_container(order, inside, "No engine here has the image: the command ran as a process.")
    return await run_process(order.body["commandLine"], order.folder, order.env, seconds)


def _container(state: State, pool: Pool, node: Node, order: Order, engine: str) -> containers.Container:
    settings = order.body["containerSettings"]
    config = pool.doc["virtualMachineConfiguration"].get("containerConfiguration") or {}
    listed = [settings.get("registry"), *(config.get("containerRegistries") or [])]
    ours = [str(r.get("registryServer")) for r in listed if r and r.get("identityReference")]
    own = any(str(settings["imageName"]).startswith(f"{server}/") for server in ours)
    return containers.Container(engine, settings, order.folder, node.root, state.nodes_dir, own)


def _note_container(order: Order, settings: Json, said: str) -> None:
    note = {"containerId": "", "state": said, "error": ""}
    order.body.get("executionInfo", {})["containerInfo"] = note


def _deliver(state: State, pool: Pool, order: Order, result: Result, stop: threading.Event) -> None:
    good = result.exit_code == 0 and result.failure is None
    wanted = {"taskcompletion", "tasksuccess" if good else "taskfailure"}
    entries = [
        e for e in order.body.get("outputFiles") or [] if e["uploadOptions"]["uploadCondition"].lower() in wanted
    ]
    if not entries:
        return
    try:
        state.faults.upload(order.label)
        state.transfer.upload(entries, order.folder, identities(pool), stop)
    except TransferError as problem:
        result.after = True
        if good:
            result.failure = problem.info
