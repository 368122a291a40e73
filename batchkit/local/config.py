"""What every part of one running local Azure knows: its addresses, folders, clock and tokens.

Made once by the supervisor, before any service starts: the sockets are bound first, so every
address is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from batchkit.local import names
from batchkit.local.tokens import Tokens

NODE_AGENT = "batchkit-local-node"  # how blob requests of the local nodes, and of Batch itself, say who they are
CONTAINERS = ("batch-input", "batch-output", "batch-logs")

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"  # that of the account that is there before any is provisioned


@dataclass(frozen=True)
class SharedKey:
    """A Batch account's name and its base64 key, for clients that sign with `--allow-shared-key`."""

    account: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class LocalConfig:
    """One run of the local Azure.

    Attributes:
        speed: what the service's waits are divided by (the API's timestamps and task times stay real).
        state_dir: everything that is kept; a temporary folder, removed at the end, without --state.
        batch_url: https://127.0.0.1:PORT of the Batch data plane.
        blob_url: https://127.0.0.1:PORT/ACCOUNT of Azurite.
        arm_url: https://127.0.0.1:PORT of Resource Manager's calls.
        ca_file: the PEM file of the certificate authority that signed all three.
        tokens: issues and checks bearer tokens.
        shared_key: the account key that Batch takes besides tokens, None when it takes none.
        storage_key: the storage account's key; handed out only with --show-storage-key.
        keep: whether state_dir outlives this run (--state was given).
        mark: environment that every process started here carries, so that none outlives the run.
        azure_names: whether Azure's own host names lead here too.
        as_recorded: whether enumerations are always spelt as recorded, for the newest API version too.
        roles: what whoever uses it holds, each ROLE[@SCOPE]; none for one who may do everything.
        network: where they stand: outside, inside, or an address.
        faults: a TOML file that says what Batch is to do wrong, None for nothing.
    """

    speed: float
    state_dir: Path
    batch_url: str
    blob_url: str
    arm_url: str
    ca_file: Path
    tokens: Tokens
    shared_key: SharedKey | None = None
    storage_key: str = field(default="", repr=False)
    keep: bool = False
    mark: Mapping[str, str] = field(default_factory=dict)
    faults: Path | None = None
    as_recorded: bool = False
    roles: tuple[str, ...] = ()
    network: str = "outside"
    azure_names: bool = False

    def is_batch(self, host: str | None) -> bool:
        """Return whether Batch answers to this Host header; any other is refused (DNS rebinding)."""
        return host == urlsplit(self.batch_url).netloc or (self.azure_names and names.is_batch(host or ""))

    def in_place(self, url: str) -> str:
        """Return a blob's URL by the address that it has here, where Azure's own name of it was given."""
        host = f"https://{names.BLOB}/"
        return f"{self.blob_url.rstrip('/')}/{url[len(host) :]}" if self.azure_names and url.startswith(host) else url

    def is_management(self, host: str | None) -> bool:
        """Return whether Resource Manager answers to this Host header."""
        return host == urlsplit(self.arm_url).netloc or (self.azure_names and names.is_management(host or ""))
