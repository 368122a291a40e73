"""The machine sizes that Batch offers here, and the family whose quota a size counts against."""

from __future__ import annotations

import json
from importlib.resources import files

from batchkit.local.wire.formats import Json

SIZES: list[Json] = json.loads(files(__package__).joinpath("sizes.json").read_text("utf-8"))
_FAMILIES = {entry["name"].lower(): str(entry["familyName"]) for entry in SIZES}


def family(vm_size: str) -> str:
    """Return the family of a size, "" for one that is not offered."""
    return _FAMILIES.get(vm_size.lower(), "")
