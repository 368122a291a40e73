"""The environment that the local Azure hands out: what points clients at it, and what must not lead them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from batchkit.local.config import LocalConfig
from batchkit.local.identity import Identity

# Each of them would give azure-identity another identity than the local one.
HIDDEN = (
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_REGIONAL_AUTHORITY_NAME",
    "AZURE_TENANT_ID",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
)
_LOOPBACK = ("127.0.0.1", "localhost")
_EVERYTHING = "*"  # means every host only where it stands alone


def unproxied(environment: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY and no_proxy with this machine added to what the user has in either."""
    given = ",".join(environment.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    hosts = dict.fromkeys(host for part in given.split(",") if (host := part.strip()))
    value = _EVERYTHING if _EVERYTHING in hosts else ",".join(dict.fromkeys([*hosts, *_LOOPBACK]))
    return {"NO_PROXY": value, "no_proxy": value}


def handed_out(
    config: LocalConfig, identity: Identity, metadata: str, own: Mapping[str, str], more: Mapping[str, str]
) -> dict[str, str]:
    """Return what a client needs to reach this local Azure.

    Args:
        config: its addresses.
        identity: whose tokens the client gets.
        metadata: 127.0.0.1:PORT of the managed-identity endpoint.
        own: the user's environment.
        more: what else this run hands out.
    """
    environment = {
        "BATCHKIT_PROFILE": "local",
        "BATCHKIT_BATCH_URL": config.batch_url,
        "BATCHKIT_BLOB_URL": config.blob_url,
        "BATCHKIT_ARM_URL": config.arm_url,
        "BATCHKIT_CA_FILE": str(config.ca_file),
        "BATCHKIT_SPEED": f"{config.speed:g}",
        **unproxied(own),
        **more,
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{metadata}/{identity.secret}",
        "AZURE_CLIENT_ID": identity.client_id,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }
    return environment | _account_key(config)


def storage_account(config: LocalConfig) -> dict[str, str]:
    """Return the storage account by the names that az and Azure's samples read."""
    account = config.blob_url.rstrip("/").rpartition("/")[2]
    known = {
        "DefaultEndpointsProtocol": "https",
        "AccountName": account,
        "AccountKey": config.storage_key,
        "BlobEndpoint": config.blob_url,
    }
    return {
        "AZURE_STORAGE_ACCOUNT": account,
        "AZURE_STORAGE_KEY": config.storage_key,
        "AZURE_STORAGE_CONNECTION_STRING": ";".join(f"{name}={value}" for name, value in known.items()),
    }


def _account_key(config: LocalConfig) -> dict[str, str]:
    if config.shared_key is None:
        return {}
    return {
        "AZURE_BATCH_ACCOUNT": config.shared_key.account,
        "AZURE_BATCH_ACCESS_KEY": config.shared_key.key,
        "AZURE_BATCH_ENDPOINT": config.batch_url,
    }
