"""The plan of a job: which task takes which files. It is a blob, so that submitting again changes nothing.

Every name in a job follows from the plan: the tasks' ids are whole numbers, each input's report and each
task's partial have one place, and the merge is told what it must find.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from batchkit.errors import PlanError
from batchkit.storage import Blob, unsafe

SCHEMA_VERSION = 1
GROUP_SIZE = 1000  # work tasks whose partials one merge task takes
LIST_LIMIT = 32_768  # characters that a task's list of files may serialize to (reported by the service's users)
BYTES_PER_TASK = 256 * 2**20


@dataclass(frozen=True)
class Task:
    """One work task: a whole number as its id, the group whose merge takes its partial, its inputs."""

    id: str
    group: str
    inputs: list[Blob]


@dataclass(frozen=True)
class Plan:
    """All that a job will do. `refused` holds [name, reason] of every file that it leaves out."""

    job_id: str
    created_at: str
    worker_version: str
    rules: str
    tasks: list[Task]
    refused: list[list[str]] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION

    @property
    def groups(self) -> list[str]:
        """The groups' names in order; more than one makes a tree of merges."""
        return list(dict.fromkeys(task.group for task in self.tasks))

    @property
    def inputs(self) -> list[Blob]:
        """Every input of every task."""
        return [blob for task in self.tasks for blob in task.inputs]

    def to_json(self) -> bytes:
        """The plan as its blob holds it."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Plan:
        """Read a plan back from its blob.

        Raises PlanError when it was written by another version.
        """
        document = json.loads(data)
        if document.get("schema_version") != SCHEMA_VERSION:
            raise PlanError(f"The plan has schema_version {document.get('schema_version')}, not {SCHEMA_VERSION}.")
        tasks = [Task(t["id"], t["group"], [Blob(**b) for b in t["inputs"]]) for t in document["tasks"]]
        return cls(**(document | {"tasks": tasks}))


def make(
    job_id: str,
    inputs: Iterable[Blob],
    *,
    worker_version: str,
    rules: str = "",
    files_per_task: int = 1000,
    bytes_per_task: int = BYTES_PER_TASK,
    entry_size: int = 400,
) -> Plan:
    """Divide the inputs into tasks of at most `files_per_task` files and about `bytes_per_task` bytes.

    A task's list of files may also not grow past the service's limit: `entry_size` is what one entry takes
    in it, in characters, beside the file's name. Names that a node cannot hold are left out and kept in
    `refused`. Raises PlanError when nothing is left or a limit is out of range.
    """
    if files_per_task < 1 or bytes_per_task < 1:
        raise PlanError(f"A task takes at least one file and one byte, not {files_per_task} and {bytes_per_task}.")
    blobs = sorted(inputs, key=lambda blob: blob.name)
    reasons = _refusals(blobs)
    accepted = [blob for blob in blobs if blob.name not in reasons]
    refused = [[name, reason] for name, reason in reasons.items()]
    if not accepted:
        raise PlanError(f"There is nothing to process ({len(refused)} files refused). Upload data with notebook 02.")
    packs = _pack(accepted, files_per_task, bytes_per_task, entry_size)
    tasks = [Task(str(n), f"{1 + (n - 1) // GROUP_SIZE:04}", pack) for n, pack in enumerate(packs, 1)]
    created_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Plan(job_id, created_at, worker_version, rules, tasks, refused)


def _refusals(blobs: list[Blob]) -> dict[str, str]:
    folders = {str(parent) for blob in blobs for parent in PurePosixPath(blob.name).parents}
    reasons = {blob.name: unsafe(blob.name) for blob in blobs}
    reasons |= {name: "is also a folder" for name in reasons if name in folders}
    return {name: reason for name, reason in reasons.items() if reason}


def _pack(blobs: list[Blob], most_files: int, most_bytes: int, entry_size: int) -> list[list[Blob]]:
    packs: list[list[Blob]] = []
    bytes_left = characters_left = 0
    for blob in blobs:
        characters = entry_size + 2 * len(quote(blob.name))  # the name stands in the URL and in the path
        if not packs or len(packs[-1]) == most_files or blob.bytes > bytes_left or characters > characters_left:
            packs.append([])
            bytes_left, characters_left = most_bytes, LIST_LIMIT
        packs[-1].append(blob)
        bytes_left -= blob.bytes
        characters_left -= characters
    return packs
