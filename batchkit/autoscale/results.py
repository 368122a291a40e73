"""What an evaluation gives: the targets for the pool, and the `results` string of the service.

`results` joins name=value with `;`: the three service variables first, then the user's own in
ordinal order (`$` before letters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batchkit.autoscale.values import Value, show


@dataclass(frozen=True)
class Targets:
    """A pool's target sizes in nodes, and what happens to the tasks of nodes that leave."""

    dedicated: int = 0
    low_priority: int = 0
    deallocation_option: str = "requeue"


@dataclass(frozen=True)
class Evaluation:
    """One run of a formula: where the pool should go, and every variable as the service prints it."""

    targets: Targets
    results: str


def results(targets: Targets, variables: Mapping[str, Value] | None = None) -> str:
    """Return the `results` string; of a failed evaluation the service shows the pool's own targets."""
    pairs = [
        ("$TargetDedicatedNodes", str(targets.dedicated)),
        ("$TargetLowPriorityNodes", str(targets.low_priority)),
        ("$NodeDeallocationOption", targets.deallocation_option),
        *((name, show(value)) for name, value in sorted((variables or {}).items())),
    ]
    return ";".join(f"{name}={value}" for name, value in pairs)
