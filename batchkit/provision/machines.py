"""What a node is: its size by quota, its operating system by the account's supported list, never from memory.

`provision apply` chooses once and writes the choice to the settings (`azure.batch.machine`), so that everybody gets
the same pool, with the host image's version pinned: a bad `latest` has failed nodes' start in the field. Removing
that entry has the next apply choose anew.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.rest import HttpRequest

from batchkit.errors import ServiceError, explain
from batchkit.provision import quota
from batchkit.session import Session

LEAST_SUPPORT = timedelta(days=183)  # what a pool is made of shall be supported for half a year more
LATEST = "latest"
_PREFERRED = ("microsoft-dsvm", "ubuntu-hpc")  # comes with Docker, and is what Batch's own guide takes
_COMPUTE_API = "2024-07-01"


def chosen(session: Session) -> dict[str, str]:
    """What the settings keep, unless it is of a size that they want no more; else a choice made now."""
    return session.settings.azure.batch.machine if is_wanted(session) else choose(session)


def is_wanted(session: Session) -> bool:
    """Whether the settings keep a choice, of a size that they still want."""
    batch = session.settings.azure.batch
    return batch.machine.get("vm_size") in batch.vm_sizes


def choose(session: Session) -> dict[str, str]:
    """The first wanted size that quota and region allow, and the newest verified image with containers for it.

    Returns fields of `pools.PoolSpec`: vm_size, publisher, offer, sku, node_agent, version, security, disk_gb.
    Raises ServiceError when the account's list has no image that will do. Rules: Batch's guide to images and quotas.
    """
    size = quota.size(session)
    best = max((entry for entry in supported(session) if fits(entry, size.arm)), key=_rank, default=None)
    if best is None:
        raise ServiceError("The account supports no verified image with containers for six months more: see its list.")
    reference = best.image_reference
    found = {"publisher": reference.publisher, "offer": reference.offer, "sku": reference.sku}
    version = _version(session, found)
    return {"vm_size": size.name, **found, "node_agent": best.node_agent_sku_id, "version": version,
            "security": _security(session, found, version), "disk_gb": str(size.disk_gb or "")}  # fmt: skip


def fits(entry: Any, arm: bool = False) -> bool:
    """Whether an entry of the supported list will do, for nodes with Arm processors or without.

    An entry without an end of support is one whose end is not determined yet.
    """
    able = "DockerCompatible" in (entry.capabilities or []) and entry.verification_type == "verified"
    end = entry.batch_support_end_of_life
    lasts = end is None or end > datetime.now(UTC) + LEAST_SUPPORT
    return bool(able and entry.os_type == "linux" and lasts and arm == _is_arm(entry.image_reference))


def supported(session: Session) -> list[Any]:
    """Every image that the account supports, with its node agent, capabilities and end of support."""
    with explain("list the supported images"):
        return list(session.batch.list_supported_images())


def _is_arm(reference: Any) -> bool:
    return bool(re.search(r"arm64|aarch64", f"{reference.offer} {reference.sku}", re.IGNORECASE))


def _rank(entry: Any) -> tuple[bool, list[int], datetime]:
    """Put the preferred offer first, then the newer system, then the one that is supported for longer."""
    reference = entry.image_reference
    number = [int(part) for part in re.findall(r"\d+", entry.node_agent_sku_id)]
    end = entry.batch_support_end_of_life or datetime.max.replace(tzinfo=UTC)
    return (reference.publisher, reference.offer) == _PREFERRED, number, end


def _version(session: Session, image: dict[str, str]) -> str:
    """The newest version of a marketplace image; `latest` where whoever asks may not see the list."""
    names = [str(entry["name"]) for entry in _compute(session, image) or []]
    return max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)], default=LATEST)


def _security(session: Session, image: dict[str, str], version: str) -> str:
    """Trusted Launch, as Batch's guide to security advises, for an image that says it can; else nothing."""
    found = _compute(session, image, f"/{version}") if version != LATEST else None
    features = ((found or {}).get("properties") or {}).get("features") or []
    able = any(f["name"] == "SecurityType" and str(f["value"]).startswith("TrustedLaunch") for f in features)
    return "trustedLaunch" if able else ""


def _compute(session: Session, image: dict[str, str], below: str = "") -> Any:
    """What the compute service says of an image's versions, or of one; None for one who may not see it."""
    azure = session.settings.azure
    path = (
        f"/subscriptions/{azure.subscription_id}/providers/Microsoft.Compute/locations/{azure.location}"
        f"/publishers/{image['publisher']}/artifacttypes/vmimage/offers/{image['offer']}/skus/{image['sku']}/versions"
    )
    request = HttpRequest("GET", f"{session.settings.arm_url}{path}{below}", params={"api-version": _COMPUTE_API})
    with explain("read the versions of the nodes' image"):
        answer = session.arm.send_request(request)
        if answer.status_code in (403, 404):
            return None
        answer.raise_for_status()
    return answer.json()
