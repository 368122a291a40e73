"""What a node is told to carry out: the order for a task, start task or special task, with its variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from batchkit.local.batch.engine import packages
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.batch.state.orders import Order
from batchkit.local.batch.state.state import State
from batchkit.local.wire.formats import Json

REFERENCES = "applicationPackageReferences"
ROOT = "AZ_BATCH_NODE_ROOT_DIR"  # every process of a task has it: what is left over is found by it


def order(
    state: State, pool: Pool, node: Node, folder: Path, body: Json, names: Mapping[str, str], label: str
) -> Order:
    """Return the order to carry out a body in a folder of a node.

    Args:
        state: the service.
        pool: whose identities and registries hold.
        node: where it runs.
        folder: the task's own.
        body: of the task, start task or special task.
        names: its variables beyond those that every task has.
        label: the task as a fault plan names it.
    """
    referred = [*(pool.doc.get(REFERENCES) or []), *(body.get(REFERENCES) or [])]
    needed = packages.for_node(state, node, referred)
    config = (pool.doc.get("virtualMachineConfiguration") or {}).get("containerConfiguration") or {}
    return Order(
        node=node.root,
        folder=folder,
        body=body,
        env={package.variable: str(package.folder) for package in needed} | environment(state, node, folder, names),
        label=label,
        pool=pool.id,
        identities=identities(pool),
        registries=list(config.get("containerRegistries") or []),
        packages=needed,
    )


def identities(pool: Pool) -> frozenset[str]:
    """Return the resource ids of a pool's identities, in lower case."""
    listed = (pool.doc.get("identity") or {}).get("userAssignedIdentities") or []
    return frozenset(str(identity["resourceId"]).lower() for identity in listed)


def environment(state: State, node: Node, folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the service gives every task, and nothing of the service's own."""
    return {
        **state.config.mark,
        "AZ_BATCH_ACCOUNT_NAME": state.config.blob_url.rstrip("/").rpartition("/")[2],
        "AZ_BATCH_ACCOUNT_URL": f"{state.url}/",
        "AZ_BATCH_POOL_ID": node.pool,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(node.dedicated).lower(),
        "AZ_BATCH_NODE_LIST": str(node.doc["ipAddress"]),
        ROOT: str(node.root),
        "AZ_BATCH_NODE_SHARED_DIR": str(node.root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(node.root / "startup"),
        "AZ_BATCH_TASK_DIR": str(folder),
        "AZ_BATCH_TASK_WORKING_DIR": str(folder / "wd"),
        **names,
    }


def settings(*lists: list[Json] | None) -> dict[str, str]:
    """Return environment settings as a mapping; later lists win."""
    return {str(e["name"]): str(e.get("value") or "") for entries in lists for e in entries or []}


def job_folder(node: Node, job: str) -> Path:
    """Return where a node keeps what a job's tasks leave."""
    return node.root / "workitems" / job


def task_folder(node: Node, job: str, task: str) -> Path:
    """Return the folder of a job's task on a node."""
    return job_folder(node, job) / "job-1" / task
