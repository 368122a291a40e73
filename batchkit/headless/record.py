"""run.json: what a run is asked to do, what became of it, and the exit code that follows from that.

It is written again at each step, the page with it, so that both say how far the run came whatever ends it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchkit.errors import BatchkitError
from batchkit.files import write_whole
from batchkit.headless import page

PACKAGES = ["batchkit", "batchkit-node", "azure-batch", "azure-identity", "azure-mgmt-batch", "azure-storage-blob",
            "pandas", "papermill"]  # fmt: skip
EXIT_CODES = {"succeeded": 0, "failed": 1, "wrong_argument": 2, "incomplete": 3, "interrupted": 130, "running": None}
_FREE = "free some space or mend the folder's permissions, and run this again"


@dataclass(frozen=True)
class Order:
    """What to run: the notebooks, for each file name its parameters, and where `runs` are kept.

    `data` is what the run is about, as a person gave it ("" for that of a job gone on with); `command` starts the
    same run again and `back` goes on with its job, where the service outlives the run; else `back` is "".
    """

    run_id: str
    notebooks: Sequence[Path]
    parameters: Mapping[str, dict[str, Any]]
    runs: Path
    data: str = ""
    command: str = "batchkit run"
    back: str = ""

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.runs / self.run_id


@dataclass(frozen=True)
class Trouble:
    """Something that failed. `wrong`: by what was asked, not by what happened. `traceback` is of our own faults."""

    what: str
    why: str
    next: str = ""
    wrong: bool = False
    traceback: str = ""

    def row(self) -> dict[str, str]:
        """As run.json holds it."""
        shown = {"what": self.what, "why": self.why, "next": self.next}
        return shown | ({"traceback": self.traceback} if self.traceback else {})


@dataclass
class Record:
    """run.json as it grows."""

    run_id: str
    job_id: str
    data: str
    command: str
    status: str = "running"
    exit_code: int | None = None
    started_at: str = ""
    ended_at: str | None = None
    versions: dict[str, str] = field(default_factory=lambda: {name: version(name) for name in PACKAGES})
    notebooks: list[dict[str, Any]] = field(default_factory=list)
    job_state: str = ""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    come_back: str = ""


def begun(order: Order) -> Record:
    """The record of a run that begins now."""
    return Record(order.run_id, order.run_id, order.data, order.command, started_at=now())


def judge(order: Order, record: Record, troubles: Sequence[Trouble]) -> None:
    """Settle status, exit code, errors and the way back from what is known."""
    if record.status != "interrupted":
        record.status = _status({entry["state"] for entry in record.inputs}, troubles)
    record.exit_code = EXIT_CODES[record.status]
    record.errors = [trouble.row() for trouble in troubles]
    record.come_back = "" if record.status in ("succeeded", "incomplete") else _come_back(order, record)


def _status(states: set[str], troubles: Sequence[Trouble]) -> str:
    if any(trouble.wrong for trouble in troubles):
        return "wrong_argument"
    if troubles or states & {"missing", "changed"}:
        return "failed"
    return "incomplete" if states & {"rejected", "refused"} else "succeeded"


def _come_back(order: Order, record: Record) -> str:
    if not order.back:
        return f"Its Azure was of this run alone and ends with it, the job too. Start again: {order.command}"
    if not record.job_state:
        return f"There is no job {record.job_id} that goes on. Start again: {order.command}"
    goes_on = "has ended; see what it left" if record.job_state == "completed" else "goes on; come back to it"
    return f"Job {record.job_id} {goes_on}, in the same Azure: {order.back}"


def unexpected(failure: Exception) -> Trouble:
    """An exception of the run itself, in words."""
    if isinstance(failure, OSError):
        why = f"{failure.filename or 'a file of the run'}: {failure.strerror or failure}"
        return Trouble("The run could not write what it made", why, _FREE)
    return Trouble(
        "The run itself failed, by a fault of batchkit",
        f"{type(failure).__name__}: {failure}",
        "run it again; if it fails again, report it with run.json, which holds the traceback",
        traceback="".join(traceback.format_exception(failure)),
    )


TECHNICAL = "technical.html"


def write(folder: Path, record: Record, made: Sequence[Path] = ()) -> None:
    """Write run.json and the page, with the executed notebooks that were made.

    Raises BatchkitError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "run.json", vars(record))
        if made:
            page.write_page(vars(record), made, folder / TECHNICAL)
        _write_results(vars(record), folder)
    except OSError as error:
        where = error.filename or folder
        raise BatchkitError(f"Could not write {where}: {error.strerror}. {_FREE.capitalize()}.") from error


def _write_results(record: Mapping[str, Any], folder: Path) -> None:
    """The page of results, and the list of all runs; a page that cannot be drawn is one of what happened alone."""
    from batchkit.page import index, writing  # matplotlib comes with it, which takes a second

    found = index.read(folder)
    try:
        writing.write(record, found.summary if found else {}, folder / "report.html",
                      writing.previous_of(record, folder.parent))  # fmt: skip
    except OSError:
        raise
    except Exception as failure:  # of data that nobody thought of: what happened is said all the same
        why = f"The results could not be drawn ({type(failure).__name__}: {failure}); summary.json has them."
        page.write_page({**record, "warnings": [*record["warnings"], why]}, [], folder / "report.html")
    index.write_index(folder.parent)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document, whole or not at all."""
    write_whole(path, json.dumps(document, indent=2, default=str) + "\n")


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
