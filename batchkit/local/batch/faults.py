"""Carries out the fault plan: asked at each place where something can be told to go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from batchkit.local.batch.errors import BatchError, error, failure
from batchkit.local.batch.fault_plan import SETTINGS, Fault
from batchkit.local.batch.formats import Json
from batchkit.local.batch.transfer_errors import TransferError

if TYPE_CHECKING:
    from batchkit.local.batch.state import Pool, State

ON_CALLS = ("throttle", "busy", "refuse", "slow", "drop")
ON_NODES = ("preempt", "unusable")
PLANNED = "A fault of the plan."
UNUSABLE: Json = {"code": "NodeUnusable", "message": "The node lost its agent.", "errorDetails": []}


class Dropped(Exception):  # noqa: N818 - not an error of the service: the connection just ends
    """The call's connection is to be dropped without an answer."""


class Hangup(Response):
    """No response: the connection's end (under another server than uvicorn, after headers alone)."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Break the connection off."""
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


class Faults:
    """The fault plan of one running service; an empty one does nothing."""

    def __init__(self, plan: Iterable[Fault] = ()) -> None:
        self.plan: list[Fault] = list(plan)

    def shown(self) -> list[Json]:
        """Return what is left of the plan."""
        left = [asdict(fault) for fault in self.plan if fault.times]
        return [{name: entry[name] for name in SETTINGS} for entry in left]

    def take(self, kind: str, matches: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Count an event for every fault of that kind that matches; return the first that is met."""
        hit = [fault for fault in self.plan if fault.kind == kind and matches(fault) and fault.met()]
        return hit[0] if hit else None

    async def before(self, operation: str) -> None:
        """Let a call pass, delay it or refuse it.

        Raises:
            BatchError: TooManyRequests, ServerBusy.
            Dropped: the connection is to be dropped.
        """
        for kind in ON_CALLS if self.plan else ():
            fault = self.take(kind, lambda f: fnmatchcase(operation, f.operation))
            if fault is not None:
                await _act(fault)

    def after(self, operation: str) -> None:
        """Let a call's answer go, or lose it.

        Raises:
            Dropped: the connection is to be dropped.
        """
        if self.take("lost", lambda f: fnmatchcase(operation, f.operation)):
            raise Dropped

    def add_task(self, task: str) -> None:
        """Let a task of a collection be added, or refuse it.

        Raises:
            BatchError: the refusal.
        """
        if fault := self._of_task("add_task", task):
            raise error(fault.code or "InvalidPropertyValue", Reason=PLANNED)

    def spelling(self) -> bool:
        """Say whether the results of added tasks are to be spelt as recordings do."""
        return self.take("spelling") is not None

    def _of_task(self, kind: str, task: str, what: str = "*") -> Fault | None:
        return self.take(kind, lambda f: fnmatchcase(task, f.task) and fnmatchcase(what, f.what))

    def upload(self, task: str) -> None:
        """Let a task's uploads pass, or fail them.

        Raises:
            TransferError: they fail.
        """
        if fault := self._of_task("upload", task):
            raise TransferError(fault.code or "FileUploadMiscError", Reason=PLANNED)

    def download(self, task: str) -> None:
        """Let a task's files come, or find the disk full.

        Raises:
            TransferError: DiskFull.
        """
        if self._of_task("disk_full", task, "download"):
            raise TransferError("DiskFull", Reason=PLANNED)

    def ended(self, task: str) -> tuple[int | None, Json | None] | None:
        """Return the exit code and the failureInfo with which a task is to end at once, None when it is to run."""
        if self._of_task("disk_full", task, "write"):
            return None, failure("DiskFull", Reason=PLANNED)
        fault = self._of_task("exit", task)
        return (fault.exit_code, None) if fault else None

    def quota(self, what: str) -> bool:
        """Say whether a quota of pools or jobs is to count as reached."""
        return self.take("quota", lambda f: fnmatchcase(what, f.what)) is not None

    def resize(self, pool: str, more: int) -> Json | None:
        """Return the resize error that a growing pool is to meet, None for none."""
        fault = self.take("resize", lambda f: fnmatchcase(pool, f.pool)) if more > 0 else None
        if fault is None:
            return None
        return {"code": fault.code or "AllocationFailed", "message": "Desired number of nodes could not be allocated"}

    def formula(self, pool: str) -> str | None:
        """Return the code with which an evaluation is to fail, None when it is not to."""
        fault = self._of_pool("formula", pool)
        return (fault.code or "AutoScalingFormulaEvaluationError") if fault else None

    def boot(self, pool: str) -> Json | None:
        """Return the node error of a node that is not to boot, None when it is."""
        return dict(UNUSABLE) if self._of_pool("boot", pool) else None

    def _of_pool(self, kind: str, pool: str) -> Fault | None:
        return self.take(kind, lambda f: fnmatchcase(pool, f.pool))

    def start_task(self, pool: str) -> bool:
        """Say whether a start task is to fail."""
        return self._of_pool("start_task", pool) is not None

    def image(self, pool: str, image: str) -> Json | None:
        """Return the failureInfo of a container task that is not to get its image, None for none."""
        refused = self._of_pool("image_pull", pool)
        return failure("ContainerInvalidImage", ImageName=image) if refused else None

    def schedule(self, state: State) -> None:
        """Start the clocks of the faults that hit nodes at a moment."""
        for fault in self.plan:
            if fault.kind in ON_NODES and (fault.at is not None or not fault.after) and fault.times:
                state.spawn(_at(state, fault), f"fault {fault.kind}")

    def task_done(self, state: State, pool: Pool) -> None:
        """Count a completed task, and hit nodes when it is the one that a fault waits for."""
        for fault in self.plan:
            if fault.kind in ON_NODES and fault.at is None and fault.after > 0 and fnmatchcase(pool.id, fault.pool):
                fault.after -= 1
                if not fault.after:
                    fault.times = 0
                    _hit(state, fault, [pool])


async def _act(fault: Fault) -> None:
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "drop":
        raise Dropped
    else:
        raise _refusal(fault)


def _refusal(fault: Fault) -> BatchError:
    codes = {"throttle": "TooManyRequests", "busy": "ServerBusy"}
    refused = error(codes.get(fault.kind) or fault.code or "InternalError")
    if fault.kind == "throttle":
        refused.headers["Retry-After"] = str(fault.retry_after)
    return refused


async def _at(state: State, fault: Fault) -> None:
    await state.wait(fault.at or 0)
    if fault in state.faults.plan and fault.times:
        fault.times -= fault.times > 0
        _hit(state, fault, [pool for pool in state.pools.values() if fnmatchcase(pool.id, fault.pool)])


def _hit(state: State, fault: Fault, pools: list[Pool]) -> None:
    from batchkit.local.batch import fleet

    for pool in pools:
        nodes: list[Any] = [n for n in pool.nodes.values() if not n.leaving and n.doc["state"] not in fleet.OUT]
        if fault.kind == "preempt":
            nodes = [node for node in nodes if not node.doc["isDedicated"]]
        for node in sorted(nodes, key=lambda n: -len(n.runs))[: fault.nodes if fault.nodes >= 0 else None]:
            (fleet.preempt if fault.kind == "preempt" else fleet.make_unusable)(state, pool, node)
