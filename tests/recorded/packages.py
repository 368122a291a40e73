"""An application with one active package, made by Resource Manager's calls as a client would."""

from __future__ import annotations

import os

import requests

from recorded.service import Service

_ZIP = b"PK\x05\x06" + bytes(18)  # an empty archive
_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"


def install(service: Service, name: str, version: str) -> None:
    """Make the application and the package, upload an empty archive, activate it."""
    account = os.environ["BATCHKIT_BLOB_URL"].rpartition("/")[2]
    path = f"{_GROUP}/providers/Microsoft.Batch/batchAccounts/{account}/applications/{name}"
    service.send("arm", "PUT", path, body={})
    made = service.send("arm", "PUT", f"{path}/versions/{version}", body={}).json()
    headers = {"x-ms-blob-type": "BlockBlob"}
    url = made["properties"]["storageUrl"]
    requests.put(url, data=_ZIP, headers=headers, verify=os.environ["BATCHKIT_CA_FILE"], timeout=20).raise_for_status()
    service.send("arm", "POST", f"{path}/versions/{version}/activate", body={"format": "zip"}).raise_for_status()
