"""The names that the service defines: metrics, targets, and the older names they once had."""

from __future__ import annotations

from collections.abc import Iterable

from batchkit.autoscale.dialect import Dialect

DEDICATED = "$TargetDedicatedNodes"
LOW_PRIORITY = "$TargetLowPriorityNodes"
DEALLOCATION = "$NodeDeallocationOption"
SHORT_DEDICATED = "$TargetDedicated"
SHORT_LOW_PRIORITY = "$TargetLowPriority"

# Each read-write variable under its own name, and the full name it sets: the full name wins over the short.
WRITABLE = {
    DEDICATED: DEDICATED,
    SHORT_DEDICATED: DEDICATED,
    LOW_PRIORITY: LOW_PRIORITY,
    SHORT_LOW_PRIORITY: LOW_PRIORITY,
    DEALLOCATION: DEALLOCATION,
}

METRICS = (
    "$CPUPercent",
    "$WallClockSeconds",
    "$MemoryBytes",
    "$DiskBytes",
    "$DiskReadBytes",
    "$DiskWriteBytes",
    "$DiskReadOps",
    "$DiskWriteOps",
    "$NetworkInBytes",
    "$NetworkOutBytes",
    "$SampleNodeCount",
    "$ActiveTasks",
    "$RunningTasks",
    "$PendingTasks",
    "$SucceededTasks",
    "$FailedTasks",
    "$TaskSlotsPerNode",
    "$CurrentDedicatedNodes",
    "$CurrentLowPriorityNodes",
    "$PreemptedNodeCount",
)
_NEWER = ("$UsableNodeCount",)
_LEGACY = {
    "$CurrentDedicated": "$CurrentDedicatedNodes",
    "$CurrentLowPriority": "$CurrentLowPriorityNodes",
    "$SampleTVMCount": "$SampleNodeCount",
    "$TVMDeallocationOption": DEALLOCATION,
}


class Names:
    """Finds the service's spelling of a name, as a dialect allows it to be written."""

    def __init__(self, dialect: Dialect) -> None:
        self._sensitive = dialect.case_sensitive_names
        self.metrics = frozenset(METRICS + (_NEWER if dialect.newer_names else ()))
        legacy = _LEGACY if dialect.legacy_names else {}
        known = {name: name for name in (*self.metrics, *WRITABLE)} | legacy
        self._known = {self.fold(name): full for name, full in known.items()}

    def fold(self, name: str) -> str:
        """Return what two spellings of one name have in common."""
        return name if self._sensitive else name.casefold()

    def service(self, name: str) -> str | None:
        """Return the service's name for a variable, None when it is the user's own."""
        return self._known.get(self.fold(name))

    def find(self, name: str, among: Iterable[str]) -> str | None:
        """Return the one of `among` that `name` spells."""
        return {self.fold(each): each for each in among}.get(self.fold(name))
