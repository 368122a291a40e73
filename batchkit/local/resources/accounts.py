"""Batch accounts as the rest of the local Azure asks for them: which there are, and what keys open them.

No key is kept: each follows from the run's own secret, the account and how often the key was made anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from batchkit.local.resources.documents import Documents

Json = dict[str, Any]
KIND = "Microsoft.Batch/batchAccounts"
GROUP = "local"  # where the account is that is there before any is made


def name(resources: Documents) -> str:
    """Return the name of the account that is there before any is made."""
    return resources.config.blob_url.rstrip("/").rpartition("/")[2]


def below(resources: Documents, scope: str) -> list[Json]:
    """Return the accounts that were made in a group or a subscription."""
    return [doc for doc in resources.below(scope) if doc["type"].lower() == KIND.lower()]


def keys(resources: Documents, doc: Json) -> dict[str, str]:
    """Return an account's keys, primary and secondary."""
    generations = (doc.get("service") or {}).get("keys") or {}
    return {which: _key(resources, doc["name"], which, generations.get(which, 0)) for which in ("primary", "secondary")}


def opening(resources: Documents, account: str) -> list[str]:
    """Return the keys that open an account by this name; none where its modes exclude them."""
    made = [doc for doc in resources.of_kind(KIND) if doc["name"].lower() == account.lower()]
    if not made:
        return list(keys(resources, {"name": account}).values())
    open_ = [doc for doc in made if "SharedKey" in doc["properties"].get("allowedAuthenticationModes", ["SharedKey"])]
    return [key for doc in open_ for key in keys(resources, doc).values()]


def _key(resources: Documents, account: str, which: str, generation: int) -> str:
    handed_out = resources.config.shared_key
    if handed_out is not None and (account, which, generation) == (handed_out.account, "primary", 0):
        return handed_out.key
    text = f"{account.lower()} {which} {generation}".encode()
    digest = hmac.new(resources.config.tokens.secret.encode(), text, hashlib.sha512).digest()
    return base64.b64encode(digest).decode()
