"""The Batch account as Resource Manager shows it: its endpoint, its quotas, its auto-storage."""

from __future__ import annotations

from urllib.parse import urlsplit

from batchkit.local.batch.formats import Json, stamp
from batchkit.local.batch.jobs import JOB_QUOTA
from batchkit.local.batch.pools import POOL_QUOTA
from batchkit.local.batch.state import State

LOCATION = "local"
_FAMILIES = (
    "standardDv3Family",
    "standardDSv3Family",
    "standardDSv5Family",
    "standardFSv2Family",
    "standardDadsv5Family",
)


def account(state: State, resource_id: str, name: str) -> Json:
    """Return the account's resource."""
    modes = ["AAD", "SharedKey"] if state.config.shared_key is not None else ["AAD"]
    storage = state.config.blob_url.rstrip("/").rpartition("/")[2]
    quota = state.resources.knobs
    prefix = resource_id.partition("/providers/")[0]
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.Batch/batchAccounts",
        "location": LOCATION,
        "tags": {},
        "identity": {"type": "None"},
        "properties": {
            "accountEndpoint": urlsplit(state.config.batch_url).netloc,
            "nodeManagementEndpoint": urlsplit(state.config.batch_url).netloc,
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
