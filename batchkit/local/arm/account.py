"""The Batch account as Resource Manager shows it: its endpoint, its quotas, its auto-storage."""

from __future__ import annotations

from urllib.parse import urlsplit

from batchkit.local.batch.engine.jobs import JOB_QUOTA
from batchkit.local.batch.engine.pools import POOL_QUOTA
from batchkit.local.resources.site import Site
from batchkit.local.wire.formats import Json, stamp

LOCATION = "local"
_FAMILIES = (
    "standardDv3Family",
    "standardDSv3Family",
    "standardDSv5Family",
    "standardFSv2Family",
    "standardDadsv5Family",
)


def account(site: Site, resource_id: str, name: str) -> Json:
    """Return the account's resource."""
    modes = ["AAD", "SharedKey"] if site.batch.config.shared_key is not None else ["AAD"]
    storage = site.batch.config.blob_url.rstrip("/").rpartition("/")[2]
    quota = site.resources.knobs
    prefix = resource_id.partition("/providers/")[0]
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.Batch/batchAccounts",
        "location": LOCATION,
        "tags": {},
        "identity": {"type": "None"},
        "properties": {
            "accountEndpoint": urlsplit(site.batch.config.batch_url).netloc,
            "nodeManagementEndpoint": urlsplit(site.batch.config.batch_url).netloc,
            "provisioningState": "Succeeded",
            "poolAllocationMode": "BatchService",
            "publicNetworkAccess": "Enabled",
            "autoStorage": {
                "storageAccountId": f"{prefix}/providers/Microsoft.Storage/storageAccounts/{storage}",
                "authenticationMode": "BatchAccountManagedIdentity",
                "lastKeySync": stamp(),
            },
            "encryption": {"keySource": "Microsoft.Batch"},
            "dedicatedCoreQuota": quota.core_quota,
            "lowPriorityCoreQuota": quota.low_priority_quota,
            "dedicatedCoreQuotaPerVMFamily": [{"name": f, "coreQuota": quota.core_quota} for f in _FAMILIES],
            "dedicatedCoreQuotaPerVMFamilyEnforced": True,
            "poolQuota": POOL_QUOTA,
            "activeJobAndJobScheduleQuota": JOB_QUOTA,
            "allowedAuthenticationModes": modes,
        },
    }
