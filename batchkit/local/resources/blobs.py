"""Who the blob service answers: the policy that its door keeps, from the storage accounts' settings and the roles.

It speaks of whoever uses the local Azure. All storage accounts that were made mean the one local blob service: it
answers when one of them would.
"""

from __future__ import annotations

from typing import Any

from batchkit.local.resources.model import Resources
from batchkit.local.resources.networks import STORAGE
from batchkit.local.resources.roles import BLOBS

Json = dict[str, Any]
_LETTERS = {"r": "read", "w": "write", "d": "delete"}
_CONTAINER = "/blobservices/default/containers/"


def policy(resources: Resources) -> Json:
    """Return what the door is told: whether it is closed, whether keys open it, and rights by container."""
    made = resources.of_kind(STORAGE)
    keys = not made or any(doc["properties"].get("allowSharedKeyAccess", True) for doc in made)
    rights = _rights(resources) if resources.roles.strict else None
    return {"closed": bool(resources.door(STORAGE)), "keys": keys, "rights": rights}


def _rights(resources: Resources) -> dict[str, str]:
    accounts = [doc["id"] for doc in resources.of_kind(STORAGE)] or [""]
    found = {"*": _letters(resources, accounts)}
    for scope in resources.roles.scopes(resources.config.tokens.principal):
        account, separator, name = scope.lower().partition(_CONTAINER)
        if separator:
            found[name] = _letters(resources, [f"{account}{_CONTAINER}{name}"])
    return found


def _letters(resources: Resources, scopes: list[str]) -> str:
    who, may = resources.config.tokens.principal, resources.roles.allows
    return "".join(
        letter for letter, verb in _LETTERS.items() if any(may(who, BLOBS + verb, scope, True) for scope in scopes)
    )
