"""What a state folder keeps of how the local Azure was reached, so that clients see a restart as a short outage.

Ports, the signing secret and the identity's secret path are taken again where that is possible; a port that somebody
else has by now is replaced by a free one. No account key is kept, and a temporary folder keeps nothing at all.
"""

from __future__ import annotations

import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

_FILE = "reached.json"


@dataclass
class Reached:
    """How clients reach one local Azure; a port of 0 lets the system choose."""

    batch_port: int = 0
    arm_port: int = 0
    metadata_port: int = 0
    blob_port: int = 0
    token_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    path_secret: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)


def recall(folder: Path) -> Reached:
    """Return how the run before in this folder was reached; all new where there was none, or its file is damaged."""
    try:
        return Reached(**json.loads((folder / _FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Reached()


def keep(folder: Path, reached: Reached) -> None:
    """Write it down for the next run, readable by the owner alone."""
    part = folder / f".{_FILE}"
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(asdict(reached), stream)
    part.replace(folder / _FILE)
