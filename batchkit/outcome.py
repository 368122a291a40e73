"""What became of a job: its inputs, tasks, problems and summary, as far as each of them can be known.

A part that cannot be read is a problem of its own, never an exception that would hide the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from batchkit import jobs, results
from batchkit.errors import BatchkitError, JobError
from batchkit.session import Session

STATES = ("processed", "rejected", "missing", "changed", "refused", "left_out")
INPUTS = ["name", "state", "reason"]
_TIMES = ("created", "started", "ended")
PROBLEMS = ["what", "why", "next"]

P = ParamSpec("P")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Outcome:
    """What is known of a job. `state` is "" where the service has no such job, `summary` empty where there is none.

    `inputs` has the columns of INPUTS, `problems` those of PROBLEMS, `tasks` those of `results.tasks`.
    """

    job_id: str
    state: str
    inputs: pd.DataFrame
    tasks: pd.DataFrame
    problems: pd.DataFrame
    summary: dict[str, Any]

    @property
    def in_words(self) -> str:
        """How many inputs are in each state: "3 processed, 1 rejected, 2 left out"."""
        found = self.inputs["state"].value_counts()
        said = [f"{found[state]:,} {state.replace('_', ' ')}" for state in STATES if state in found.index]
        return ", ".join(said) or "none known"

    @property
    def not_processed(self) -> pd.DataFrame:
        """The inputs that are not in the summary, with the reason: the columns of INPUTS."""
        return self.inputs[self.inputs["state"] != "processed"].reset_index(drop=True)

    @property
    def warnings(self) -> list[str]:
        """What the summary warns of."""
        return [str(text) for text in self.summary.get("warnings") or []]


def read(session: Session, job_id: str) -> Outcome:
    """Read all that is known of a job.

    Raises JobError when nothing is: neither the service nor the storage has anything of that name.
    """
    reader = _Reader()
    tasks = reader.get(pd.DataFrame(columns=results.TASK_COLUMNS), "its tasks", results.tasks, session, job_id)
    inputs = reader.get(pd.DataFrame(columns=INPUTS), "its inputs", results.inputs, session, job_id)
    problems = reader.get(pd.DataFrame(columns=PROBLEMS), "its problems", results.problems, session, job_id)
    summary = reader.get({}, "its summary", results.summary, session, job_id)
    unread = pd.DataFrame(reader.troubles, columns=PROBLEMS).drop_duplicates("why")
    state = reader.get("", "its state", jobs.state, session, job_id)
    if not (state or len(inputs) or summary):
        raise JobError(f"Nothing is known of a job {job_id}: {reader.troubles[0]['why']}")
    tasks = tasks.assign(**{name: pd.to_datetime(tasks[name], utc=True) for name in _TIMES})
    return Outcome(job_id, state, inputs, tasks, pd.concat([problems, unread], ignore_index=True), summary)


def of_job(session: Session, job_id: str) -> int:
    """The exit code of a job: 0 all inputs processed, 3 done but some were rejected or refused, 1 some are missing.

    Raises JobError when nothing is known of it.
    """
    found = read(session, job_id)
    states = set(found.inputs["state"])
    if not found.summary or states & {"missing", "changed"}:
        return 1
    return 3 if states & {"rejected", "refused"} else 0


class _Reader:
    """Reads parts, and keeps the troubles with those that cannot be read."""

    def __init__(self) -> None:
        self.troubles: list[dict[str, str]] = []

    def get(self, otherwise: Value, what: str, read: Callable[P, Value], *args: P.args, **named: P.kwargs) -> Value:
        try:
            return read(*args, **named)
        except BatchkitError as error:
            self.troubles.append({"what": f"Not known: {what}", "why": str(error), "next": ""})
            return otherwise
