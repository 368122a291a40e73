"""What the account's quotas let run: pools, dedicated cores by family, Spot cores; by each size that is wanted.

Any of them can be 0 in a new account. Rules and names: Batch's guide to quotas, production facts of Spot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import HttpResponseError

from batchkit.errors import ServiceError, explain
from batchkit.session import Session

NODES = 10
_ARM_SIZE = re.compile(r"_[a-z]+\d+[a-z]*p[a-z]*_v", re.IGNORECASE)  # a p in a size's features is an Arm processor


@dataclass(frozen=True)
class Size:
    """A machine size that Batch offers, and how many nodes of it the quotas let run.

    `nodes` and `spot` are at most NODES; `spot` is 0 too where the size cannot be Spot. `pools` is the account's own.
    """

    name: str
    family: str
    cores: int
    arm: bool
    nodes: int
    spot: int
    pools: int
    disk_gb: int = 0  # of the disk beside the system's, 0 for none or one that is not known

    def wants(self, location: str) -> Iterator[str]:
        """What to ask for so that all nodes can run, a sentence each; nothing when it is enough."""
        how = "portal, the Batch account, Quotas, Request quota increase (minutes to two working days)"
        if not self.pools:
            yield f"the account may have no pool: ask for a pool quota of 10 in {location}: {how}"
        if self.nodes < NODES:
            yield f"ask for {NODES * self.cores} dedicated cores of {self.family} in {location}: {how}"

    @property
    def spot_note(self) -> str:
        """What Spot nodes can be had, as a sentence."""
        return f"{self.spot} of {NODES} Spot nodes" + ("" if self.spot else ": keep spot_nodes at 0, or ask for more")


def sizes(session: Session, location: str = "", account: str = "", group: str = "") -> list[Size] | None:
    """The wanted sizes that Batch offers in a location, in their order; None while there is no account.

    Raises ServiceError when none is offered, or Azure refuses.
    """
    azure, arm = session.settings.azure, session.arm
    try:
        with explain("read the account's quota"):
            found: Any = arm.batch_account.get(
                group or azure.resource_group, account or azure.batch.account_name
            ).properties
            offered = _offered(session, location or azure.location)
    except ServiceError as error:
        if getattr(error.__cause__, "status_code", 0) == 404:
            return None
        raise
    if offered is None:
        return [_by_name(name, found) for name in azure.batch.vm_sizes]
    by_name: dict[str, Any] = {str(entry.name).lower(): entry for entry in offered}
    wanted = [by_name[name.lower()] for name in azure.batch.vm_sizes if name.lower() in by_name]
    if not wanted:
        names = ", ".join(azure.batch.vm_sizes)
        raise ServiceError(f"Batch does not offer {names} in {location or azure.location}: take another vm_size.")
    return [_size(entry, found) for entry in wanted]


def best(found: list[Size]) -> Size:
    """The first size with quota for a node; the first of all where none has."""
    return next((size for size in found if size.nodes and size.pools), found[0])


def size(session: Session) -> Size:
    """The size that a pool takes; the first wanted one where whoever asks may not read the quotas."""
    try:
        found = sizes(session)
    except ServiceError as error:
        if getattr(error.__cause__, "status_code", 0) != 403:
            raise
        found = None
    if found:
        return best(found)
    name = session.settings.azure.batch.vm_sizes[0]
    return Size(name, "", 0, bool(_ARM_SIZE.search(name)), NODES, NODES, 1)


def _offered(session: Session, location: str) -> list[Any] | None:
    """The sizes of a location; None for one who may not see them, as a deployer of the group alone."""
    try:
        return list(session.arm.location.list_supported_virtual_machine_skus(location))
    except HttpResponseError as error:
        if error.status_code == 403:
            return None
        raise


def _by_name(name: str, account: Any) -> Size:
    """What a size's name and the account say, where the list of sizes may not be seen; its family is not known."""
    cores = int((re.search(r"_[a-z]+(\d+)", name, re.IGNORECASE) or [0, 1])[1])
    nodes, spot = (
        min(NODES, (quota or 0) // cores) for quota in (account.dedicated_core_quota, account.low_priority_core_quota)
    )
    arm = bool(_ARM_SIZE.search(name))
    return Size(name, f"the family of {name}", cores, arm, nodes, spot, account.pool_quota or 0)


def _size(entry: Any, account: Any) -> Size:
    able = {str(capability.name): str(capability.value) for capability in entry.capabilities or []}
    cores = int(able["vCPUs"])
    dedicated = account.dedicated_core_quota or 0
    if account.dedicated_core_quota_per_vm_family_enforced:
        families = {str(q.name).lower(): q.core_quota or 0 for q in account.dedicated_core_quota_per_vm_family or []}
        dedicated = min(dedicated, families.get(str(entry.family_name).lower(), 0))
    spot = (account.low_priority_core_quota or 0) if able.get("LowPriorityCapable", "").lower() == "true" else 0
    return Size(
        name=str(entry.name),
        family=str(entry.family_name),
        cores=cores,
        arm=bool(_ARM_SIZE.search(str(entry.name))),
        nodes=min(NODES, dedicated // cores),
        spot=min(NODES, spot // cores),
        pools=account.pool_quota or 0,
        disk_gb=int(able.get("MaxResourceVolumeMB") or 0) // 1024,
    )
