"""A node's addresses as its pool's network settings give them, and the settings that Batch refuses.

No machine listens at any of these addresses: a node here is a folder.
"""

from __future__ import annotations

import re

from batchkit.local.batch.engine.images import check_image
from batchkit.local.batch.state.model import Pool
from batchkit.local.batch.state.state import State
from batchkit.local.config import SUBSCRIPTION
from batchkit.local.wire.errors import bad_value
from batchkit.local.wire.formats import Json

FIRST_PORT = 50000
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)/", re.IGNORECASE)
_ELSEWHERE = (
    "The specified subnetId is in a different subscription and cannot be used with the current Batch account in "
    f"subscription {SUBSCRIPTION}"
)
_SSH, _RDP = ("SSHRule", 22), ("RDPRule", 3389)


def endpoints(doc: Json, index: int) -> Json:
    """Return a new node's endpointConfiguration: the pool's NAT pools, then the rule for logging in."""
    settings = (doc.get("networkConfiguration") or {}).get("endpointConfiguration") or {}
    own = settings.get("inboundNATPools") or []
    rules = [(entry["name"], entry["protocol"], entry["backendPort"], entry["frontendPortRangeStart"]) for entry in own]
    name, port = login_rule(doc)
    rules.append((name, "tcp", port, FIRST_PORT))
    return {
        "inboundEndpoints": [
            {
                "name": f"{rule}.{index}",
                "protocol": str(protocol).lower(),
                "publicIPAddress": address(index),
                "publicFQDN": "localhost",
                "frontendPort": frontend + index,
                "backendPort": backend,
            }
            for rule, protocol, backend, frontend in rules
        ]
    }


def login_rule(doc: Json) -> tuple[str, int]:
    """Return the name and the port of the rule for logging in: remote desktop on Windows, else ssh."""
    sku = str((doc.get("virtualMachineConfiguration") or {}).get("nodeAgentSKUId") or "")
    return _RDP if "windows" in sku.lower() else _SSH


def address(index: int) -> str:
    """Return a node's IPv4 address by its place in the pool."""
    return f"10.0.0.{4 + index % 250}"


def ipv6(doc: Json, index: int) -> Json:
    """Return a node's ipv6Address, when its pool asks for one."""
    public = (doc.get("networkConfiguration") or {}).get("publicIPAddressConfiguration") or {}
    wanted = any(str(family).lower() == "ipv6" for family in public.get("ipFamilies") or [])
    return {"ipv6Address": f"fd00::{4 + index % 250:x}"} if wanted else {}


def login(pool: Pool, node: Json) -> Json:
    """Return where a node's ssh or remote desktop would be."""
    _, port = login_rule(pool.doc)
    found = [e for e in node["endpointConfiguration"]["inboundEndpoints"] if e["backendPort"] == port]
    at = found[-1]["frontendPort"] if found else FIRST_PORT
    body = {"remoteLoginIPAddress": node["ipAddress"], "remoteLoginPort": at}
    if node.get("ipv6Address"):
        body |= {"ipv6RemoteLoginIPAddress": node["ipv6Address"], "ipv6RemoteLoginPort": at}
    return body


def check_references(state: State, doc: Json, version: str) -> None:
    """Check the subnet and the image that a pool of the data plane names, under an API version.

    Raises:
        BatchError: InvalidPropertyValue for a subnet that is not there, or what names no image that Batch takes.
    """
    check_image((doc.get("virtualMachineConfiguration") or {}).get("imageReference") or {}, version)
    subnet = (doc.get("networkConfiguration") or {}).get("subnetId")
    network = str(subnet).lower().partition("/subnets/")[0]
    if subnet is not None and not state.subscription.has(str(subnet)) and not state.subscription.has(network):
        foreign = _SUBSCRIPTION.match(str(subnet))
        raise bad_value(
            "subnetId", subnet, _ELSEWHERE if foreign and foreign[1] != SUBSCRIPTION else "There is no such subnet."
        )
