"""What a management call is about: the local Batch, the resources around it, and the builds of its registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from batchkit.local.batch.state.state import State
from batchkit.local.resources.builds import Builds
from batchkit.local.resources.model import Resources
from batchkit.local.wire.formats import new_etag, stamp


@dataclass(frozen=True)
class Site:
    """One running local Azure, as Resource Manager sees it.

    Attributes:
        batch: the local Batch.
        resources: what was provisioned.
        builds: the registry's.
        results: by an operation's name, None while it goes on, then what it came to: an id, or a refusal.
        etag, started: of what is there from the start.
    """

    batch: State
    resources: Resources
    builds: Builds = field(default_factory=Builds)
    results: dict[str, Any] = field(default_factory=dict)
    etag: str = field(default_factory=new_etag)
    started: str = field(default_factory=stamp)

    @property
    def url(self) -> str:
        """Resource Manager's address."""
        return self.batch.config.arm_url.rstrip("/")
