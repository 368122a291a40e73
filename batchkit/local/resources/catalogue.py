"""What the local Resource Manager knows of each resource type: api-versions, name rules, and what a service adds.

A name's rule is the documents'; `complete` adds what the service itself would (endpoints, principal ids).
"""

from __future__ import annotations

import json
import re
import uuid
from importlib.resources import files
from typing import Any

from batchkit.local.resources.expressions import TemplateError

Json = dict[str, Any]
TYPES: dict[str, Json] = json.loads(files(__package__).joinpath("types.json").read_text("utf-8"))
_BY_NAME = {name.lower(): (name, entry) for name, entry in TYPES.items()}
_NAMESPACE = uuid.UUID("5b1b2c57-6e0f-4a0c-9c38-1f1f6d7f0b11")


def check(kind: str, api_version: str, name: str) -> None:
    """Check that the type is known in that api-version and that the name follows the type's rule.

    Raises:
        TemplateError: with Resource Manager's code for it.
    """
    known = _BY_NAME.get(kind.lower())
    if known is None:
        raise TemplateError(f"No registered resource provider found for type '{kind}'.", "NoRegisteredProviderFound")
    if api_version not in known[1]["versions"]:
        text = f"No registered resource provider found for type '{kind}' and API version '{api_version}'. "
        text += f"The supported api-versions are '{', '.join(known[1]['versions'])}'."
        raise TemplateError(text, "NoRegisteredProviderFound")
    last = name.rsplit("/", 1)[-1]
    if not re.fullmatch(known[1]["name"], last):
        code = known[1].get("code", "InvalidResourceName")
        raise TemplateError(f"{last} is not a valid name for {kind}: {known[1]['rule']}.", code)


def seconds(kind: str) -> float:
    """Return how long the service takes to make one, by its own clock."""
    return float(_BY_NAME[kind.lower()][1].get("seconds", 2))


def identity_ids(resource_id: str) -> dict[str, str]:
    """Return the principal and client id of a user-assigned identity: they follow from its resource id."""
    return {kind: str(uuid.uuid5(_NAMESPACE, f"{kind} {resource_id.lower()}")) for kind in ("principalId", "clientId")}


def complete(doc: Json, blob_url: str, batch_host: str) -> Json:
    """Return a resource's document with what its service adds to the body that was sent."""
    added: Json = {"provisioningState": "Succeeded"}
    kind, name = doc["type"].lower(), doc["name"]
    if kind == "microsoft.managedidentity/userassignedidentities":
        added = identity_ids(doc["id"]) | {"tenantId": str(uuid.uuid5(_NAMESPACE, "tenant"))}
    elif kind == "microsoft.storage/storageaccounts":
        added |= {"primaryEndpoints": {"blob": f"{blob_url.rstrip('/')}/"}, "statusOfPrimary": "available"}
    elif kind == "microsoft.containerregistry/registries":
        added |= {"loginServer": f"{name}.azurecr.io".lower()}
    elif kind == "microsoft.batch/batchaccounts":
        added |= {"accountEndpoint": batch_host, "nodeManagementEndpoint": batch_host}
    elif kind == "microsoft.authorization/roleassignments":
        added = {"scope": doc["id"].rsplit("/providers/Microsoft.Authorization/", 1)[0]}
    return {**doc, "properties": {**doc.get("properties", {}), **added}}
