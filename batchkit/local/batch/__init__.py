"""The local Azure Batch: its data plane, and the pools of Resource Manager, on one state.

`create(config)` makes a Service with two ASGI apps; whoever hosts them calls `start` before the first
request and `stop` after the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchkit.local.batch.service import Service
    from batchkit.local.config import LocalConfig

__all__ = ["create"]


def create(config: LocalConfig) -> Service:
    """Return the service of one running local Azure; nothing runs before `start`."""
    from batchkit.local.batch.service import Service  # the whole of it, which its parts do not need

    return Service(config)
