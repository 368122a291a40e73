"""Azure's own host names, which some programs have written into them: under `--azure-names` they lead here.

Any Batch account of the region `local` is the one account: https://ACCOUNT.local.batch.azure.com.
"""

from __future__ import annotations

import re

MANAGEMENT = "management.azure.com"
BATCH = "*.local.batch.azure.com"
BLOB = "batchkitlocal.blob.core.windows.net"  # of the storage account
EVERYTHING = (MANAGEMENT, BATCH, BLOB)  # what the certificate holds for
_BATCH = re.compile(r"[a-z0-9-]+\.local\.batch\.azure\.com")
_AZURE = (".azure.com", ".azure.net", ".azurecr.io", ".microsoftonline.com", ".windows.net", ".windows-int.net")


def is_management(host: str) -> bool:
    """Return whether a host, with or without the port of https, is Resource Manager's."""
    return _bare(host) == MANAGEMENT


def is_batch(host: str) -> bool:
    """Return whether a host, with or without the port of https, is a Batch account's."""
    return _BATCH.fullmatch(_bare(host)) is not None


def is_blob(host: str) -> bool:
    """Return whether a host, with or without the port of https, is the storage account's."""
    return _bare(host) == BLOB


def is_azure(host: str) -> bool:
    """Return whether a host is Azure's at all, login included."""
    return f".{_bare(host)}".endswith(_AZURE)


def _bare(host: str) -> str:
    return host.lower().removesuffix(":443").rstrip(".")
