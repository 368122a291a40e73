"""Faults on demand: what the service is told to do wrong, for those who test what they do about it.

A plan is a TOML file of `[[fault]]` tables (`--faults FILE`), or the same as JSON by PUT or POST to
`/_local/faults`. Each fault has a kind; `after` matching events pass first, then `times` are met
(default 1, -1 for ever). KINDS says what each kind does, Fault what it takes.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from batchkit.local.batch.errors import BatchError, error, failure
from batchkit.local.batch.formats import Json
from batchkit.local.batch.transfer import TransferError

if TYPE_CHECKING:
    from batchkit.local.batch.state import Pool, State

KINDS = {
    "throttle": "a call answers 429 TooManyRequests with Retry-After: retry_after",
    "busy": "a call answers 503 ServerBusy",
    "slow": "a call takes `seconds` more (real)",
    "drop": "a call's connection is dropped without an answer",
    "preempt": "low-priority nodes of `pool` are preempted, `at` seconds from now or after `after` tasks",
    "unusable": "nodes of `pool` become unusable, `at` seconds from now or after `after` tasks",
    "start_task": "a start task of `pool` fails",
    "image_pull": "a container task of `pool` fails to get its image",
    "resize": "`pool` cannot grow; the resize error is `code`",
    "upload": "an output upload of `task` (job/task, wildcards) fails",
    "quota": "a quota of `what` (pools, jobs) counts as reached",
}
ON_CALLS = ("throttle", "busy", "slow", "drop")
ON_NODES = ("preempt", "unusable")
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "float | None": (int, float),
}


class FaultError(ValueError):
    """A plan that does not hold; the message says where."""


@dataclass
class Fault:
    """One entry of a plan.

    Attributes:
        kind: one of KINDS.
        operation: of a call, wildcards allowed; Resource Manager's begin with `arm_`.
        pool, task, what: what it is about, wildcards allowed.
        after, times: how many matching events pass first, and how many are then met.
        at: seconds by the service's clock until nodes are hit, instead of with the `after`th completed task.
        nodes: how many nodes are hit.
        retry_after, seconds: whole seconds of a Retry-After; real seconds of a slow call.
        code: a resize error's code.
    """

    kind: str
    operation: str = "*"
    pool: str = "*"
    task: str = "*"
    what: str = "*"
    after: int = 0
    times: int = 1
    at: float | None = None
    nodes: int = 1
    retry_after: int = 1
    seconds: float = 1.0
    code: str = "AllocationFailed"

    def met(self) -> bool:
        """Count one matching event; return whether it is met."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times == 0:
            return False
        self.times -= self.times > 0
        return True


def read(entries: object) -> list[Fault]:
    """Return the faults of a plan's entries.

    Raises:
        FaultError: an entry is no table, has an unknown name, a wrong type or no known kind.
    """
    if not isinstance(entries, list):
        raise FaultError("A fault plan needs a list of [[fault]] tables.")
    return [_entry(number, entry) for number, entry in enumerate(entries, 1)]


def _entry(number: int, entry: object) -> Fault:
    known = {field.name: str(field.type) for field in fields(Fault)}
    if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
        raise FaultError(f"Fault {number} needs a kind, one of {', '.join(KINDS)}.")
    for name, value in entry.items():
        if name not in known:
            raise FaultError(f"Fault {number} has no setting {name}: it takes {', '.join(known)}.")
        if isinstance(value, bool) or not isinstance(value, _TYPES[known[name]]):
            raise FaultError(f"Fault {number}: {name} must be of type {known[name]}.")
    return Fault(**entry)


def read_file(path: Path) -> list[Fault]:
    """Return the faults of a TOML file.

    Raises:
        FaultError: the file cannot be read, is no TOML, or its plan does not hold.
    """
    try:
        plan = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise FaultError(f"The fault plan {path} cannot be read: {problem}") from None
    return read(plan.get("fault", []))


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
        return [asdict(fault) for fault in self.plan if fault.times]

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

    def upload(self, task: str) -> None:
        """Let a task's uploads pass, or fail them.

        Raises:
            TransferError: they fail.
        """
        if self.take("upload", lambda f: fnmatchcase(task, f.task)):
            raise TransferError("FileUploadMiscError", Reason="A fault of the plan.")

    def quota(self, what: str) -> bool:
        """Say whether a quota of pools or jobs is to count as reached."""
        return self.take("quota", lambda f: fnmatchcase(what, f.what)) is not None

    def resize(self, pool: str, more: int) -> Json | None:
        """Return the resize error that a growing pool is to meet, None for none."""
        fault = self.take("resize", lambda f: fnmatchcase(pool, f.pool)) if more > 0 else None
        if fault is None:
            return None
        return {"code": fault.code, "message": "Desired number of nodes could not be allocated"}

    def start_task(self, pool: str) -> bool:
        """Say whether a start task is to fail."""
        return self.take("start_task", lambda f: fnmatchcase(pool, f.pool)) is not None

    def image(self, pool: str, image: str) -> Json | None:
        """Return the failureInfo of a container task that is not to get its image, None for none."""
        if self.take("image_pull", lambda f: fnmatchcase(pool, f.pool)) is None:
            return None
        return failure("ContainerInvalidImage", ImageName=image)

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
    refused = error("TooManyRequests" if fault.kind == "throttle" else "ServerBusy")
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
        for node in sorted(nodes, key=lambda n: -len(n.runs))[: fault.nodes]:
            (fleet.preempt if fault.kind == "preempt" else fleet.make_unusable)(state, pool, node)
