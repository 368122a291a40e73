"""What the subscription around the Batch account allows: the questions that Batch asks, whoever answers them."""

from __future__ import annotations

from typing import Protocol

from batchkit.local.config import SharedKey
from batchkit.local.wire.formats import Json


class Subscription(Protocol):
    """Quotas, roles and what else is provisioned."""

    def core_quota(self, dedicated: bool, family: str = "") -> int:
        """Return how many cores of dedicated or low-priority nodes a pool may have, of a family of sizes or in all."""

    def pool_quota(self) -> int:
        """Return how many pools the account may have."""

    def has(self, resource_id: str) -> bool:
        """Return whether there is such a resource."""

    def applications(self) -> list[Json]:
        """Return the account's applications: id, versions, and displayName where there is one."""

    def package(self, application: str, version: str | None) -> Json | None:
        """Return an active package, of the default version where none is named: id, version, tag, url."""

    def may_move_blobs(self, identity: str, verb: str, container: str) -> bool:
        """Return whether an identity may `read` or `write` a container's blobs."""

    def may_pull(self, identity: str) -> bool:
        """Return whether an identity may pull images."""

    def may_call(self, principal: str, action: str, data: bool) -> bool:
        """Return whether a caller may do an action (`data`: a data action) on the account."""

    def account_keys(self, account: str) -> list[SharedKey]:
        """Return the keys that open the account by this name; none where its modes allow no key."""

    def door_of_batch(self) -> str:
        """Return why Batch does not answer who calls it: `access` (no public access), `firewall`, or nothing."""
