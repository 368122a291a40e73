"""The fault plan of a running service, asked at each place where something can be told to go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from fnmatch import fnmatchcase

from batchkit.local.batch.state.fault_plan import SETTINGS, Fault
from batchkit.local.wire import clock
from batchkit.local.wire.errors import BatchError, error, failure
from batchkit.local.wire.formats import Json
from batchkit.local.wire.hangup import Dropped

ON_CALLS = ("throttle", "busy", "refuse", "slow", "drop")
PLANNED = "A fault of the plan."
UNUSABLE: Json = {"code": "NodeUnusable", "message": "The node lost its agent.", "errorDetails": []}


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

    def upload(self, task: str) -> Json | None:
        """Return the failureInfo of a task whose outputs are not to be sent, None when they are."""
        fault = self._of_task("upload", task)
        return failure(fault.code or "FileUploadMiscError", Reason=PLANNED) if fault else None

    def download(self, task: str) -> Json | None:
        """Return the failureInfo of a task whose files find the disk full, None when they do not."""
        return failure("DiskFull", Reason=PLANNED) if self._of_task("disk_full", task, "download") else None

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


async def _act(fault: Fault) -> None:
    if fault.kind == "slow":
        await clock.sleep(fault.seconds)
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
