"""Job preparation before a job's first task on a node, job release when the job has ended."""

from __future__ import annotations

import asyncio

from batchkit.local.batch.execute import Order, Result, environment, execute, settings
from batchkit.local.batch.fleet import exit_failure
from batchkit.local.batch.formats import Json, stamp
from batchkit.local.batch.state import Job, Node, Pool, State

KINDS = {"jobPreparationTask": "jobpreparation", "jobReleaseTask": "jobrelease"}


async def ready(state: State, pool: Pool, node: Node, job: Job) -> bool:
    """Run the job's preparation task on a node once; return whether its tasks may run there."""
    body = job.doc.get("jobPreparationTask")
    if not body:
        return True
    if job.id not in node.prepared:
        node.prepared[job.id] = state.spawn(_prepare(state, pool, node, job, body), f"prepare {job.id}")
    return await asyncio.shield(node.prepared[job.id])


async def _prepare(state: State, pool: Pool, node: Node, job: Job, body: Json) -> bool:
    most = int((body.get("constraints") or {}).get("maxTaskRetryCount") or 0)
    tries = 0
    while not await _once(state, pool, node, job, "jobPreparationTask", tries):
        tries += 1
        if most != -1 and tries > most:
            return not body.get("waitForSuccess", True)
    return True


async def release(state: State, job: Job) -> None:
    """Run the job's release task on every node where its preparation or tasks ran."""
    if not job.doc.get("jobReleaseTask"):
        return
    pool = state.pools.get(job.pool_id.lower())
    nodes = [n for n in pool.nodes.values() if (n.root / "workitems" / job.id).exists()] if pool else []
    if pool is not None:
        await asyncio.gather(*(_once(state, pool, node, job, "jobReleaseTask", 0) for node in nodes))


async def _once(state: State, pool: Pool, node: Node, job: Job, kind: str, tries: int) -> bool:
    body, name = job.doc[kind], job.doc[kind].get("id") or KINDS[kind]
    folder = node.root / "workitems" / job.id / "job-1" / KINDS[kind]
    names = {"AZ_BATCH_JOB_ID": job.id, "AZ_BATCH_TASK_ID": name, **settings(body.get("environmentSettings"))}
    info: Json = {"startTime": stamp(), "state": "running", "taskRootDirectory": str(folder.relative_to(node.root))}
    info["taskRootDirectoryUrl"] = f"{node.doc['url']}/files/{info['taskRootDirectory']}"
    if kind == "jobPreparationTask":
        info["retryCount"] = tries
    _note(state, job, node, kind, info)
    if kind == "jobReleaseTask":
        body = {**body, "constraints": {"maxWallClockTime": body.get("maxWallClockTime") or "PT15M"}}
    order = Order(folder, body, environment(state, node, folder, names), label=f"{job.id}/{name}")
    result = await execute(state, pool, node, order)
    _note(state, job, node, kind, {**info, **_ended(result)})
    return result.exit_code == 0 and result.failure is None


def _ended(result: Result) -> Json:
    good = result.exit_code == 0 and result.failure is None
    info: Json = {"state": "completed", "endTime": stamp(), "result": "success" if good else "failure"}
    if result.exit_code is not None:
        info["exitCode"] = result.exit_code
    if not good:
        info["failureInfo"] = result.failure or exit_failure(result.exit_code)
    return info


def _note(state: State, job: Job, node: Node, kind: str, info: Json) -> None:
    statuses = job.extra.setdefault("nodes", {})
    entry = statuses.setdefault(node.id, {"poolId": node.pool, "nodeId": node.id, "nodeUrl": node.doc["url"]})
    entry[f"{kind}ExecutionInfo"] = info
    state.save_job(job, changed=False)
