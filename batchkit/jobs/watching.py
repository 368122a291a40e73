"""Watch a job until it ends: a progress bar for people, and the history of the pool for a chart.

Watching may be interrupted, and begun again from anywhere; the job goes on. It waits out a service that throttles,
drops calls or restarts, and ends early, with the reason and the next step, when nothing can come of the job.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError
from tqdm import tqdm

from batchkit import health
from batchkit.errors import JobError, code_of, explain
from batchkit.health import Health
from batchkit.jobs import planning
from batchkit.jobs.ending import cancel
from batchkit.jobs.submission import let_end
from batchkit.patience import Patience
from batchkit.progress import QUIET, say
from batchkit.session import Session, word

COLUMNS = ["time", "nodes", "waiting", "running", "completed", "failed"]
GRACE = 60.0  # seconds by the service's clock that a hopeless state must last, since some pass by themselves


@dataclass(frozen=True)
class Look:
    """One look at a job and its pool."""

    time: datetime
    waiting: int
    running: int
    completed: int
    failed: int
    state: str
    told_to_end: bool
    pool: Health

    @property
    def nodes(self) -> int:
        """How many nodes the pool has now."""
        return self.pool.nodes

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.state == "completed"

    @property
    def total(self) -> int:
        """How many tasks the job has now."""
        return self.waiting + self.running + self.completed

    def __str__(self) -> str:
        """A few words for the end of a progress bar."""
        words = [f"{self.running} running", f"{self.nodes} nodes"]
        words += [f"{self.failed} failed"] if self.failed else []
        if self.pool.next_evaluation is not None and not self.ended:
            words.append(f"pool looks again in {self.pool.next_evaluation.total_seconds():.0f} s")
        return ", ".join(words)


def look(session: Session, job_id: str) -> Look:
    """Look once. Raises JobError when there is no such job, and what Azure's client raises."""
    try:
        job = session.batch.get_job(job_id)
        counts = session.batch.get_job_task_counts(job_id).task_counts
    except ResourceNotFoundError as error:
        if code_of(error) != "JobNotFound":
            raise
        raise JobError(
            f"There is no job {job_id}, or it was deleted. What it stored is kept: submit again with the same job_id."
        ) from None
    ended = word(job.state) == "completed"
    return Look(
        time=datetime.now(UTC),
        waiting=counts.active,
        running=counts.running,
        completed=counts.completed,
        failed=counts.failed,
        state=word(job.state),
        told_to_end=job.all_tasks_complete_mode != models.BatchAllTasksCompleteMode.NO_ACTION,
        pool=Health(0) if ended else health.examine(session, str(job.pool_info.pool_id)),
    )


def watch(session: Session, job_id: str, *, every: float = 5.0, timeout_minutes: float = 24 * 60) -> pd.DataFrame:
    """Show progress until the job has ended; returns a row for each look: time (UTC) and the columns of COLUMNS.

    `every` is in seconds of the service's clock, and never less than half a real one. A job whose tasks are all done
    but which was never told to end, because its client died, is told now. Raises JobError when nothing can come of
    the job, or when it has not ended within `timeout_minutes`, with what is wrong with the pool if anything is.
    """
    seen: list[Look] = []
    watcher = _Watcher(session, job_id, time.monotonic() + timeout_minutes * 60)
    with (
        tqdm(desc=f"Job {job_id}", unit=" tasks", dynamic_ncols=True, disable=QUIET[0]) as bar,
        explain(f"watch the job {job_id}"),
    ):
        for now in watcher.looks(max(0.5, every / session.settings.speed)):
            seen.append(now)
            bar.total, bar.n = now.total, now.completed
            bar.set_postfix_str(str(now), refresh=True)
            watcher.tell_troubles(now)
            watcher.give_up_if_hopeless(now)
            if time.monotonic() > watcher.deadline:
                raise JobError(watcher.still_running(now, timeout_minutes))
    return pd.DataFrame([[getattr(row, name) for name in COLUMNS] for row in seen], columns=COLUMNS)


@dataclass
class _Watcher:
    """What one watching remembers: what it said, and since when there is no hope and why."""

    session: Session
    job_id: str
    deadline: float
    told: list[str] = field(default_factory=list)
    hopeless: str = ""
    since: float = 0.0
    planned: int = -1

    def looks(self, every: float) -> Iterator[Look]:
        while True:
            now = self._patience().call("look at the job", lambda: look(self.session, self.job_id))
            yield now
            if now.ended:
                return
            if self._only_waits_for_leave(now):
                say(f"All tasks of {self.job_id} are done, and nobody told it to end: it is told now.")
                self._patience().call("let the job end", lambda: let_end(self.session, self.job_id))
            time.sleep(every)

    def tell_troubles(self, now: Look) -> None:
        for text in now.pool.troubles:
            if text not in self.told:
                say(text)
                self.told.append(text)

    def give_up_if_hopeless(self, now: Look) -> None:
        """Raise JobError once nothing has been able to come of the job for a while."""
        why = self._why_hopeless(now)
        if why != self.hopeless:
            self.hopeless, self.since = why, time.monotonic()
        elif why and time.monotonic() - self.since >= GRACE / self.session.settings.speed:
            raise JobError(f"Job {self.job_id} cannot go on: {why} {self._left(now)}")

    def _left(self, now: Look) -> str:
        """Stop the tasks of a pool that costs money for nothing, so that it may go to zero; say how the job is left."""
        if not now.pool.burning:
            return f"The job waits, with {now}."
        cancel(self.session, self.job_id)
        return (
            f"Its tasks were stopped, so that the pool can go to zero; afterwards: batchkit job repair {self.job_id}."
        )

    def still_running(self, now: Look, minutes: float) -> str:
        why = f" {' '.join(self.told)}" if self.told else ""
        return f"Job {self.job_id} has not ended after {minutes:g} minutes: {now}.{why} It goes on; watch it again."

    def _patience(self) -> Patience:
        return Patience(max(1.0, self.deadline - time.monotonic()))

    def _why_hopeless(self, now: Look) -> str:
        if now.ended or now.running:
            return ""
        if now.state in ("disabled", "disabling"):
            return "it is disabled, so that no task starts. Next: enable it again."
        if not now.told_to_end and not now.waiting and now.total < self._planned():
            return (
                f"only {now.total} of its {self._planned()} tasks were added, since its client ended. "
                "Next: run notebook 03 again with this job_id, which adds the others."
            )
        return now.pool.hopeless if now.waiting else ""

    def _only_waits_for_leave(self, now: Look) -> bool:
        idle = not (now.waiting or now.running or now.told_to_end)
        return idle and 0 < now.completed == self._planned()

    def _planned(self) -> int:
        """How many tasks the stored plan has, merges included; 0 for a job without one."""
        if self.planned < 0:
            plan = self._patience().call("read the plan", lambda: planning.stored(self.session, self.job_id))
            self.planned = plan.task_count if plan else 0
        return self.planned
