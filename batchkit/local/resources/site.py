"""What a management call is about: the local Batch, the resources around it, and the builds of its registry."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchkit.local.batch.state.state import State
from batchkit.local.resources.builds import Builds
from batchkit.local.resources.model import Resources


@dataclass(frozen=True)
class Site:
    """One running local Azure, as Resource Manager sees it."""

    batch: State
    resources: Resources
    builds: Builds = field(default_factory=Builds)

    @property
    def url(self) -> str:
        """Resource Manager's address."""
        return self.batch.config.arm_url.rstrip("/")
