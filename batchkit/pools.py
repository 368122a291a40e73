"""Pools: created through Resource Manager, because only it can give a pool its managed identity.

A pool's machine cannot be changed once it exists, so the pool's id ends in a short hash of all that is
immutable; another machine is another pool. Only the formula of a pool that exists is brought up to date.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pandas as pd
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError

from batchkit import health
from batchkit.autoscale import formulas
from batchkit.errors import ParameterError, ServiceError, explain
from batchkit.provision import machines
from batchkit.session import Session, word

_CHANGEABLE = ("max_nodes", "spot_nodes", "tasks_per_node")  # they are in the formula


@dataclass(frozen=True)
class PoolSpec:
    """What a pool is. All but the limits of its size is fixed for the pool's life."""

    vm_size: str
    image: str
    identity: str
    registry: str
    max_nodes: int = 10
    spot_nodes: int = 0  # so many of them, the last to come, are Spot: cheaper, and taken away at times
    tasks_per_node: int = 3
    slots_per_node: int = 1
    version: str = "latest"  # of the host image; pinned by the settings, since a bad `latest` has failed nodes
    publisher: str = "microsoft-dsvm"
    offer: str = "ubuntu-hpc"
    sku: str = "2404"
    node_agent: str = "batch.node.ubuntu 24.04"
    security: str = ""  # trustedLaunch where the host image can
    os_disk_gb: int = 0  # 0 takes the image's own; images fill it, since Docker's root is on it
    subnet: str = ""
    start_command: str = ""

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that change with anything that cannot be changed later."""
        fixed = {k: v for k, v in asdict(self).items() if k not in _CHANGEABLE}
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:8]


def spec(session: Session, **changes: Any) -> PoolSpec:
    """The pool that the settings describe; `changes` are fields of `PoolSpec`."""
    azure = session.settings.azure
    fields: dict[str, Any] = {
        "image": azure.acr.image,
        "identity": azure.batch.managed_identity_id,
        "registry": azure.acr.login_server,
    }
    own = {"vm_size", "publisher", "offer", "sku", "node_agent"} <= changes.keys()
    chosen: dict[str, Any] = {} if own else {k: v for k, v in machines.chosen(session).items() if k != "disk_gb"}
    fields["subnet"] = azure.batch.model_dump().get("subnet_id") or ""
    return PoolSpec(**(fields | chosen | changes))


def ensure(session: Session, spec: PoolSpec, keep_warm_minutes: float = 0, fixed: int | None = None) -> str:
    """Create the pool, or bring the formula of an existing one up to date (and nothing else), and return its id.

    The pool scales itself from zero to `spec.max_nodes`, one node for `spec.tasks_per_node` pending tasks,
    and back to zero when idle; `keep_warm_minutes` keeps one node until that long from now. With `fixed` it has so
    many nodes and scales by nothing.
    Raises ServiceError when Azure refuses.
    """
    azure = session.settings.azure
    pool_id = f"{azure.batch.pool_id}-{spec.fingerprint}"
    place = (azure.resource_group, azure.batch.account_name, pool_id)
    wanted = body(spec, _warm_until(keep_warm_minutes))
    if fixed is not None:
        wanted["properties"]["scaleSettings"] = {"fixedScale": {"targetDedicatedNodes": fixed}}
    if _exists(session, pool_id):
        scale = {"properties": {"scaleSettings": wanted["properties"]["scaleSettings"]}}
        with explain(f"change the formula of the pool {pool_id}"):
            session.arm.pool.update(*place, cast(Any, scale))
    else:
        with explain(f"create the pool {pool_id}"):
            session.arm.pool.create(*place, cast(Any, wanted))
    return pool_id


def _exists(session: Session, pool_id: str) -> bool:
    azure = session.settings.azure
    try:
        with explain(f"read the pool {pool_id}"):
            session.arm.pool.get(azure.resource_group, azure.batch.account_name, pool_id)
    except ServiceError as error:
        if isinstance(error.__cause__, ResourceNotFoundError):
            return False
        raise
    return True


def mend(session: Session, pool_id: str) -> str:
    """Enable the autoscaling of a pool again with the formula that it has, and say what was done.

    After quota or sample errors the service can stop looking at a formula until it is enabled again (production
    facts of pools). Raises ServiceError when the pool has no formula, or Azure refuses.
    """
    with explain(f"read the pool {pool_id}"):
        pool = session.batch.get_pool(pool_id)
    if not pool.auto_scale_formula:
        raise ServiceError(f"The pool {pool_id} scales by no formula: run notebook 01, or `batchkit pool create`.")
    options = models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula=pool.auto_scale_formula, auto_scale_evaluation_interval=pool.auto_scale_evaluation_interval
    )
    with explain(f"enable the autoscaling of {pool_id} again"):
        session.batch.disable_pool_auto_scale(pool_id)
        session.batch.enable_pool_auto_scale(pool_id, options)
    return f"The autoscaling of {pool_id} is enabled again; its formula is looked at now, and then every interval."


def body(spec: PoolSpec, keep_warm_until: datetime | None = None) -> dict[str, Any]:
    """The pool as Resource Manager takes it (api-version 2025-06-01, `Microsoft.Batch/batchAccounts/pools`)."""
    dedicated = spec.max_nodes - spec.spot_nodes
    try:
        formula = formulas.pending_tasks(spec.max_nodes, spec.tasks_per_node, keep_warm_until, dedicated)
    except ValueError as error:
        raise ParameterError(f"{error} Change the parameters of notebook 01.") from None
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {spec.identity: {}}},
        "properties": {
            "vmSize": spec.vm_size,
            "taskSlotsPerNode": spec.slots_per_node,
            "taskSchedulingPolicy": {"nodeFillType": "Spread"},
            "deploymentConfiguration": {"virtualMachineConfiguration": _machine(spec)},
            "scaleSettings": {"autoScale": {"formula": formula, "evaluationInterval": "PT5M"}},
            **_network(spec),
            **_start(spec),
        },
    }


def newest(session: Session) -> str:
    """The id of the workbench's newest pool.

    Raises ServiceError when there is none yet.
    """
    prefix = session.settings.azure.batch.pool_id
    with explain("list the pools"):
        found = list(session.batch.list_pools(filter=f"startswith(id,'{prefix}')", select=["id", "creationTime"]))
    if not found:
        raise ServiceError(f"There is no pool named {prefix}-... yet. Run notebook 01 first, which creates it.")
    return str(max(found, key=lambda pool: pool.creation_time).id)


def describe(session: Session, pool_id: str) -> pd.Series[Any]:
    """What the pool is and what it does now, a value a line."""
    with explain(f"read the pool {pool_id}"):
        pool = session.batch.get_pool(pool_id)
    run = pool.auto_scale_run
    return pd.Series(
        {
            "pool": pool.id,
            "state": word(pool.allocation_state),
            "machine": pool.vm_size,
            "host image": _host_image(pool),
            "nodes now": f"{pool.current_dedicated_nodes} dedicated, {pool.current_low_priority_nodes} spot",
            "task slots a node": pool.task_slots_per_node,
            "evaluated every": str(pool.auto_scale_evaluation_interval),
            "last evaluation": (_targets(run.results) or health.error_text(run.error)) if run else "not yet",
        },
        name="value",
    )


def formula(session: Session, pool_id: str) -> str:
    """The formula that the pool scales by now."""
    with explain(f"read the pool {pool_id}"):
        return str(session.batch.get_pool(pool_id).auto_scale_formula or "")


def _host_image(pool: Any) -> str:
    machine = pool.virtual_machine_configuration
    reference = machine.image_reference if machine else None
    return f"{reference.offer} {reference.sku}, version {reference.version}" if reference else "of its own"


def nodes(session: Session, pool_id: str) -> pd.DataFrame:
    """The pool's nodes now, one row each: node, state, since."""
    with explain(f"list the nodes of {pool_id}"):
        rows = [(n.id, word(n.state), n.state_transition_time) for n in session.batch.list_nodes(pool_id)]
    return pd.DataFrame(rows, columns=["node", "state", "since"])


