"""The plan of a job: which task takes which files. It is a blob, so that submitting again changes nothing.

Every name in a job follows from the plan: the tasks' ids are whole numbers, each input's report and each
task's partial have one place, and the merge is told what it must find. The plan that was stored first is the only
one: of what a caller gave, anything that differs from it is an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from batchkit import datasets, storage
from batchkit.datasets import Input, Manifest, differs
from batchkit.errors import ParameterError, PlanError
from batchkit.inputs import LeftOut, report_name, unsafe
from batchkit.jobs.places import Places
from batchkit.session import Session

SCHEMA_VERSION = 2
GROUP_SIZE = 1000  # work tasks whose partials one merge task takes
LIST_LIMIT = 32_768  # characters that a task's list of files may serialize to (reported by the service's users)
BYTES_PER_TASK = 256 * 2**20
FILES_PER_TASK = 1000
_BLOB_LIMIT = 1024  # characters of a blob's name


@dataclass(frozen=True)
class Task:
    """One work task: a whole number as its id, the group whose merge takes its partial, its inputs."""

    id: str
    group: str
    inputs: list[Input]


@dataclass(frozen=True)
class Given:
    """What a caller said explicitly, None for what was left to the plan: the data's digest, rules and the like."""

    data: str | None = None
    rules: str | None = None
    files_per_task: int | None = None
    mapping: str | None = None


