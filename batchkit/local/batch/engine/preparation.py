"""Job preparation before a job's first task on a node, job release when the job has ended."""

from __future__ import annotations

import asyncio

from batchkit.local.batch.engine.commands import order, settings, task_folder
from batchkit.local.batch.state.model import Job, Node, Pool
from batchkit.local.batch.state.orders import Result
from batchkit.local.batch.state.state import State
from batchkit.local.wire.errors import exit_failure
from batchkit.local.wire.formats import Json, stamp

PREPARATION, RELEASE = "jobPreparationTask", "jobReleaseTask"
_DEFAULT_IDS = {PREPARATION: "jobpreparation", RELEASE: "jobrelease"}
AGAIN = 5.0  # seconds, by the service's clock, before a preparation that failed is tried again
_RELEASE_TIME = "PT15M"


def task_id(job: Job, kind: str) -> str:
    """Return the id of a job's preparation or release task, which also names its folder on a node."""
    return str((job.doc.get(kind) or {}).get("id") or _DEFAULT_IDS[kind])


async def ready(state: State, pool: Pool, node: Node, job: Job) -> bool:
    """Run the job's preparation task on a node once; return whether its tasks may run there."""
    body = job.doc.get(PREPARATION)
    if not body:
        return True
    if job.id not in node.prepared or node.prepared[job.id].cancelled():
        node.prepared[job.id] = state.spawn(_prepare(state, pool, node, job, body), f"prepare {job.id}")
    return await asyncio.shield(node.prepared[job.id])


async def _prepare(state: State, pool: Pool, node: Node, job: Job, body: Json) -> bool:
    most = int((body.get("constraints") or {}).get("maxTaskRetryCount") or 0)
    tries = 0
    while not await _once(state, pool, node, job, PREPARATION, tries):
        tries += 1
        if most != -1 and tries > most:
            return not body.get("waitForSuccess", True)
        await state.wait(AGAIN)
    return True


async def release(state: State, job: Job) -> None:
    """Run the job's release task on every node where it was prepared."""
    pool = state.pools.get(job.pool_id.lower())
    if not job.doc.get(RELEASE) or pool is None:
        return
    nodes = [pool.nodes[name] for name in job.extra.get("nodes", {}) if name in pool.nodes]
    await asyncio.gather(*(_once(state, pool, node, job, RELEASE, 0) for node in nodes))


async def _once(state: State, pool: Pool, node: Node, job: Job, kind: str, tries: int) -> bool:
    body, name = job.doc[kind], task_id(job, kind)
    folder = task_folder(node, job.id, name)
    names = {"AZ_BATCH_JOB_ID": job.id, "AZ_BATCH_TASK_ID": name, **settings(body.get("environmentSettings"))}
    info: Json = {"startTime": stamp(), "state": "running", "taskRootDirectory": str(folder.relative_to(node.root))}
    info["taskRootDirectoryUrl"] = f"{node.doc['url']}/files/{info['taskRootDirectory']}"
    if kind == PREPARATION:
        info["retryCount"] = tries
    else:
        body = {**body, "constraints": {"maxWallClockTime": body.get("maxWallClockTime") or _RELEASE_TIME}}
    _note(state, job, node, kind, info)
    result = await state.machine.carry_out(order(state, pool, node, folder, body, names, f"{job.id}/{name}"))
    _note(state, job, node, kind, {**info, **_ended(result)})
    return result.good


def _ended(result: Result) -> Json:
    info: Json = {"state": "completed", "endTime": stamp(), "result": "success" if result.good else "failure"}
    if result.exit_code is not None:
        info["exitCode"] = result.exit_code
    if not result.good:
        info["failureInfo"] = result.failure or exit_failure(result.exit_code)
    return info


def _note(state: State, job: Job, node: Node, kind: str, info: Json) -> None:
    statuses = job.extra.setdefault("nodes", {})
    entry = statuses.setdefault(node.id, {"poolId": node.pool, "nodeId": node.id, "nodeUrl": node.doc["url"]})
    entry[f"{kind}ExecutionInfo"] = info
    state.save_job(job, changed=False)
