"""Who may do what: role assignments as documents, role definitions as a table, and the question `allows`.

Whoever uses the local Azure may do everything, but for one thing: where a deployment gave roles, pools, jobs and
the nodes' identities are theirs by role alone, as for the person whom a template gives them. One who was given roles
(`--role`, or the knob `roles`) has what these and the assignments made since allow, and nothing else, anywhere.
"""

from __future__ import annotations

import fnmatch
import json
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from batchkit.local.resources.catalogue import identity_ids
from batchkit.local.resources.documents import Documents

Json = dict[str, Any]
DEFINITIONS: dict[str, Json] = json.loads(files(__package__).joinpath("roles.json").read_text("utf-8"))
KIND = "microsoft.authorization/roleassignments"
# What even one who may do everything gets by role alone, where a deployment gave roles.
_CALLER_MAY_NOT = ("Microsoft.Batch/batchAccounts/pools/*", "Microsoft.ManagedIdentity/*/assign/action")
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
PULL = "Microsoft.ContainerRegistry/registries/pull/read"


def covers(patterns: list[str] | tuple[str, ...], action: str) -> bool:
    """Return whether one of the patterns, with `*` for anything, names the action."""
    return any(fnmatch.fnmatch(action.lower(), pattern.lower()) for pattern in patterns)


@dataclass(frozen=True)
class Held:
    """A role that whoever uses the local Azure holds from the start, at a scope and below it."""

    role: str
    scope: str

    @classmethod
    def parse(cls, text: str) -> Held:
        """Read ROLE[@SCOPE]: a built-in role's name or id, and a scope, without which it is every subscription.

        Raises:
            ValueError: there is no such role here, or the scope is none.
        """
        name, _, scope = text.partition("@")
        found = [key for key, entry in DEFINITIONS.items() if name.lower() in (key, entry["roleName"].lower())]
        if not found:
            known = ", ".join(sorted(entry["roleName"] for entry in DEFINITIONS.values()))
            raise ValueError(f"there is no role {name!r} here; there are {known}")
        if scope and not scope.startswith("/subscriptions/"):
            raise ValueError(f"the scope {scope!r} does not begin with /subscriptions/")
        return cls(found[0], scope.rstrip("/"))

    def reaches(self, scope: str) -> bool:
        """Return whether the role counts at a scope."""
        return f"{scope.lower()}/".startswith(f"{self.scope.lower()}/")


class Roles:
    """Answers who may do what on the resources of one local Azure."""

    def __init__(self, resources: Documents) -> None:
        self._resources = resources
        self.held: list[Held] | None = None  # by whoever uses the local Azure; None for one who may do all

    @property
    def strict(self) -> bool:
        """Whether whoever uses the local Azure has what roles give, and nothing else."""
        return self.held is not None

    def allows(self, principal: str, action: str, scope: str, data: bool = False) -> bool:
        """Return whether a principal may do an action (`data`: a data action) on a resource."""
        mine = principal.lower() == self._resources.config.tokens.principal.lower()
        if not self._resources.governs(scope) and not (mine and self.strict):
            return True
        kind = "dataActions" if data else "actions"
        given = [DEFINITIONS.get(role, {}) for role in self._given(principal, scope)]
        return any(covers(d.get(kind, []), action) and not covers(d.get("notActions", []), action) for d in given)

    def caller(self, principal: str, action: str, scope: str) -> bool:
        """Return whether the user of the local Azure may do a management action: most of them anyway."""
        free = not self.strict and not covers(_CALLER_MAY_NOT, action)
        return free or self.allows(principal, action, scope)

    def identity(self, identity: str, action: str, kind: str, data: bool = False, part: str = "") -> bool:
        """Return whether a user-assigned identity may do an action on any provisioned resource of a kind, or a part."""
        if not self._resources.governs(identity):
            return True
        principal = identity_ids(identity)["principalId"]
        scopes = [f"{doc['id']}{part}" for doc in self._resources.of_kind(kind)]
        return any(self.allows(principal, action, scope, data) for scope in scopes)

    def scopes(self, principal: str) -> list[str]:
        """Return the scopes at which a principal holds any role."""
        held = [held.scope for held in self.held or []]
        given = [doc["properties"] for doc in self._resources.of_kind(KIND)]
        return held + [str(p["scope"]) for p in given if str(p["principalId"]).lower() == principal.lower()]

    def blobs(self, identity: str, verb: str, container: str) -> bool:
        """Return whether an identity may `read` or `write` a container's blobs."""
        part = f"/blobServices/default/containers/{container}"
        return self.identity(identity, BLOBS + verb, "Microsoft.Storage/storageAccounts", data=True, part=part)

    def pull(self, identity: str) -> bool:
        """Return whether an identity may pull images."""
        return self.identity(identity, PULL, "Microsoft.ContainerRegistry/registries")

    def _given(self, principal: str, scope: str) -> list[str]:
        """Return the role ids that a principal holds at a scope or above it, once they have spread."""
        now, found = time.time(), self._standing(principal, scope)
        for doc in self._resources.of_kind(KIND):
            properties = doc["properties"]
            above = f"{scope.lower()}/".startswith(f"{properties['scope'].lower()}/")
            spread = now >= float(doc.get("effectiveAt", 0))
            if above and spread and str(properties["principalId"]).lower() == principal.lower():
                found.append(properties["roleDefinitionId"].rsplit("/", 1)[-1].lower())
        return found

    def _standing(self, principal: str, scope: str) -> list[str]:
        if principal.lower() != self._resources.config.tokens.principal.lower():
            return []
        return [held.role for held in self.held or [] if held.reaches(scope)]
