"""Faults on demand: what the service is told to do wrong, for those who test what they do about it.

A plan is a TOML file of `[[fault]]` tables (`--faults FILE`), or the same as JSON by PUT or POST to
`/_local/faults`. Each fault has a kind; `after` matching events pass first, then `times` are met
(default 1, -1 for ever). KINDS says what each kind does, Fault what it takes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from batchkit.local.wire import clock

KINDS = {
    "throttle": "a call answers 429 TooManyRequests with Retry-After: retry_after",
    "busy": "a call answers 503 ServerBusy",
    "refuse": "a call answers with `code` (InternalError), and that code's status",
    "slow": "a call takes `seconds` more (real)",
    "drop": "a call's connection is dropped without an answer, and nothing was done",
    "lost": "a call is done, and its connection dropped without an answer",
    "add_task": "a task (job/task, wildcards) of a collection is refused with `code` (InvalidPropertyValue)",
    "spelling": "an add-task-collection's results say Success, ClientError and ServerError, as recordings do",
    "preempt": "low-priority nodes of `pool` are preempted, `at` seconds from now or after `after` tasks",
    "unusable": "nodes of `pool` become unusable, `at` seconds from now or after `after` tasks",
    "boot": "a node of `pool` that boots becomes unusable",
    "start_task": "a start task of `pool` fails",
    "image_pull": "a container task of `pool` fails to get its image",
    "resize": "`pool` cannot grow; the resize error is `code` (AllocationFailed)",
    "formula": "an evaluation of `pool`'s formula fails with `code` (AutoScalingFormulaEvaluationError)",
    "disk_full": "the disk is full where `task` (job/task, wildcards) runs: it ends with DiskFull, `what` its "
    "files come (download) or it writes (write)",
    "exit": "`task` (job/task, wildcards) ends with `exit_code` before it does anything",
    "upload": "an output upload of `task` (job/task, wildcards) fails with `code` (FileUploadMiscError)",
    "quota": "a quota of `what` (pools, jobs) counts as reached",
}
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
        lasts: real seconds, from the first event that is met, in which all are, instead of `times`.
        at: seconds by the service's clock until nodes are hit, instead of with the `after`th completed task.
        nodes: how many nodes are hit, -1 for all.
        retry_after, seconds: whole seconds of a Retry-After; real seconds of a slow call.
        code: of an error, instead of the kind's own.
        exit_code: of a task; the default is that of a process that the kernel killed for its memory.
    """

    kind: str
    operation: str = "*"
    pool: str = "*"
    task: str = "*"
    what: str = "*"
    after: int = 0
    times: int = 1
    lasts: float | None = None
    at: float | None = None
    nodes: int = 1
    retry_after: int = 1
    seconds: float = 1.0
    code: str = ""
    exit_code: int = 137
    ends: float = field(default=0.0, init=False)

    def met(self) -> bool:
        """Count one matching event; return whether it is met."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.lasts is not None:
            moment = clock.now().timestamp()
            self.ends = self.ends or moment + self.lasts
            self.times = int(moment < self.ends)
            return bool(self.times)
        if self.times == 0:
            return False
        self.times -= self.times > 0
        return True


SETTINGS = {setting.name: setting.type for setting in fields(Fault) if setting.init}


def read(entries: object) -> list[Fault]:
    """Return the faults of a plan's entries.

    Raises:
        FaultError: an entry is no table, has an unknown name, a wrong type or no known kind.
    """
    if not isinstance(entries, list):
        raise FaultError("A fault plan needs a list of [[fault]] tables.")
    return [_entry(number, entry) for number, entry in enumerate(entries, 1)]


def _entry(number: int, entry: object) -> Fault:
    known = {name: str(kind) for name, kind in SETTINGS.items()}
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
