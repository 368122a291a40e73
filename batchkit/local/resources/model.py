"""What was provisioned on one local Azure: documents by resource id, kept with everything else, and its knobs.

The knobs (`Knobs`) make it slow or refuse: quota, roles that spread slowly, a deployment that stops half
way, builds that a subscription may not use, names that are taken.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from batchkit.local.batch.state.store import Store
from batchkit.local.config import LocalConfig
from batchkit.local.resources import catalogue
from batchkit.local.resources.roles import KIND as ROLE
from batchkit.local.resources.roles import Roles

Json = dict[str, Any]
NAMESPACES = ("Microsoft.Batch", "Microsoft.ContainerRegistry", "Microsoft.Insights", "Microsoft.ManagedIdentity",
              "Microsoft.Network", "Microsoft.Storage")  # fmt: skip
ALWAYS = ("Microsoft.Authorization", "Microsoft.Resources")


@dataclass
class Knobs:
    """How this subscription behaves; the defaults are an easy one."""

    core_quota: int = 1000
    low_priority_quota: int = 1000
    role_spread_seconds: float = 0.0
    fail_at: str = ""
    slowness: float = 1.0
    builds_allowed: bool = True
    taken_names: list[str] = field(default_factory=list)


class Resources:
    """The provisioned resources of one local Azure; used from the event loop's thread alone."""

    def __init__(self, config: LocalConfig, store: Store) -> None:
        self.config, self.knobs, self.roles, self._store = config, Knobs(), Roles(self), store
        self._docs = {name.lower(): doc for _, name, doc in self._kept()}
        self._governed = {name.lower() for _, name, _ in store.all("governed")}
        self.registered = {*ALWAYS} | {name for _, name, _ in store.all("provider")}
        self.running: Json = {}

    def _kept(self) -> list[tuple[str, str, Json]]:
        """Return what an earlier run kept, with this run's addresses in the place of its own."""
        old = {name: doc["url"] for _, name, doc in self._store.all("endpoint")}
        text = json.dumps(self._store.all("resource"))
        for name, url in (("blob", self.config.blob_url), ("batch", self.config.batch_url)):
            address = url.removeprefix("https://").rstrip("/")
            text = text.replace(old.get(name, address), address)
            self._store.put("endpoint", "", name, {"url": address})
        kept = [(parent, name, doc) for parent, name, doc in json.loads(text)]
        for parent, name, doc in kept:
            self._store.put("resource", parent, name, doc)
        return kept

    def get(self, resource_id: str) -> Json | None:
        """Return a resource's document, None when there is none."""
        return self._docs.get(resource_id.lower())

    def put(self, doc: Json) -> Json:
        """Keep a resource as its service would show it; return that."""
        old = self.get(doc["id"])
        host = urlsplit(self.config.batch_url).netloc
        doc = catalogue.complete(doc, self.config.blob_url, host)
        if doc["type"].lower() == ROLE and old is None:
            doc["effectiveAt"] = time.time() + self.knobs.role_spread_seconds / self.config.speed
        elif doc["type"].lower() == ROLE and old is not None:
            doc["effectiveAt"] = old.get("effectiveAt", 0)
        self._docs[doc["id"].lower()] = doc
        self._store.put("resource", "", doc["id"], doc)
        self._govern(doc["id"])
        return doc

    def drop(self, resource_id: str) -> list[str]:
        """Forget a resource and all below it; return the ids of what went."""
        mine = resource_id.lower()
        gone = [key for key in self._docs if key == mine or key.startswith(f"{mine}/")]
        for key in gone:
            self._store.drop("resource", "", self._docs.pop(key)["id"])
        return gone

    def of_kind(self, kind: str) -> list[Json]:
        """Return the resources of a type."""
        return [doc for doc in list(self._docs.values()) if doc["type"].lower() == kind.lower()]

    def below(self, scope: str) -> list[Json]:
        """Return the resources of a group or a subscription."""
        return [doc for key, doc in self._docs.items() if key.startswith(f"{scope.lower()}/")]

    def governs(self, resource_id: str) -> bool:
        """Return whether roles count here: whether anything was ever provisioned in the resource's group."""
        return _group(resource_id) in self._governed

    def register(self, namespace: str) -> None:
        """Register a resource provider for the subscription."""
        self.registered.add(namespace)
        self._store.put("provider", "", namespace, {})

    def accounts(self) -> list[str]:
        """Return the ids of the provisioned Batch accounts, all of which mean the one local service."""
        return [doc["id"] for doc in self.of_kind("Microsoft.Batch/batchAccounts")]

    def core_quota(self, dedicated: bool) -> int:
        """Return how many cores of dedicated or low-priority nodes a pool may have."""
        return self.knobs.core_quota if dedicated else self.knobs.low_priority_quota

    def has(self, resource_id: str) -> bool:
        """Return whether there is such a resource."""
        return self.get(resource_id) is not None

    def may_move_blobs(self, identity: str, verb: str) -> bool:
        """Return whether an identity may `read` or `write` blobs."""
        return self.roles.blobs(identity, verb)

    def may_pull(self, identity: str) -> bool:
        """Return whether an identity may pull images."""
        return self.roles.pull(identity)

    def may_call(self, principal: str, action: str, data: bool) -> bool:
        """Return whether a caller may do an action on one of the provisioned accounts; without any, everyone may."""
        accounts = self.accounts()
        return not accounts or any(self.roles.allows(principal, action, account, data) for account in accounts)

    def set_knobs(self, values: Json) -> Json:
        """Set some knobs; return all of them."""
        self.knobs = Knobs(**{**asdict(self.knobs), **values})
        return asdict(self.knobs)

    def _govern(self, resource_id: str) -> None:
        group = _group(resource_id)
        if group and group not in self._governed:
            self._governed.add(group)
            self._store.put("governed", "", group, {})


def _group(resource_id: str) -> str:
    parts = resource_id.lower().split("/")
    return "/".join(parts[:5]) if len(parts) > 4 and parts[3] == "resourcegroups" else ""
