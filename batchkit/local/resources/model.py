"""What was provisioned on one local Azure: documents by resource id, kept with everything else, and its knobs.

What its service notes beside a document (ETag, key generations, when a role takes effect) stands under "service"
and is never shown. A group is settled once a template was deployed there or an account made: before, accounts
and registries answer by any name. Roles count in a group once a deployment gave some there.

The knobs (`Knobs`) make it slow or refuse: quota, roles that spread slowly, a deployment that stops half
way, builds that a subscription may not use, names that are taken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from batchkit.local.batch.state.store import Store
from batchkit.local.config import LocalConfig, SharedKey
from batchkit.local.resources import accounts, catalogue, networks, packages
from batchkit.local.resources.roles import KIND as ROLE
from batchkit.local.resources.roles import Held, Roles

Json = dict[str, Any]
_ROLE_ID = "roleDefinitionId"
ROLE_MOVES = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
_TOP = 3  # of a resource's words behind "providers" when it is part of no other: namespace, type, name
HIDDEN = ("service", "effectiveAt")
NAMESPACES = ("Microsoft.Batch", "Microsoft.Consumption", "Microsoft.ContainerRegistry", "Microsoft.Insights",
              "Microsoft.ManagedIdentity", "Microsoft.Network", "Microsoft.OperationalInsights",
              "Microsoft.Storage")  # fmt: skip
ALWAYS = ("Microsoft.Authorization", "Microsoft.Resources")


@dataclass
class Knobs:
    """How this subscription behaves; the defaults are an easy one.

    Attributes:
        family_quota: cores of single families, below `core_quota` for all.
        hub_refusals: how often Docker Hub still refuses, to a build or to a copy.
        roles: what whoever uses it holds, each ROLE[@SCOPE], and nothing else; None for one who may do everything.
        network: where they stand: outside, inside, or an address (see networks.py).
    """

    core_quota: int = 1000
    low_priority_quota: int = 1000
    family_quota: dict[str, int] = field(default_factory=dict)
    pool_quota: int = 100
    account_quota: int = 100
    role_spread_seconds: float = 0.0
    fail_at: str = ""
    slowness: float = 1.0
    builds_allowed: bool = True
    hub_refusals: int = 0
    taken_names: list[str] = field(default_factory=list)
    roles: list[str] | None = None
    network: str = networks.OUTSIDE


class Resources:
    """The provisioned resources of one local Azure; used from the event loop's thread alone."""

    def __init__(self, config: LocalConfig, store: Store) -> None:
        self.config, self.roles, self._store = config, Roles(self), store
        self.knobs = Knobs(roles=list(config.roles) or None, network=config.network)
        self.doors_moved: Callable[[], None] = lambda: None
        self._docs = {name.lower(): doc for _, name, doc in self._kept()}
        self._governed = {name.lower() for _, name, _ in store.all("governed")}
        self._settled = {name.lower() for _, name, _ in store.all("settled")} | self._governed
        self.registered = {*ALWAYS} | {name for _, name, _ in store.all("provider")}
        self.running: Json = {}
        self._take(self.knobs)

    def _kept(self) -> list[tuple[str, str, Json]]:
        """Return what an earlier run kept, with this run's addresses in the place of its own."""
        old = {name: doc["url"] for _, name, doc in self._store.all("endpoint")}
        text = json.dumps(self._store.all("resource"))
        for name, url in (("blob", self.config.blob_url), ("batch", self.config.batch_url)):
            address = url.removeprefix("https://").rstrip("/")
            text = text.replace(old.get(name, address), address)
            self._store.put("endpoint", "", name, {"url": address})
        text = text.replace('"provisioningState": "Creating"', '"provisioningState": "Succeeded"')
        kept = [(parent, name, doc) for parent, name, doc in json.loads(text)]
        for parent, name, doc in kept:
            self._store.put("resource", parent, name, doc)
        return kept

    def get(self, resource_id: str) -> Json | None:
        """Return a resource's document, None when there is none."""
        return self._docs.get(resource_id.lower())

    def put(self, doc: Json, deployed: bool = False) -> Json:
        """Keep a resource as its service would show it; return that.

        Args:
            doc: the resource.
            deployed: whether a template's deployment makes it.
        """
        old, kind = self.get(doc["id"]), doc["type"].lower()
        host = urlsplit(self.config.batch_url).netloc
        doc = catalogue.complete(doc, self.config.blob_url, host)
        if kind == ROLE:
            spread = time.time() + self.knobs.role_spread_seconds / self.config.speed
            doc["effectiveAt"] = spread if old is None else old.get("effectiveAt", 0)
        self._docs[doc["id"].lower()] = doc
        self._store.put("resource", "", doc["id"], doc)
        if deployed or kind == accounts.KIND.lower():
            self._mark("settled", self._settled, doc["id"])
        if deployed and kind == ROLE:
            self._mark("governed", self._governed, doc["id"])
        self.doors_moved()
        return doc

    def role_moves(self, doc: Json) -> bool:
        """Return whether a role assignment would pass to another principal or role, which no one may do."""
        old = self.get(doc["id"])
        if old is None:
            return False
        return any(old["properties"].get(key) != doc["properties"].get(key) for key in ("principalId", _ROLE_ID))

    def drop(self, resource_id: str) -> list[str]:
        """Forget a resource and all below it; return the ids of what went."""
        mine = resource_id.lower()
        gone = [key for key in self._docs if key == mine or key.startswith(f"{mine}/")]
        for key in gone:
            self._store.drop("resource", "", self._docs.pop(key)["id"])
        self.doors_moved()
        return gone

    def of_kind(self, kind: str) -> list[Json]:
        """Return the resources of a type."""
        return [doc for doc in list(self._docs.values()) if doc["type"].lower() == kind.lower()]

    def below(self, scope: str) -> list[Json]:
        """Return the resources of a group or a subscription."""
        return [doc for key, doc in self._docs.items() if key.startswith(f"{scope.lower()}/")]

    def governs(self, resource_id: str) -> bool:
        """Return whether roles count here: whether a deployment ever gave roles in the resource's group."""
        return _group(resource_id) in self._governed

    def settled(self, resource_id: str) -> bool:
        """Return whether only what was made is there: a template was deployed in the group, or an account made."""
        return _group(resource_id) in self._settled

    def settled_anywhere(self, scope: str) -> bool:
        """Return whether any group below a scope is settled."""
        return any(group.startswith(f"{scope.lower()}/") for group in self._settled)

    def missing_parent(self, resource_id: str) -> str | None:
        """Return the resource that would have to be there before this one, None when it is or none is needed.

        A Batch account that nobody made is there by its own name, the local account's.
        """
        words = resource_id.rpartition("/providers/")[2].split("/")
        parent = resource_id.rsplit("/", 2)[0]
        if "/providers/" not in resource_id or len(words) <= _TOP or self.has(parent):
            return None
        own = f"/{accounts.KIND}/{accounts.name(self)}".lower()
        return None if parent.lower().endswith(own) and not self.settled(parent) else parent

    def over_quota(self, resource_id: str, location: str) -> bool:
        """Return whether a new account is one too many for its subscription and location."""
        mine = "/".join(resource_id.split("/")[:3])
        there = [doc for doc in accounts.below(self, mine) if doc["location"].lower() == location.lower()]
        return not self.has(resource_id) and len(there) >= self.knobs.account_quota

    def connections(self, resource_id: str) -> list[Json]:
        """Return the private endpoint connections of a resource, one for each endpoint that leads to it."""
        return networks.connections(self, resource_id)

    def register(self, namespace: str) -> None:
        """Register a resource provider for the subscription."""
        self.registered.add(namespace)
        self._store.put("provider", "", namespace, {})

    def accounts(self) -> list[str]:
        """Return the ids of the provisioned Batch accounts, all of which mean the one local service."""
        return [doc["id"] for doc in self.of_kind(accounts.KIND)]

    def account_keys(self, account: str) -> list[SharedKey]:
        """Return the keys that open an account by this name."""
        return [SharedKey(account, key) for key in accounts.opening(self, account)]

    def core_quota(self, dedicated: bool, family: str = "") -> int:
        """Return how many cores of dedicated or low-priority nodes a pool may have, of a family of sizes or in all."""
        if not dedicated:
            return self.knobs.low_priority_quota
        return min(self.knobs.core_quota, self.knobs.family_quota.get(family, self.knobs.core_quota))

    def pool_quota(self) -> int:
        """Return how many pools the account may have."""
        return self.knobs.pool_quota

    def has(self, resource_id: str) -> bool:
        """Return whether there is such a resource."""
        return self.get(resource_id) is not None

    def applications(self) -> list[Json]:
        """Return the applications that were made: id, versions, and displayName where there is one."""
        return packages.summaries(self)

    def package(self, application: str, version: str | None) -> Json | None:
        """Return an active package, of the default version where none is named: id, version, tag, url."""
        doc = packages.package(self, application, version)
        if doc is None:
            return None
        tag = "".join(letter for letter in doc["properties"]["lastActivationTime"] if letter.isdigit())
        name = doc["id"].rsplit("/", 3)[1]
        return {"id": name, "version": doc["name"], "tag": tag, "url": packages.link(self.config, doc)[0]}

    def may_move_blobs(self, identity: str, verb: str, container: str) -> bool:
        """Return whether an identity may `read` or `write` a container's blobs."""
        return self.roles.blobs(identity, verb, container)

    def may_pull(self, identity: str) -> bool:
        """Return whether an identity may pull images."""
        return self.roles.pull(identity)

    def may_call(self, principal: str, action: str, data: bool) -> bool:
        """Return whether a caller may do an action on one of the provisioned accounts; without any, everyone may."""
        made = self.accounts()
        if not made:
            return not self.roles.strict or self.roles.allows(principal, action, "", data)
        return any(self.roles.allows(principal, action, account, data) for account in made)

    def set_knobs(self, values: Json) -> Json:
        """Set some knobs; return all of them.

        Raises:
            TypeError: there is no such knob.
            ValueError: a role or a place that is none.
        """
        self._take(Knobs(**{**asdict(self.knobs), **values}))
        self.doors_moved()
        return asdict(self.knobs)

    def _take(self, knobs: Knobs) -> None:
        held = None if knobs.roles is None else [Held.parse(text) for text in knobs.roles]
        networks.check_place(knobs.network)
        self.knobs, self.roles.held = knobs, held

    def door(self, kind: str) -> str:
        """Return why no account of a kind answers whoever uses the local Azure: see networks.py."""
        return networks.door(self, kind, self.knobs.network)

    def door_of_batch(self) -> str:
        """Return why Batch does not answer whoever uses the local Azure: access, firewall, or nothing."""
        return self.door(accounts.KIND)

    def _mark(self, kind: str, marked: set[str], resource_id: str) -> None:
        group = _group(resource_id)
        if group and group not in marked:
            marked.add(group)
            self._store.put(kind, "", group, {})


def shown(doc: Json) -> Json:
    """Return a document without what only its service knows."""
    return {key: value for key, value in doc.items() if key not in HIDDEN}


def parent_missing(kind: str, parent: str) -> str:
    """Return Resource Manager's words for a part of a resource that is not there."""
    text = f"Failed to perform 'write' on resource(s) of type '{kind.partition('/')[2]}', because the parent resource "
    return f"{text}'{parent}' could not be found."


def _group(resource_id: str) -> str:
    parts = resource_id.lower().split("/")
    return "/".join(parts[:5]) if len(parts) > 4 and parts[3] == "resourcegroups" else ""
