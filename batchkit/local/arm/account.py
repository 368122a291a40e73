"""A Batch account as Resource Manager shows it: what was set, what the service adds, in each API version's words.

What each version shows follows recordings of the service, 2015 to 2024.
"""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from batchkit.local.batch.engine.jobs import JOB_QUOTA
from batchkit.local.resources.catalogue import identity_ids
from batchkit.local.resources.site import Site
from batchkit.local.wire.formats import Json

LOCATION = "local"
MODES = ("SharedKey", "AAD", "TaskAuthenticationToken")
SETTABLE = (
    "autoStorage",
    "poolAllocationMode",
    "keyVaultReference",
    "publicNetworkAccess",
    "networkProfile",
    "encryption",
    "allowedAuthenticationModes",
)
_FAMILIES = (
    "standardDv3Family",
    "standardDSv3Family",
    "standardDSv5Family",
    "standardDDSv5Family",
    "standardDPLDSv5Family",
    "standardFSv2Family",
    "standardDadsv5Family",
)
# The first API version that shows a property.
_SINCE = {
    "nodeManagementEndpoint": "2022-06-01",
    "privateEndpointConnections": "2022-06-01",
    "networkProfile": "2022-06-01",
    "allowedAuthenticationModes": "2021-06-01",
    "encryption": "2020-05-01",
    "publicNetworkAccess": "2020-03-01",
    "dedicatedCoreQuotaPerVMFamily": "2019-08-01",
    "dedicatedCoreQuotaPerVMFamilyEnforced": "2019-08-01",
    "dedicatedCoreQuota": "2017-05-01",
    "lowPriorityCoreQuota": "2017-05-01",
    "poolAllocationMode": "2017-05-01",
}
_IDENTITY_SINCE, _STORAGE_MODE_SINCE, _ONE_QUOTA_UNTIL = "2020-05-01", "2021-06-01", "2017-05-01"


def shown(site: Site, doc: Json, version: str) -> Json:
    """Return an account's resource.

    Args:
        site: the local Azure.
        doc: what was set, and when: see accounts.py.
        version: the request's api-version.
    """
    everything = _properties(site, doc, version)
    properties = {key: value for key, value in everything.items() if _SINCE.get(key, "") <= version}
    if version < _ONE_QUOTA_UNTIL:
        properties["coreQuota"] = site.resources.knobs.core_quota
    if version < _SINCE["privateEndpointConnections"] and _closed(doc) and version >= "2020-03-01":
        properties["privateEndpointConnections"] = []
    if version < _STORAGE_MODE_SINCE and "autoStorage" in properties:
        kept = ("storageAccountId", "lastKeySync")
        properties["autoStorage"] = {key: properties["autoStorage"][key] for key in kept}
    body: Json = {key: doc[key] for key in ("id", "name", "type", "location")}
    body["properties"] = properties
    if doc.get("tags"):
        body["tags"] = doc["tags"]
    if version >= _IDENTITY_SINCE:
        body["identity"] = identity(doc, site.batch.config.tokens.tenant_id)
    return body


def _closed(doc: Json) -> bool:
    return bool(doc["properties"].get("publicNetworkAccess") == "Disabled")


def _properties(site: Site, doc: Json, version: str) -> Json:
    sent = doc["properties"]
    host = urlsplit(site.batch.config.batch_url).netloc
    own = sent.get("poolAllocationMode") == "UserSubscription"
    return {
        "accountEndpoint": host,
        "nodeManagementEndpoint": host,
        "provisioningState": sent.get("provisioningState", "Succeeded"),
        **({} if own and version >= _SINCE["dedicatedCoreQuotaPerVMFamily"] else _quota(site)),
        "dedicatedCoreQuotaPerVMFamilyEnforced": True,
        "poolQuota": site.resources.knobs.pool_quota,
        "activeJobAndJobScheduleQuota": JOB_QUOTA,
        "poolAllocationMode": "BatchService",
        "publicNetworkAccess": "Enabled",
        "privateEndpointConnections": site.resources.connections(doc["id"]),
        "encryption": {"keySource": "Microsoft.Batch"},
        "allowedAuthenticationModes": [mode for mode in MODES if not own or mode != "SharedKey"],
        **{key: sent[key] for key in SETTABLE if sent.get(key) is not None},
    }


def _quota(site: Site) -> Json:
    knobs = site.resources.knobs
    return {
        "dedicatedCoreQuota": knobs.core_quota,
        "dedicatedCoreQuotaPerVMFamily": [
            {"name": name, "coreQuota": min(knobs.core_quota, knobs.family_quota.get(name, knobs.core_quota))}
            for name in _FAMILIES
        ],
        "lowPriorityCoreQuota": knobs.low_priority_quota,
    }


def identity(doc: Json, tenant: str) -> Json:
    """Return an account's identity with the ids that the service adds."""
    sent = doc.get("identity") or {"type": "None"}
    if sent.get("type") == "SystemAssigned":
        return {"principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, doc["id"].lower())), "tenantId": tenant, **sent}
    if sent.get("type") == "UserAssigned":
        listed = {name: identity_ids(name) for name in sent.get("userAssignedIdentities") or {}}
        return {"type": "UserAssigned", "userAssignedIdentities": listed}
    return {"type": "None"}
