"""Watch a job until it ends: a progress bar for people, and the history of the pool for a chart.

Watching changes nothing: interrupt it, and the job goes on; watch again from anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from tqdm import tqdm

from batchkit import pools
from batchkit.errors import JobError, explain
from batchkit.session import Session

COLUMNS = ["time", "nodes", "waiting", "running", "completed", "failed"]


@dataclass(frozen=True)
class Look:
    """One look at a job and its pool."""

    time: datetime
    nodes: int
    waiting: int
    running: int
    completed: int
    failed: int
    ended: bool
    next_evaluation: timedelta | None

    @property
    def total(self) -> int:
        """How many tasks the job has now."""
        return self.waiting + self.running + self.completed

    def __str__(self) -> str:
        """A few words for the end of a progress bar."""
        words = [f"{self.running} running", f"{self.nodes} nodes"]
        words += [f"{self.failed} failed"] if self.failed else []
        if self.next_evaluation is not None and not self.ended:
            words.append(f"pool looks again in {self.next_evaluation.total_seconds():.0f} s")
        return ", ".join(words)


def look(session: Session, job_id: str, pool_id: str) -> Look:
    """Look once. Raises ServiceError when Azure cannot be asked."""
    with explain(f"look at the job {job_id}"):
        ended = session.batch.get_job(job_id, select=["id", "state"]).state == "completed"
        counts = session.batch.get_job_task_counts(job_id).task_counts
        pool = session.batch.get_pool(pool_id, select=["id", "currentDedicatedNodes", "currentLowPriorityNodes"])
    return Look(
        time=datetime.now(UTC),
        nodes=(pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0),
        waiting=counts.active,
        running=counts.running,
        completed=counts.completed,
        failed=counts.failed,
        ended=ended,
        next_evaluation=pools.next_evaluation(session, pool_id),
    )


def watch(session: Session, job_id: str, *, every: float = 5.0, timeout_minutes: float = 24 * 60) -> pd.DataFrame:
    """Show progress until the job has ended; returns a row for each look: time (UTC) and the columns of COLUMNS.

    `every` is in seconds of the service's clock, and never less than half a real one. Raises JobError when the
    job has not ended within `timeout_minutes`, with what is wrong with the pool if anything is.
    """
    pool_id = _pool_of(session, job_id)
    seen: list[Look] = []
    with tqdm(desc=f"Job {job_id}", unit=" tasks", dynamic_ncols=True) as bar:
        for now in _looks(session, job_id, pool_id, max(0.5, every / session.settings.speed), timeout_minutes):
            seen.append(now)
            bar.total, bar.n = now.total, now.completed
            bar.set_postfix_str(str(now), refresh=True)
    return pd.DataFrame([[getattr(row, name) for name in COLUMNS] for row in seen], columns=COLUMNS)


def _looks(session: Session, job_id: str, pool_id: str, every: float, timeout_minutes: float) -> Iterator[Look]:
    deadline = time.monotonic() + timeout_minutes * 60
    told: set[str] = set()
    while True:
        now = look(session, job_id, pool_id)
        yield now
        if now.ended:
            return
        troubles = [text for text in pools.troubles(session, pool_id) if text not in told]
        for text in troubles:
            tqdm.write(text)
        told.update(troubles)
        if time.monotonic() > deadline:
            raise JobError(_still_running(job_id, now, timeout_minutes, sorted(told)))
        time.sleep(every)


def _pool_of(session: Session, job_id: str) -> str:
    with explain(f"read the job {job_id}"):
        return str(session.batch.get_job(job_id, select=["id", "poolInfo"]).pool_info.pool_id)


def _still_running(job_id: str, now: Look, minutes: float, troubles: list[str]) -> str:
    why = f" {' '.join(troubles)}" if troubles else ""
    return f"Job {job_id} has not ended after {minutes:g} minutes: {now}.{why} It goes on; watch it again."
