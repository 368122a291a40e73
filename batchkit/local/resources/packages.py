"""Applications and their packages: zip files that nodes unpack before a task, kept in the blob service.

An application is a resource below a Batch account, a package one of its versions. All accounts mean the one local
Batch, so it knows the applications of all of them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from batchkit.local.config import NODE_AGENT, LocalConfig
from batchkit.local.resources.documents import Documents

Json = dict[str, Any]
KIND = "Microsoft.Batch/batchAccounts/applications"
VERSION = f"{KIND}/versions"
_LIFE = timedelta(hours=4)  # of a link to upload or download one
_SLUG, _HASH = 16, 40  # letters: of a container's name, which has 63 at most


def summaries(resources: Documents) -> list[Json]:
    """Return each application as the data plane shows it: its name and the versions that tasks can have."""
    return [
        {"id": doc["name"], **_display(doc), "versions": [version["name"] for version in active(resources, doc)]}
        for doc in resources.of_kind(KIND)
    ]


def _display(doc: Json) -> Json:
    return {"displayName": doc["properties"]["displayName"]} if doc["properties"].get("displayName") else {}


def active(resources: Documents, application: Json) -> list[Json]:
    """Return an application's packages that were activated."""
    return [doc for doc in below(resources, application) if doc["properties"]["state"] == "Active"]


def below(resources: Documents, application: Json) -> list[Json]:
    """Return an application's packages, activated or not."""
    start = f"{application['id']}/versions/".lower()
    return [doc for doc in resources.of_kind(VERSION) if doc["id"].lower().startswith(start)]


def package(resources: Documents, application: str, version: str | None) -> Json | None:
    """Return an active package, of the default version where none is named; None when there is none."""
    for doc in resources.of_kind(KIND):
        wanted = str(version or doc["properties"].get("defaultVersion") or "").lower()
        if doc["name"].lower() == application.lower():
            return next((each for each in active(resources, doc) if each["name"].lower() == wanted), None)
    return None


def link(config: LocalConfig, doc: Json, write: bool = False) -> tuple[str, datetime]:
    """Return a link with a signature of its own to where a package lies, and until when it opens."""
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas  # slow to import, and rarely needed

    container, blob = _place(doc)
    base, until = config.blob_url.rstrip("/"), datetime.now(UTC) + _LIFE
    signature = generate_blob_sas(
        base.rpartition("/")[2],
        container,
        blob,
        account_key=config.storage_key,
        permission=BlobSasPermissions(read=True, write=write),
        expiry=until,
    )
    return f"{base}/{container}/{blob}?{signature}", until


def prepare(config: LocalConfig, doc: Json) -> None:
    """Make the container that a package is uploaded to."""
    container = _container(config, doc)
    if not container.exists():
        container.create_container()


def is_uploaded(config: LocalConfig, doc: Json) -> bool:
    """Return whether somebody uploaded the package."""
    return bool(_container(config, doc).get_blob_client(_place(doc)[1]).exists())


def remove(config: LocalConfig, doc: Json) -> None:
    """Delete what was uploaded."""
    if is_uploaded(config, doc):
        _container(config, doc).delete_blob(_place(doc)[1])


def _container(config: LocalConfig, doc: Json) -> Any:
    from azure.storage.blob import ContainerClient  # slow to import, and rarely needed

    url = f"{config.blob_url.rstrip('/')}/{_place(doc)[0]}"
    opened: dict[str, Any] = {"connection_verify": str(config.ca_file), "user_agent": NODE_AGENT}
    return ContainerClient.from_container_url(url, credential=config.storage_key, **opened)


def _place(doc: Json) -> tuple[str, str]:
    """Return the container and the blob of a package: they follow from its resource id."""
    application, _, version = doc["id"].lower().partition("/versions/")
    name = application.rsplit("/", 1)[-1]
    slug = "".join(letter for letter in name if letter.isalnum() and letter.isascii())[:_SLUG]
    digest = hashlib.sha256(application.encode()).hexdigest()
    return f"app-{slug}-{digest[:_HASH]}".replace("--", "-"), f"{name}-{version}-{digest[:8]}"
