"""Who may do what: role assignments as documents, role definitions as a table, and the question `allows`.

A group that was never provisioned here is open to everyone. In one that was, an identity may do what its
assignments at that scope or above it say, once they have spread.
"""

from __future__ import annotations

import fnmatch
import json
import time
from importlib.resources import files
from typing import Any, Protocol

from batchkit.local.resources.catalogue import identity_ids

Json = dict[str, Any]
DEFINITIONS: dict[str, Json] = json.loads(files(__package__).joinpath("roles.json").read_text("utf-8"))
KIND = "microsoft.authorization/roleassignments"
# Whoever uses the local Azure may deploy and give roles, as a deployer may, but gets pools and jobs by role alone.
_CALLER_MAY_NOT = ("Microsoft.Batch/batchAccounts/pools/*", "Microsoft.ManagedIdentity/*/assign/action")
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
PULL = "Microsoft.ContainerRegistry/registries/pull/read"


def covers(patterns: list[str] | tuple[str, ...], action: str) -> bool:
    """Return whether one of the patterns, with `*` for anything, names the action."""
    return any(fnmatch.fnmatch(action.lower(), pattern.lower()) for pattern in patterns)


class Documents(Protocol):
    """The provisioned resources, as far as roles are concerned with them."""

    def governs(self, resource_id: str) -> bool:
        """Return whether roles count at a resource."""

    def of_kind(self, kind: str) -> list[Json]:
        """Return the resources of a type."""


class Roles:
    """Answers who may do what on the resources of one local Azure."""

    def __init__(self, resources: Documents) -> None:
        self._resources = resources

    def allows(self, principal: str, action: str, scope: str, data: bool = False) -> bool:
        """Return whether a principal may do an action (`data`: a data action) on a resource."""
        if not self._resources.governs(scope):
            return True
        kind = "dataActions" if data else "actions"
        given = [DEFINITIONS.get(role, {}) for role in self._given(principal, scope)]
        return any(covers(d.get(kind, []), action) and not covers(d.get("notActions", []), action) for d in given)

    def caller(self, principal: str, action: str, scope: str) -> bool:
        """Return whether the user of the local Azure may do a management action: most of them anyway."""
        return not covers(_CALLER_MAY_NOT, action) or self.allows(principal, action, scope)

    def identity(self, identity: str, action: str, kind: str, data: bool = False) -> bool:
        """Return whether a user-assigned identity may do an action on any provisioned resource of a kind."""
        if not self._resources.governs(identity):
            return True
        principal = identity_ids(identity)["principalId"]
        return any(self.allows(principal, action, doc["id"], data) for doc in self._resources.of_kind(kind))

    def blobs(self, identity: str, verb: str) -> bool:
        """Return whether an identity may `read` or `write` blobs."""
        return self.identity(identity, BLOBS + verb, "Microsoft.Storage/storageAccounts", data=True)

    def pull(self, identity: str) -> bool:
        """Return whether an identity may pull images."""
        return self.identity(identity, PULL, "Microsoft.ContainerRegistry/registries")

    def _given(self, principal: str, scope: str) -> list[str]:
        """Return the role ids that a principal holds at a scope or above it, once they have spread."""
        now, found = time.time(), list[str]()
        for doc in self._resources.of_kind(KIND):
            properties = doc["properties"]
            above = f"{scope.lower()}/".startswith(f"{properties['scope'].lower()}/")
            spread = now >= float(doc.get("effectiveAt", 0))
            if above and spread and str(properties["principalId"]).lower() == principal.lower():
                found.append(properties["roleDefinitionId"].rsplit("/", 1)[-1].lower())
        return found
