"""Why a job is not done: what went wrong, and why tasks wait, each with what to do about it.

It looks at the job, its tasks, its pool and that pool's nodes, and at what tasks wrote; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from batchkit import health, reasons, storage
from batchkit.errors import JobError, or_none
from batchkit.errors import explain as explaining
from batchkit.health import error_text
from batchkit.jobs import planning
from batchkit.jobs.planning import Plan
from batchkit.session import Session, word

COLUMNS = ["about", "what", "why", "next"]
_LINES, _MOST = 3, 20
Row = tuple[str, str, str, str]


def explain(session: Session, job_id: str) -> pd.DataFrame:
    """A row for each thing that went wrong, and for each reason why tasks wait: the columns of COLUMNS.

    `about` is `wrong` or `waiting`. Raises JobError when nothing is known of the job, ServiceError when Azure refuses.
    """
    with explaining(f"look into the job {job_id}"):
        job = or_none(lambda: session.batch.get_job(job_id))
        plan = planning.stored(session, job_id)
        if job is None and plan is None:
            raise JobError(f"There is no job {job_id}. `batchkit job list` shows those that there are.")
        rows = list(_of_job(session, job_id, job, plan))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_job(session: Session, job_id: str, job: Any, plan: Plan | None) -> Iterator[Row]:
    if job is None:
        yield "wrong", "the job", "it is not in the account any more", f"batchkit job repair {job_id}"
        return
    if word(job.state) in ("completed", "terminating"):
        yield from _early_end(session, job_id, job)
    tasks = list(session.batch.list_tasks(job_id))
    for task in [task for task in tasks if _failed(task)][:_MOST]:
        yield from _of_task(session, job_id, task)
    yield from _lost(session, job_id, tasks, plan)
    waiting = [task for task in tasks if word(task.state) in ("active", "preparing")]
    if waiting and word(job.state) not in ("completed", "terminating"):
        yield from _waiting(session, job, waiting, plan)


def _early_end(session: Session, job_id: str, job: Any) -> Iterator[Row]:
    """A job that was ended before its last task, as one is whose nodes are all ill."""
    why = job.execution_info.termination_reason if job.execution_info else ""
    if why and not why.startswith("AllTasksComplete"):
        yield "wrong", "the job", f"it was ended early: {why}", f"batchkit job repair {job_id}"
        pool = or_none(lambda: session.batch.get_pool(job.execution_info.pool_id or job.pool_info.pool_id))
        if pool is not None:
            yield from (("wrong", *row[1:]) for row in _of_nodes(session, pool))


def _failed(task: Any) -> bool:
    run = task.execution_info
    return run is not None and word(run.result) == "failure"


def _of_task(session: Session, job_id: str, task: Any) -> Iterator[Row]:
    run = task.execution_info
    node = task.node_info.node_id[:14] if task.node_info and task.node_info.node_id else "no node"
    why = reasons.of_failure(run.failure_info, run.exit_code) or "no reason given"
    said = _last_words(session, job_id, str(task.id))
    code = run.failure_info.code if run.failure_info else ""
    yield (
        "wrong",
        f"task {task.id} on {node}",
        f"{why}{f'. It wrote: {said}' if said else ''}",
        reasons.next_step(code or "", run.exit_code),
    )


def _last_words(session: Session, job_id: str, task_id: str) -> str:
    """The end of a task's stderr: from the logs container, or its node while that is there."""
    data = storage.read(session.logs, f"{job_id}/{task_id}/stderr.txt")
    if data is None:
        try:
            data = b"".join(session.batch.download_task_file(job_id, task_id, "stderr.txt"))
        except HttpResponseError:
            data = b""
    return " / ".join(data.decode("utf-8", "replace").strip().splitlines()[-_LINES:])


def _lost(session: Session, job_id: str, tasks: list[Any], plan: Plan | None) -> Iterator[Row]:
    """Tasks that succeeded but whose partial is not there: an output pattern that matches nothing is no error."""
    if plan is None:
        return
    there = storage.listed(session.outputs, f"{job_id}/partials/")
    good = {str(t.id) for t in tasks if t.execution_info and word(t.execution_info.result) == "success"}
    lost = [t for t in plan.tasks if t.id in good and f"{job_id}/partials/{t.group}/{t.id}.partial" not in there]
    for task in lost[:_MOST]:
        why = "it succeeded, but what it left was not stored"
        yield "wrong", f"task {task.id}", why, f"batchkit job repair {job_id}"


