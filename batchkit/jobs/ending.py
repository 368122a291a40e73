"""Ending a job before its time."""

from __future__ import annotations

from batchkit.errors import explain
from batchkit.session import Session


def cancel(session: Session, job_id: str) -> None:
    """End the job now: running tasks are stopped, and what they wrote so far stays."""
    with explain(f"end the job {job_id}"):
        reason = {"terminateReason": "Cancelled"}  # the client's model for it is not among its public names
        session.batch.begin_terminate_job(job_id, reason)  # type: ignore[arg-type]
