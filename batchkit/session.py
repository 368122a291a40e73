"""The one place that knows where Azure is: it makes the clients, with an identity and never a key.

In both profiles these are Azure's own unmodified clients with `DefaultAzureCredential`; a profile changes
their addresses and the certificate authority that they trust, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from batchkit import settings as _settings
from batchkit.settings import Settings

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.batch import BatchManagementClient
    from azure.storage.blob import BlobServiceClient, ContainerClient


def word(value: object) -> str:
    """The service's own word for a state or result, which the clients wrap in an enumeration; "" for None."""
    return "" if value is None else str(getattr(value, "value", value))


@dataclass(frozen=True)
class Session:
    """The settings and the clients made from them, each when it is first used."""

    settings: Settings

    @cached_property
    def credential(self) -> DefaultAzureCredential:
        """Whoever runs this: a person signed in, a managed identity, or the local Azure's identity."""
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    @cached_property
    def batch(self) -> BatchClient:
        """The Batch data plane: jobs, tasks, nodes."""
        from azure.batch import BatchClient

        return BatchClient(self.settings.azure.batch.account_url, self.credential, **self.trust)

    @cached_property
    def arm(self) -> BatchManagementClient:
        """Resource Manager's side of Batch: only it can give a pool an identity."""
        from azure.mgmt.batch import BatchManagementClient

        azure = self.settings.azure
        return BatchManagementClient(
            self.credential,
            azure.subscription_id,
            self.settings.arm_url,
            credential_scopes=["https://management.azure.com/.default"],
            **self.trust,
        )

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """The storage account."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self.settings.storage_url, self.credential, **self.trust)

    @property
    def inputs(self) -> ContainerClient:
        """The container that input files are read from."""
        return self.blobs.get_container_client(self.settings.azure.storage.input_container)

    @property
    def outputs(self) -> ContainerClient:
        """The container that plans, reports and summaries are written to."""
        return self.blobs.get_container_client(self.settings.azure.storage.output_container)

    @property
    def logs(self) -> ContainerClient:
        """The container that every task's stdout and stderr are written to."""
        return self.blobs.get_container_client(self.settings.azure.storage.logs_container)

    @property
    def trust(self) -> dict[str, Any]:
        """What makes a client trust the local Azure's certificates; nothing on Azure."""
        return {"connection_verify": self.settings.ca_file} if self.settings.ca_file else {}


def connect() -> Session:
    """Read the settings and return a session; no request is sent yet.

    Raises SettingsError when a setting is missing or wrong.
    """
    return Session(_settings.load())
