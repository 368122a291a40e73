"""Which operating system a node gets: chosen from the account's supported list, never from memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from batchkit.errors import ServiceError, explain
from batchkit.session import Session

LEAST_SUPPORT = timedelta(days=183)  # what a pool is made of shall be supported for half a year more


def choose(session: Session) -> dict[str, str]:
    """The newest verified image with container support that Batch supports for six months more.

    Returns the fields of `pools.PoolSpec` that say so: publisher, offer, sku, node_agent. Raises ServiceError
    when the account's list has none. Rule: production facts of images; the list exists once the account does.
    """
    best = max(
        (entry for entry in supported(session) if fits(entry)), key=lambda e: e.batch_support_end_of_life, default=None
    )
    if best is None:
        raise ServiceError("The account supports no verified image with containers for six months more: see its list.")
    reference = best.image_reference
    found = {"publisher": reference.publisher, "offer": reference.offer, "sku": reference.sku}
    return found | {"node_agent": best.node_agent_sku_id}


def fits(entry: Any) -> bool:
    """Whether an entry of the supported list will do."""
    able = "DockerCompatible" in (entry.capabilities or []) and entry.verification_type == "verified"
    end = entry.batch_support_end_of_life
    return able and (entry.os_type == "linux") and end is not None and end > datetime.now(UTC) + LEAST_SUPPORT


def supported(session: Session) -> list[Any]:
    """Every image that the account supports, with its node agent, capabilities and end of support."""
    with explain("list the supported images"):
        return list(session.batch.list_supported_images())
