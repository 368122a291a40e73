"""Whether work can come of a pool: what keeps it from growing or working, and when there is no hope left.

There is hope as long as a node works or may still come. Without one, waiting is of no use and a person must act:
all nodes are unusable or fail their start task, the formula fails, a quota is used up, or nothing asks for nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError

from batchkit.errors import code_of, values_of
from batchkit.session import Session, word

_ILL = "state eq 'unusable' or state eq 'starttaskfailed'"
_NEW_POOL = "make a pool that works with notebook 01, and submit there with a new job_id"


@dataclass(frozen=True)
class Health:
    """A pool at one moment.

    `nodes` counts all that it has, `troubles` are sentences, `hopeless` says why nothing can come of it and what to
    do ("" while there is hope), `burning` whether it costs money for nothing, all nodes being ill, `next_evaluation`
    is how long until the formula is looked at (None before the first time).
    """

    nodes: int
    troubles: tuple[str, ...] = ()
    hopeless: str = ""
    burning: bool = False
    next_evaluation: timedelta | None = None


def examine(session: Session, pool_id: str) -> Health:
    """Look at a pool and its nodes once. Raises what Azure's client raises."""
    try:
        pool = session.batch.get_pool(pool_id)
        ill = list(session.batch.list_nodes(pool_id, filter=_ILL))
    except ResourceNotFoundError as error:
        if code_of(error) != "PoolNotFound":
            raise
        return Health(0, hopeless=f"The pool {pool_id} is gone. Next: {_NEW_POOL}.")
    troubles = (*_troubles(pool, ill), *stuck(pool, datetime.now(UTC), session.settings.speed))
    hopeless = _hopeless(pool, ill, troubles)
    burning = bool(ill and hopeless)
    return Health(_nodes(pool), troubles, hopeless, burning, next_evaluation(session, pool))


def next_evaluation(session: Session, pool: models.BatchPool) -> timedelta | None:
    """How long until the service looks at the formula again; None before its first look."""
    if not (pool.auto_scale_run and pool.auto_scale_evaluation_interval):
        return None
    interval = pool.auto_scale_evaluation_interval / session.settings.speed
    return max(timedelta(0), pool.auto_scale_run.timestamp + interval - datetime.now(UTC))


def stuck(pool: models.BatchPool, now: datetime, speed: float = 1) -> Iterator[str]:
    """Say when the formula was not looked at for three intervals: after quota or sample errors it can stay so."""
    interval = pool.auto_scale_evaluation_interval
    seen = pool.auto_scale_run.timestamp if pool.auto_scale_run else pool.creation_time
    if not (pool.enable_auto_scale and interval and seen):
        return
    if now - seen > max(3 * interval / speed, timedelta(minutes=1)):
        minutes = (now - seen).total_seconds() / 60
        yield f"The formula was not looked at for {minutes:.0f} minutes. Next: batchkit pool mend {pool.id}."


def error_text(error: Any) -> str:
    """An error of the service in one line: code, message and values; "" for none."""
    if not error:
        return ""
    values = values_of(error)
    message = " ".join(str(error.message or "").split())
    return f"{error.code}: {message}{f' ({values})' if values else ''}"


def _troubles(pool: models.BatchPool, ill: list[models.BatchNode]) -> Iterator[str]:
    for error in pool.resize_errors or []:
        yield f"The pool could not grow: {error_text(error)}"
    if pool.auto_scale_run and pool.auto_scale_run.error:
        yield f"The formula failed: {error_text(pool.auto_scale_run.error)}"
    for state, said in (("unusable", "unusable"), ("starttaskfailed", "unusable since their start task failed")):
        nodes = [node for node in ill if word(node.state) == state]
        if nodes:
            names = ", ".join(node.id for node in nodes[:3])
            yield f"{len(nodes)} nodes are {said}: {names}{_why_ill(nodes[0])}"


def _why_ill(node: models.BatchNode) -> str:
    start = node.start_task_info
    if start is not None and word(start.result) == "failure":
        failure = error_text(start.failure_info) if start.failure_info else "no reason given"
        return f" ({failure}, exit code {start.exit_code})" if start.exit_code is not None else f" ({failure})"
    return f" ({error_text(node.errors[0])})" if node.errors else ""


def _hopeless(pool: models.BatchPool, ill: list[models.BatchNode], troubles: tuple[str, ...]) -> str:
    if word(pool.state) == "deleting":
        return f"The pool {pool.id} is being deleted. Next: {_NEW_POOL}."
    if _nodes(pool) > len(ill) or word(pool.allocation_state) != "steady":
        return ""  # a node works, or the pool is changing its size
    if ill:
        return f"{' '.join(t for t in troubles if 'nodes are' in t)}. They cost money and no work is done. " \
               f"Next: mend what is named here, then {_NEW_POOL}."  # fmt: skip
    run = pool.auto_scale_run
    if run and run.error and "InsufficientSampleData" not in error_text(run.error):
        return f"The formula failed: {error_text(run.error)}. No node comes. Next: mend it, in notebook 05 or 01."
    if short := [error for error in pool.resize_errors or [] if "quota" in str(error.code).lower()]:
        return f"The pool could not grow: {error_text(short[0])}. Next: ask for more quota, or take smaller nodes."
    if not pool.enable_auto_scale and not _target(pool):
        return (
            f"The pool {pool.id} has no nodes, and autoscaling is off. Next: turn it on with notebook 01, or resize it."
        )
    return ""


def size(pool: models.BatchPool) -> int:
    """How many nodes a pool has or is to have."""
    return max(_nodes(pool), _target(pool))


def _nodes(pool: models.BatchPool) -> int:
    return (pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0)


def _target(pool: models.BatchPool) -> int:
    return (pool.target_dedicated_nodes or 0) + (pool.target_low_priority_nodes or 0)
