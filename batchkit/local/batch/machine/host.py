"""The machine that this runs on, which runs every node's commands: folders, files in, the process, files out.

What went wrong is returned as the service's failureInfo; a cancel ends the process and any transfer.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from batchkit.local.batch.machine import containers, node_python, runner, unpacking
from batchkit.local.batch.machine.transfer import Transfer
from batchkit.local.batch.machine.transfer_errors import Cancelled, TransferError, unwritten
from batchkit.local.batch.state.faults import Faults
from batchkit.local.batch.state.orders import Order, Outcome, Result
from batchkit.local.config import LocalConfig
from batchkit.local.wire.errors import failure
from batchkit.local.wire.formats import Json, limit

_FOLDERS = ("shared", "startup", "workitems", "applications")


class Host:
    """The machine of one running service."""

    def __init__(self, config: LocalConfig, faults: Faults, may_move: Callable[[str, str, str], bool]) -> None:
        self._nodes, self._keep, self._faults = config.state_dir / "nodes", config.keep, faults
        self.transfer = Transfer(config, may_move)
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="transfer")
        self._engine: asyncio.Future[str | None] | None = None

    async def start(self) -> None:
        """End what an earlier run left behind, and warm up."""
        await self._in_thread(runner.kill_leftovers, self._nodes)
        asyncio.get_running_loop().run_in_executor(self._threads, self.transfer.warm)

    async def stop(self) -> None:
        """End every process that is left, and the threads; without a state folder to keep, the nodes' files go."""
        await self._in_thread(runner.kill_leftovers, self._nodes)
        self.transfer.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        if not self._keep:
            shutil.rmtree(self._nodes, ignore_errors=True)

    async def engine(self) -> str | None:
        """Return the container engine that answers on this machine, None where none does; looked for once.

        What an earlier run left in it is gone by then, so that no task of this run is taken for it.
        """
        if self._engine is None:
            look = partial(containers.ready_engine, self._nodes if self._keep else None)
            self._engine = asyncio.get_running_loop().run_in_executor(self._threads, look)
        return await asyncio.shield(self._engine)

    async def _in_thread(self, do: Callable[..., object], *args: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, do, *args)

    def make_node(self, node: Path) -> None:
        """Make a node's folders, readable by their owner alone, and its Python."""
        for name in _FOLDERS:
            (node / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        node_python.make(node)

    async def remove(self, folder: Path) -> None:
        """Delete a folder with all below it; one that is gone already is fine."""
        await self._in_thread(partial(shutil.rmtree, folder, ignore_errors=True))

    async def send(self, output: Json, folder: Path, identities: frozenset[str]) -> Json | None:
        """Send files as a task's in `folder` are; return the failureInfo when one could not be sent."""
        (folder / "wd").mkdir(exist_ok=True)
        sending = partial(self.transfer.sent, [output], folder, identities, threading.Event())
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, sending)
        except ValueError as problem:  # an address that is none
            return failure("FileUploadMiscError", Reason=problem)

    async def carry_out(self, order: Order) -> Result:
        """Carry out an order."""
        stop = threading.Event()
        try:
            await self._in_thread(self._prepare, order, stop)
            order.started()
            outcome = await self._command(order)
            result = Result(outcome.exit_code, outcome.failure, outcome.container, before=_unstarted(outcome))
            if order.body.get("outputFiles"):
                await self._in_thread(self._deliver, order, result, stop)
        except TransferError as problem:
            return Result(failure=problem.info, before=True)
        except OSError as problem:  # of this machine: its disk is full, or a folder of the node is gone
            return Result(failure=unwritten(problem, order.folder.name).info, before=True)
        except Cancelled:
            raise asyncio.CancelledError from None
        finally:
            stop.set()
        return result

    def _prepare(self, order: Order, stop: threading.Event) -> None:
        _fresh_folder(order.folder)
        if (refused := self._faults.download(order.label)) is not None:
            raise TransferError.of(refused)
        for package in order.packages:
            unpacking.unpack(package, self.transfer, stop)
        if entries := order.body.get("resourceFiles"):
            self.transfer.download(entries, order.folder / "wd", order.identities, stop)

    async def _command(self, order: Order) -> Outcome:
        if (early := self._faults.ended(order.label)) is not None:
            return Outcome(*early)
        if order.body.get("containerSettings"):
            return await self._contained(order)
        return await self._process(order)

    async def _process(self, order: Order) -> Outcome:
        env = {**runner.machine_variables(order.folder, order.node), **order.env}
        return await runner.run(order.body["commandLine"], order.folder, env, _seconds(order))

    async def _contained(self, order: Order) -> Outcome:
        """Run a command in its container; as a process where only Azure's own registry could give the image."""
        settings = order.body["containerSettings"]
        if refused := self._faults.image(order.pool, str(settings.get("imageName"))):
            return Outcome(failure=refused)
        if (engine := await self.engine()) is not None:
            container = self._container(order, engine)
            if await containers.available(container):
                env = {**runner.machine_variables(order.folder, order.node), **order.env}
                outcome = await containers.run(container, order.body["commandLine"], env, _seconds(order))
                unmade = outcome.failure is not None and outcome.failure["code"] == "ContainerInvalidSettings"
                outcome.container = _note("The engine made no container." if unmade else "The image ran.")
                return outcome
            if not container.own_registry:
                return Outcome(failure=failure("ContainerInvalidImage", ImageName=container.image))
        outcome = await self._process(order)
        outcome.container = _note("No engine here has the image: the command ran as a process.")
        return outcome

    def _container(self, order: Order, engine: str) -> containers.Container:
        settings = order.body["containerSettings"]
        listed = [settings.get("registry"), *order.registries]
        ours = [str(r.get("registryServer")) for r in listed if r and r.get("identityReference")]
        own = any(str(settings["imageName"]).startswith(f"{server}/") for server in ours)
        prepared = Path(order.env.get("AZ_BATCH_JOB_PREP_DIR", order.folder.parent / "jobpreparation"))
        return containers.Container(engine, settings, order.folder, prepared, order.node, self._nodes, own)

    def _deliver(self, order: Order, result: Result, stop: threading.Event) -> None:
        good = result.good
        wanted = {"taskcompletion", "tasksuccess" if good else "taskfailure"}
        outputs = order.body.get("outputFiles") or []
        entries = [entry for entry in outputs if entry["uploadOptions"]["uploadCondition"].lower() in wanted]
        if not entries:
            return
        problem = self._faults.upload(order.label)
        if problem is None:
            problem = self.transfer.sent(entries, order.folder, order.identities, stop)
        if problem is not None:
            result.after = True
            result.failure = problem if good else result.failure


def _unstarted(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.exit_code is None and outcome.failure["code"] != "TaskEnded"


def _seconds(order: Order) -> float | None:
    return limit((order.body.get("constraints") or {}).get("maxWallClockTime"))


def _note(said: str) -> Json:
    return {"containerId": "", "state": said, "error": ""}


def _fresh_folder(folder: Path) -> None:
    """Make a task's folder anew, readable by its owner alone."""
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "wd").mkdir(mode=0o700)
    for name in ("stdout.txt", "stderr.txt"):
        (folder / name).touch(mode=0o600)
