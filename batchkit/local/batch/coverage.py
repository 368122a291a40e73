"""Writes COVERAGE.md: every operation of the API, whether it is implemented, and what differs from Azure.

`python -m batchkit.local.batch.coverage > batchkit/local/COVERAGE.md`; a test compares.
"""

from __future__ import annotations

from batchkit.local.batch import service  # noqa: F401 - registers every handler
from batchkit.local.batch.api.call import HANDLERS, OPERATIONS
from batchkit.local.batch.state.fault_plan import KINDS, SETTINGS
from batchkit.local.wire.formats import Json

_NO_MACHINE = "a node is a folder of this machine, not a machine"
NOTES = {
    "list_applications": "Always empty: application packages come with Resource Manager's calls, which are not here.",
    "get_application": "Always ApplicationNotFound, for the same reason.",
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

Written by `python -m batchkit.local.batch.coverage` from the table of operations of API 2025-06-01;
older versions are accepted. What is not implemented answers 501 and names itself.

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
        f"| {name} | {_request(entry)} | {_answer(name)} | {NOTES.get(name, '')} |"
        for name, entry in OPERATIONS.items()
    ]
    table = "\n".join(["| Operation | Request | Implemented | What differs |", "| --- | --- | --- | --- |", *rows])
    return f"{_HEAD}{done} of {len(OPERATIONS)} operations.\n\n{table}\n{_faults()}{_TASKS}"


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
