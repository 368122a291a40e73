"""Looking at pools: which there are, and what one does now, for people and for programs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from batchkit import health, pools
from batchkit.errors import explain
from batchkit.session import Session, word


def overview(session: Session) -> list[dict[str, Any]]:
    """One row for each of our pools, the newest first; of the others `older` says that one was made since."""
    with explain("list the pools"):
        found = [pool for pool in session.batch.list_pools() if pool.id.startswith(prefix(session))]
    newest_first = sorted(found, key=lambda pool: pool.creation_time, reverse=True)
    return [
        {
            "id": pool.id,
            "state": word(pool.state),
            "allocation_state": word(pool.allocation_state),
            "vm_size": pool.vm_size,
            "current_dedicated_nodes": pool.current_dedicated_nodes,
            "current_low_priority_nodes": pool.current_low_priority_nodes,
            "creation_time": pool.creation_time,
            "older": number > 0,
        }
        for number, pool in enumerate(newest_first)
    ]


def prefix(session: Session) -> str:
    """What the ids of our pools begin with."""
    return f"{session.settings.azure.batch.pool_id}-"


def snapshot(session: Session, pool_id: str) -> dict[str, Any]:
    """What a pool does now: its nodes by state, what waits for it, its formula's last evaluation and the next one."""
    with explain(f"read the pool {pool_id}"):
        pool = session.batch.get_pool(pool_id)
        states = Counter(word(node.state) for node in session.batch.list_nodes(pool_id, select=["id", "state"]))
        pending = _pending(session, pool_id)
    run, left = pool.auto_scale_run, health.next_evaluation(session, pool)
    variables = dict(part.split("=", 1) for part in (run.results or "").split(";") if "=" in part) if run else {}
    return {
        "id": pool.id,
        "state": word(pool.state),
        "allocation_state": word(pool.allocation_state),
        "vm_size": pool.vm_size,
        "target_dedicated_nodes": pool.target_dedicated_nodes,
        "target_low_priority_nodes": pool.target_low_priority_nodes,
        "nodes": dict(sorted(states.items())),
        "pending_tasks": pending,
        "enable_auto_scale": pool.enable_auto_scale,
        "auto_scale_run": {"timestamp": run.timestamp.isoformat(), **variables} if run else None,
        "auto_scale_error": health.error_text(run.error) if run else "",
        "next_evaluation_seconds": round(left.total_seconds(), 1) if left is not None else None,
        "troubles": " ".join(pools.troubles(session, pool_id)),
    }


def _pending(session: Session, pool_id: str) -> int:
    """How many tasks wait or run on a pool, of all active jobs."""
    jobs = session.batch.list_jobs(filter="state eq 'active'", select=["id", "poolInfo", "executionInfo"])
    mine = [job for job in jobs if job.pool_info and job.pool_info.pool_id == pool_id]
    counts = [session.batch.get_job_task_counts(job.id).task_counts for job in mine]
    return sum(count.active + count.running for count in counts)


def line(seen: dict[str, Any]) -> str:
    """One look at a pool as a line."""
    nodes = ", ".join(f"{count} {state}" for state, count in seen["nodes"].items()) or "no nodes"
    run = seen["auto_scale_run"] or {}
    shown = ", ".join(f"{name}={value}" for name, value in run.items() if name.startswith("$"))
    due = seen["next_evaluation_seconds"]
    parts = [seen["allocation_state"], nodes, f"{seen['pending_tasks']} tasks pending"]
    parts += [shown] if shown else []
    parts += [f"formula looked at again in {due:.0f} s"] if due is not None else []
    parts += [seen["auto_scale_error"]] if seen["auto_scale_error"] else []
    return "; ".join(parts + ([seen["troubles"]] if seen["troubles"] else []))
