"""Writes COVERAGE.md: every operation, whether it is implemented, against what it was held, and what differs.

`python -m batchkit.local.coverage > batchkit/local/COVERAGE.md`; a test compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from batchkit.local.arm.app import own_calls
from batchkit.local.batch import service  # noqa: F401 - registers every handler
from batchkit.local.batch.api.call import HANDLERS, OPERATIONS
from batchkit.local.batch.state.fault_plan import KINDS, SETTINGS
from batchkit.local.wire.formats import Json

RECORDED: dict[str, list[int]] = json.loads(Path(__file__).with_name("recorded.json").read_text("utf-8"))
_NO_MACHINE = "a node is a folder of this machine, not a machine"
NOTES = {
    "create_pool": "Mounts, extensions and the settings of machines are kept and shown, and nothing is done with them.",
    "list_pool_usage_metrics": "The nodes that are there now, one core each; no history.",
    "list_subtasks": "Always empty: a multi-instance task runs as one process.",
    "create_node_user": f"Noted, checked and kept; no account is made, for {_NO_MACHINE}.",
    "replace_node_user": f"Noted; no account is changed, for {_NO_MACHINE}.",
    "delete_node_user": f"Noted; no account is removed, for {_NO_MACHINE}.",
    "get_node_remote_login_settings": f"An address where nothing listens, for {_NO_MACHINE}.",
    "upload_node_logs": "Sends one JSON file: the node's document.",
    "list_node_extensions": "Those of the pool's configuration, as if installed; nothing is installed.",
    "get_node_extension": "The same.",
    "reimage_node_internal": "Takes its time and empties the node's folder.",
    "list_supported_images": "A fixed list: images.json.",
}
_HEAD = """# What the local Azure Batch implements

Written by `python -m batchkit.local.coverage` from the table of operations of API 2025-06-01;
older versions are accepted. What is not implemented answers 501 and names itself. *Recorded* says how many
recorded pairs of request and answer of the real service agree, of those that there are (`make recorded`); a dash
where there is none. A difference that is right, since a recording is older or its names are masked, counts as
agreement: `tests/recorded/known.toml` says which those are, and why.

"""
_MODELS = """
## What decides where sources disagree

The newest version's models decide which properties there are and of what type. Recordings decide defaults, refusals,
codes, messages, headers and the order of events. Where a client compares values (enumerations), what the newest
client understands is sent; `--as-recorded` sends them as recorded. Older versions are answered in their own words.

## What is not modelled

- Machines: a node is a folder, a command a process of this machine (or a container, where an engine has its image).
  Nothing is mounted, no extension installed, no user made; sizes are quotas; networks are checked, not cut.
- Multi-instance tasks run as one process, without subtasks; MPI settings are kept.
- Windows: such a pool comes up, and its commands run on this machine.
- Prices and history: usage metrics know the nodes of now.
- Certificates, lifetime statistics and Cloud Services, which have left the API.
- More than one account's data plane: each account of Resource Manager shows, and all mean the one Batch here.
- Times: a pool's and a node's take what recordings took, divided by `--speed`; they do not vary by image or region.

"""
_MANAGEMENT = """
## Resource Manager's calls of Batch

Paths are below a resource group's `providers/Microsoft.Batch`, those that begin with `/subscription` below the
subscription's. What templates need of other providers is in docs/local-azure.md.

"""
_FAULTS = """
## Faults on demand

`batchkit local --faults FILE` takes a TOML file of `[[fault]]` tables; at run time the same as JSON goes
by PUT (replace), POST (add) or DELETE to `/_local/faults` on the Batch address, with a Batch token.
The first `after` matching events pass, the next `times` are met (1; -1 is for ever), or all within
`lasts` real seconds.

```toml
[[fault]]
kind = "throttle"
operation = "create_task*"   # names as in the table above; Resource Manager's begin with arm_
times = 3
retry_after = 2
```

"""
_TASKS = """
## What tasks find

Each node has a Python of its own, in its folder: `python` finds the worker and every package of the
environment that the local Azure runs in; what `pip` installs, upgrades or removes changes that node alone, for
its later tasks too, as on a real node. With `--user` it lands in the task's own folder. The programs of the
environment itself are not on a task's PATH. A failed task's `failureInfo.details` name the blob, container and
prefix, or file; `DiskFull` is also what a real full disk of this machine gives.
"""


def coverage() -> str:
    """Return the page."""
    done = sum(name in HANDLERS for name in OPERATIONS)
    rows = [
        f"| {name} | {_request(entry)} | {_answer(name)} | {_held(name)} | {NOTES.get(name, '')} |"
        for name, entry in OPERATIONS.items()
    ]
    head = ["| Operation | Request | Implemented | Recorded | What differs |", "| --- | --- | --- | --- | --- |"]
    table = "\n".join([*head, *rows])
    count = f"{done} of {len(OPERATIONS)} operations; {_all_held()}."
    return f"{_HEAD}{count}\n\n{table}\n{_management()}{_MODELS}{_faults()}{_TASKS}"


def _management() -> str:
    """Return the section on Resource Manager's calls of Batch."""
    asked = [f"{method} {_short(path)}" for method, path, _ in own_calls()]
    rows = [f"| {call} | {_held(f'ARM {_masked(call)}')} |" for call in dict.fromkeys(asked)]
    return "\n".join([f"{_MANAGEMENT}| Call | Recorded |", "| --- | --- |", *rows, ""])


def _short(path: str) -> str:
    group = re.sub(r"^/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Batch", "", path)
    return re.sub(r"^/subscriptions/{subscription}/providers/Microsoft.Batch", "/subscription", group)


def _masked(call: str) -> str:
    """Return a call as `make recorded` names it: whatever is named by its user is a star."""
    return re.sub(r"{\w+(:path)?}", "*", call)


def _held(name: str) -> str:
    agree, of = RECORDED.get(name, (0, 0))
    return f"{agree} of {of}" if of else "-"


def _all_held() -> str:
    agree, of = (sum(counts) for counts in zip(*RECORDED.values(), strict=True))
    return f"{agree} of {of} recorded pairs agree, Resource Manager's and those of older versions among them"


def _faults() -> str:
    """Return the section on what the service can be told to do wrong."""
    kinds = "\n".join(f"| {kind} | {text} |" for kind, text in KINDS.items())
    settings = ", ".join(f"`{name}`" for name in SETTINGS)
    return f"{_FAULTS}| kind | What happens |\n| --- | --- |\n{kinds}\n\nSettings of a fault: {settings}.\n"


def _request(entry: Json) -> str:
    return f"{entry['method']} {entry['url']}"


def _answer(name: str) -> str:
    return "yes" if name in HANDLERS else "no (501)"


if __name__ == "__main__":
    print(coverage(), end="")