@dataclass(frozen=True)
class Plan:
    """All that a job will do.

    `data` is the data's name, `digest` what it held; `worker` is the image that the tasks run; `excluded` names every
    input and other file that no task takes, with the reason; `mapping` is a file's text, or the name of one that the
    worker brings. `given` and `notes` are of this caller and not stored.
    """

    job_id: str
    created_at: str
    worker: str
    rules: str
    data: str
    digest: str
    container: str
    files_per_task: int
    tasks: list[Task]
    excluded: list[LeftOut] = field(default_factory=list)
    mapping: str = ""
    schema_version: int = SCHEMA_VERSION
    given: Given = field(default=Given(), compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def groups(self) -> list[str]:
        """The groups' names in order; more than one makes a tree of merges."""
        return list(dict.fromkeys(task.group for task in self.tasks))

    @property
    def task_count(self) -> int:
        """How many tasks the job has: the work, a merge for each of several groups, and the last merge."""
        return len(self.tasks) + (len(self.groups) if len(self.groups) > 1 else 0) + 1

    @property
    def inputs(self) -> list[Input]:
        """Every input of every task."""
        return [one for task in self.tasks for one in task.inputs]

    @cached_property
    def size(self) -> int:
        """The bytes of all inputs."""
        return sum(one.bytes for one in self.inputs)

    @property
    def left_out(self) -> list[LeftOut]:
        """The files beside the data that are no inputs."""
        return [one for one in self.excluded if one.state == "left_out"]

    @property
    def refused(self) -> list[LeftOut]:
        """The inputs that no task takes; files that are no inputs are not among them."""
        return [one for one in self.excluded if one.state != "left_out"]

    def to_json(self) -> bytes:
        """The plan as its blob holds it."""
        stored = {name: value for name, value in asdict(self).items() if name not in ("given", "notes")}
        return json.dumps(stored, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Plan:
        """Read a plan back from its blob.

        Raises PlanError when it is damaged, or written by another version.
        """
        try:
            document = json.loads(data)
            if document["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"its schema_version is {document['schema_version']}, not {SCHEMA_VERSION}")
            listed = document["tasks"]
            document["tasks"] = [Task(t["id"], t["group"], [Input(**b) for b in t["inputs"]]) for t in listed]
            document["excluded"] = [LeftOut(**one) for one in document["excluded"]]
            return cls(**document)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PlanError(f"The stored plan cannot be read ({error}). Take a new job_id.") from None

    def agreeing(self, given: Given) -> Plan:
        """Return the stored plan for a caller who gave that.

        Raises PlanError, in one line that names the difference, when the plan is another than was asked for.
        """
        if given.data is not None and given.data != self.digest:
            raise PlanError(differs(self.job_id, "data", f"{self.data} ({len(self.inputs)} files)", "what you gave"))
        if given.rules is not None and given.rules != self.rules:
            raise PlanError(differs(self.job_id, "rules", "those of its plan", "the rules file that you gave"))
        if given.mapping is not None and given.mapping != self.mapping:
            raise PlanError(differs(self.job_id, "mapping", "that of its plan", "the mapping that you gave"))
        if given.files_per_task is not None and given.files_per_task != self.files_per_task:
            stored = str(self.files_per_task)
            raise PlanError(differs(self.job_id, "files_per_task", stored, str(given.files_per_task)))
        return replace(self, given=given)


def plan(
    session: Session,
    job_id: str,
    data: Manifest | None = None,
    *,
    rules: str | None = None,
    mapping: str | None = None,
    files_per_task: int | None = None,
    default_files_per_task: int = FILES_PER_TASK,
) -> Plan:
    """Plan a job over data, or read the plan that this job has already; nothing is stored yet.

    What is None was not given, and is taken from the stored plan or has a default: the worker's rules, no mapping, as
    many files a task as `default_files_per_task`. Raises PlanError when there is nothing to process, or when what was
    given differs from the stored plan.
    """
    given = Given(data.digest if data else None, rules, files_per_task, mapping)
    image = session.settings.azure.acr.image
    if (known := stored(session, job_id)) is not None:
        there = known.agreeing(given)
        return there if there.worker == image else replace(there, notes=(_other_worker(there, image),))
    if data is None:
        raise PlanError(f"Job {job_id} has no plan yet. Name the data that it shall process.")
    made = make(
        job_id,
        data,
        changes=datasets.now_there(session, data.container, data.inputs),
        rules=rules or "",
        files_per_task=files_per_task if files_per_task is not None else default_files_per_task,
        worker=image,
        entry_size=Places.of(session, data.container).entry_size,
    )
    return replace(made, mapping=mapping or "", given=given)


def stored(session: Session, job_id: str) -> Plan | None:
    """The plan that a job has; None when it has none. Raises PlanError when it cannot be read."""
    data = storage.read(session.outputs, f"{job_id}/plan.json")
    return None if data is None else Plan.from_json(data)


def rules_of(path: str) -> str | None:
    """The text of a rules file; None for "", which leaves the rules to the plan or the worker.

    Raises ParameterError when it cannot be read.
    """
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ParameterError(f"The rules file {path} cannot be read: {why}.") from None


def make(
    job_id: str,
    data: Manifest,
    *,
    worker: str,
    changes: dict[str, LeftOut] | None = None,
    rules: str = "",
    files_per_task: int = FILES_PER_TASK,
    bytes_per_task: int = BYTES_PER_TASK,
    entry_size: int = 400,
) -> Plan:
    """Divide the data's inputs into tasks of at most `files_per_task` files and about `bytes_per_task` bytes.

    A task's list of files may also not grow past the service's limit: `entry_size` is what one entry takes
    in it, in characters, beside the file's names. Inputs that cannot go the whole way, and those that `changes` names,
    are kept in `excluded`. Raises PlanError when nothing is left or a limit is out of range.
    """
    if files_per_task < 1 or bytes_per_task < 1:
        raise PlanError(f"A task takes at least one file and one byte, not {files_per_task} and {bytes_per_task}.")
    listed = sorted(data.inputs, key=lambda one: one.name)
    changed = changes or {}
    problems = _refusals(job_id, [one.name for one in listed if one.name not in changed]) | changed
    accepted = [one for one in listed if one.name not in problems]
    excluded = sorted([*data.left_out, *problems.values()], key=lambda one: one.name)
    if not accepted:
        raise PlanError(_nothing(data.name, excluded))
    packs = _pack(accepted, files_per_task, bytes_per_task, entry_size)
    tasks = [Task(str(n), f"{1 + (n - 1) // GROUP_SIZE:04}", pack) for n, pack in enumerate(packs, 1)]
    created_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    about = (data.name, data.digest, data.container, files_per_task)
    return Plan(job_id, created_at, worker, rules, *about, tasks, excluded)


def _refusals(job_id: str, names: list[str]) -> dict[str, LeftOut]:
    """The names that cannot go to a node and come back as a report, each with the reason."""
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    owners: dict[str, str] = {}
    for name in names:
        owners.setdefault(report_name(name), name)
    found = {name: _refusal(job_id, name, owners[report_name(name)], folders) for name in names}
    return {name: LeftOut(name, reason, "refused") for name, reason in found.items() if reason}


def _refusal(job_id: str, name: str, owner: str, folders: set[str]) -> str | None:
    report = report_name(name)
    if reason := unsafe(name):
        return reason
    if len(f"{job_id}/reports/{report}") > _BLOB_LIMIT:
        return f"is too long for its report, whose blob's name has {_BLOB_LIMIT} characters at the most"
    if owner != name:
        return f"would have the same report as {owner}"
    if name in folders or report in folders:
        return "is also a folder" if name in folders else "has a report that is also a folder"
    return None


def _nothing(name: str, excluded: list[LeftOut]) -> str:
    examples = "; ".join(f"{one.name} {one.reason}" for one in excluded[:3])
    more = f" {len(excluded)} files are left out: {examples}." if excluded else ""
    return f"There is nothing to process in {name}.{more} Upload data with notebook 02."


def _other_worker(plan: Plan, image: str) -> str:
    return f"Job {plan.job_id} was planned for the worker {plan.worker} and goes on with it; the newest is {image}."


def _pack(inputs: list[Input], most_files: int, most_bytes: int, entry_size: int) -> list[list[Input]]:
    packs: list[list[Input]] = []
    bytes_left = characters_left = 0
    for one in inputs:
        characters = entry_size + len(quote(one.blob)) + len(quote(one.name))  # its URL and its path, escaped
        if not packs or len(packs[-1]) == most_files or one.bytes > bytes_left or characters > characters_left:
            packs.append([])
            bytes_left, characters_left = most_bytes, LIST_LIMIT
        packs[-1].append(one)
        bytes_left -= one.bytes
        characters_left -= characters
    return packs