def _waiting(session: Session, job: Any, waiting: list[Any], plan: Plan | None) -> Iterator[Row]:
    many = f"{len(waiting)} tasks"
    if word(job.state) in ("disabled", "disabling"):
        yield "waiting", many, "the job is disabled", "enable it: az batch job enable"
    if job.all_tasks_complete_mode == models.BatchAllTasksCompleteMode.NO_ACTION and plan is not None:
        there = sum(1 for _ in session.batch.list_tasks(job.id, select=["id"]))
        if there < plan.task_count:
            why = f"only {there} of the plan's {plan.task_count} tasks were added: whoever submitted it was stopped"
            yield "waiting", "the job", why, "submit again with the same job_id: the others are added"
    pool_id = (job.execution_info.pool_id if job.execution_info else "") or job.pool_info.pool_id or ""
    pool = or_none(lambda: session.batch.get_pool(pool_id))
    if pool is None:
        yield "waiting", many, f"the pool {pool_id} is gone", f"batchkit job cancel {job.id}, then job repair {job.id}"
        return
    yield from _of_pool(session, pool, waiting, many)


def _of_pool(session: Session, pool: Any, waiting: list[Any], many: str) -> Iterator[Row]:
    nodes = (pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0)
    slots = max((task.required_slots or 1 for task in waiting), default=1)
    if slots > (pool.task_slots_per_node or 1):
        why = f"a task needs {slots} slots, and a node has {pool.task_slots_per_node}"
        yield "waiting", many, why, "submit with tasks that need fewer slots, or make a pool with more slots a node"
    for error in pool.resize_errors or []:
        step = "ask for more quota, or take smaller nodes" if "quota" in str(error.code).lower() else "try another size"
        yield "waiting", f"pool {pool.id}", f"it could not grow: {error_text(error)}", step
    run = pool.auto_scale_run
    if run is not None and run.error is not None:
        step = f"mend the formula, then batchkit pool mend {pool.id}"
        yield "waiting", f"pool {pool.id}", f"its formula fails: {error_text(run.error)}", step
    if not pool.enable_auto_scale and not nodes:
        yield "waiting", many, "the pool has no nodes, and autoscaling is off", "batchkit pool create turns it on"
    yield from _of_nodes(session, pool)
    if pool.enable_auto_scale and not nodes and not (run and run.error) and not pool.resize_errors:
        yield (
            "waiting",
            many,
            f"the pool is at zero; {_next_look(session, pool)}",
            "wait; a warm node saves it",
        )
    elif nodes and _dependent(waiting):
        why = f"{_dependent(waiting)} of them wait for others to end"
        yield "waiting", many, why, "wait: the merge comes last"
    elif nodes:
        why = f"{nodes} nodes with {pool.task_slots_per_node} slots each are at work, or still start"
        yield "waiting", many, why, "wait"


def _next_look(session: Session, pool: Any) -> str:
    left = health.next_evaluation(session, pool)
    if left is None:
        return "its formula was not looked at yet"
    if left == timedelta(0):
        return f"its formula is overdue: if that stays, batchkit pool mend {pool.id}"
    return f"its formula is looked at in {left.total_seconds():.0f} s"


def _of_nodes(session: Session, pool: Any) -> Iterator[Row]:
    ill = list(session.batch.list_nodes(pool.id, filter="state eq 'unusable' or state eq 'starttaskfailed'"))
    for node in ill[:_MOST]:
        start = node.start_task_info
        if word(node.state) == "starttaskfailed" and start is not None:
            why = f"its start task failed: {reasons.of_failure(start.failure_info, start.exit_code)}"
            step = "mend the start command, and make a new pool"
        else:
            why = f"it is unusable: {error_text(node.errors[0]) if node.errors else 'no reason given'}; it costs money"
            step = "give its identity AcrPull if it could not get the image; remove it, or let the pool go to zero"
        yield "waiting", f"node {node.id[:14]}", why, step


def _dependent(waiting: list[Any]) -> int:
    return sum(1 for task in waiting if task.depends_on is not None)
