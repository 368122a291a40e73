"""Doors: from where a Batch or storage account is reached, by its public access, its firewall, its private endpoints.

Whoever uses the local Azure stands at one place: `outside`, which is an address of the internet (ADDRESS, or the one
that was given), or `inside`, in the private network, from where a resource with a private endpoint is reached by
that, and any other as from outside. https://learn.microsoft.com/azure/batch/public-network-access
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any

from batchkit.local.resources.documents import Documents

Json = dict[str, Any]
INSIDE, OUTSIDE = "inside", "outside"
ADDRESS = "203.0.113.7"  # of TEST-NET-3, which is nobody's
STORAGE = "Microsoft.Storage/storageAccounts"
_ENDPOINTS = "Microsoft.Network/privateEndpoints"


def check_place(text: str) -> str:
    """Return where somebody stands: inside, outside, or an address of the internet.

    Raises:
        ValueError: it is none of them.
    """
    return text if text in (INSIDE, OUTSIDE) else str(ipaddress.ip_address(text))


def connections(resources: Documents, resource_id: str) -> list[Json]:
    """Return a resource's private endpoint connections, as the resource shows them."""
    found = []
    for endpoint in resources.of_kind(_ENDPOINTS):
        for state, link in _links(endpoint):
            if str(link.get("privateLinkServiceId", "")).lower() == resource_id.lower():
                found.append(_connection(resource_id, endpoint, link, state))
    return found


def _links(endpoint: Json) -> list[tuple[str, Json]]:
    properties, found = endpoint["properties"], []
    for name, state in (
        ("privateLinkServiceConnections", "Approved"),
        ("manualPrivateLinkServiceConnections", "Pending"),
    ):
        found += [(state, entry.get("properties") or {}) for entry in properties.get(name) or []]
    return found


def _connection(resource_id: str, endpoint: Json, link: Json, state: str) -> Json:
    name = f"{endpoint['name']}.{uuid.uuid5(uuid.NAMESPACE_URL, endpoint['id'].lower())}"
    kind = "/".join(resource_id.partition("/providers/")[2].split("/")[:2])
    return {
        "id": f"{resource_id}/privateEndpointConnections/{name}",
        "name": name,
        "type": f"{kind}/privateEndpointConnections",
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": endpoint["id"]},
            "groupIds": link.get("groupIds") or [],
            "privateLinkServiceConnectionState": {"status": state, "actionsRequired": "None"},
        },
    }


def closed(resources: Documents, doc: Json, place: str) -> str:
    """Return why an account does not answer somebody at a place: "access", "firewall", or nothing when it does."""
    if place == INSIDE and _reached_privately(resources, doc["id"]):
        return ""
    properties = doc["properties"]
    if properties.get("publicNetworkAccess") in ("Disabled", "SecuredByPerimeter"):
        return "access"
    if doc["type"].lower() == STORAGE.lower():
        rules = properties.get("networkAcls") or {}
    else:
        rules = (properties.get("networkProfile") or {}).get("accountAccess") or {}
    return "" if _admitted(rules, place) else "firewall"


def _reached_privately(resources: Documents, resource_id: str) -> bool:
    groups = {"batchAccount", "blob"}
    return any(
        entry["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
        and groups & set(entry["properties"]["groupIds"])
        for entry in connections(resources, resource_id)
    )


def _admitted(rules: Json, place: str) -> bool:
    if str(rules.get("defaultAction", "Allow")).lower() != "deny":
        return True
    address = ipaddress.ip_address(ADDRESS if place in (INSIDE, OUTSIDE) else place)
    listed = [rule for rule in rules.get("ipRules") or [] if str(rule.get("action", "Allow")).lower() == "allow"]
    return any(_within(address, str(rule.get("value", ""))) for rule in listed)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, rule: str) -> bool:
    try:
        return address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False


def door(resources: Documents, kind: str, place: str) -> str:
    """Return why no account of a kind answers somebody at a place, nothing where one does or none was made."""
    found = [closed(resources, doc, place) for doc in resources.of_kind(kind)]
    return found[0] if found and all(found) else ""
