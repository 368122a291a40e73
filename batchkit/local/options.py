"""What `batchkit local` was asked to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What the command line says: the clock, the state's folder, keys, faults, spelling, names, COMMAND."""

    speed: float = 1.0
    state: Path | None = None
    allow_shared_key: bool = False
    show_storage_key: bool = False
    faults: Path | None = None
    as_recorded: bool = False
    azure_names: bool = False
    command: tuple[str, ...] = ()
