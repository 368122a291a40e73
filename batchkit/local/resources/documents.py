"""The provisioned resources as the modules see them that answer questions about them."""

from __future__ import annotations

from typing import Any, Protocol

from batchkit.local.config import LocalConfig

Json = dict[str, Any]


class Documents(Protocol):
    """Documents by resource id."""

    config: LocalConfig

    def governs(self, resource_id: str) -> bool:
        """Return whether roles count at a resource for whoever has no roles of its own."""

    def of_kind(self, kind: str) -> list[Json]:
        """Return the resources of a type."""

    def below(self, scope: str) -> list[Json]:
        """Return the resources of a group or a subscription."""
