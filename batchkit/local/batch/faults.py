"""Faults on demand: what the service is told to do wrong, for those who test what they do about it."""

from __future__ import annotations

from batchkit.local.batch.formats import Json


class Faults:
    """The fault plan of one running service; an empty one does nothing."""

    async def before(self, operation: str) -> None:
        """Let a call pass, delay it or refuse it."""

    def upload(self, task: str) -> None:
        """Let a task's uploads pass, or fail them."""

    def quota(self, what: str) -> bool:
        """Say whether a quota of pools or jobs is to count as reached."""
        return False

    def resize(self, pool: str, more: int, dedicated: bool) -> Json | None:
        """Return the resize error that a growing pool is to meet, None for none."""
        return None