def troubles(session: Session, pool_id: str) -> tuple[str, ...]:
    """What keeps the pool from growing or working, each as a sentence; nothing when all is well."""
    with explain(f"read the pool {pool_id}"):
        return health.examine(session, pool_id).troubles


def delete(session: Session, pool_id: str) -> None:
    """Delete the pool; its nodes go, its jobs stay. Deleting what is gone already is no error."""
    azure = session.settings.azure
    with explain(f"delete the pool {pool_id}"):
        session.arm.pool.begin_delete(azure.resource_group, azure.batch.account_name, pool_id)


def retire(session: Session, keep: str) -> list[str]:
    """Delete our pools of another description than `keep` that are idle: no nodes, none wanted, no active job.

    Returns the ids of what goes. Raises ServiceError when Azure refuses.
    """
    prefix = session.settings.azure.batch.pool_id
    with explain("look for pools of an older description"):
        found = [pool for pool in session.batch.list_pools() if pool.id.startswith(f"{prefix}-") and pool.id != keep]
        jobs = session.batch.list_jobs(filter="state eq 'active'") if found else []
        busy = {job.pool_info.pool_id for job in jobs if job.pool_info}
    there = [pool for pool in found if word(pool.state) == "active" and pool.id not in busy]
    idle = [str(pool.id) for pool in there if not health.size(pool)]
    for pool_id in idle:
        delete(session, pool_id)
    return idle


def _network(spec: PoolSpec) -> dict[str, Any]:
    """Nodes in a subnet of ours have no public address: Batch reaches them through its private endpoint."""
    if not spec.subnet:
        return {}
    return {"networkConfiguration": {"subnetId": spec.subnet,
                                     "publicIPAddressConfiguration": {"provision": "NoPublicIPAddresses"}}}  # fmt: skip


def _start(spec: PoolSpec) -> dict[str, Any]:
    task = {"commandLine": spec.start_command, "maxTaskRetryCount": 1, "waitForSuccess": True}
    return {"startTask": task} if spec.start_command else {}


def _machine(spec: PoolSpec) -> dict[str, Any]:
    identity = {"resourceId": spec.identity}
    disk = {"osDisk": {"diskSizeGB": spec.os_disk_gb}} if spec.os_disk_gb else {}
    uefi = {"secureBootEnabled": True, "vTpmEnabled": True}
    security = {"securityProfile": {"securityType": spec.security, "uefiSettings": uefi}} if spec.security else {}
    return {
        **disk,
        **security,
        "imageReference": {"publisher": spec.publisher, "offer": spec.offer, "sku": spec.sku, "version": spec.version},
        "nodeAgentSkuId": spec.node_agent,
        "containerConfiguration": {
            "type": "DockerCompatible",
            "containerImageNames": [spec.image],  # fetched while the node starts, so no task waits for it
            "containerRegistries": [{"registryServer": spec.registry, "identityReference": identity}],
        },
    }


def _warm_until(minutes: float) -> datetime | None:
    return datetime.now(UTC) + timedelta(minutes=minutes) if minutes else None


def _targets(results: str | None) -> str:
    """The variables that steer the pool, without the formula's own."""
    return ", ".join(part for part in (results or "").split(";") if part.startswith(("$Target", "$NodeDealloc")))
