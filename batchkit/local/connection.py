"""The file by which a second terminal finds a local Azure that keeps its state: `DIR/connection.env`.

It holds what a client needs, a NAME=VALUE a line, and a secret address among it: so it is its owner's alone (mode 600),
and it is gone when the local Azure stops.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NAME = "connection.env"
_PREFIXES = ("BATCHKIT_", "AZURE_")


@contextmanager
def told(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Leave the file in the state's folder while the block runs."""
    path, part = folder / NAME, folder / f".{NAME}.part"
    part.unlink(missing_ok=True)
    lines = [f"{name}={value}\n" for name, value in environment.items() if name.startswith(_PREFIXES)]
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.writelines(lines)
    part.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
