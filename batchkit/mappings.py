"""The mapping of a job: a file of one's own, or the name of one that the worker brings; and what is an input then.

The worker alone knows what a mapping means. Here only its format counts, which says how inputs are called.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from batchkit.errors import ParameterError

NAME = re.compile(r"[a-z0-9_-]{1,40}")  # of a mapping that the worker brings; a file is named by its path or with a dot
_FORMATS = {"object": (".json",), "lines": (".json", ".jsonl", ".ndjson")}
_PACKED = ".gz"


def read(mapping: str) -> str | None:
    """What a plan keeps of a mapping: a name as it is, a file's text; None for "", which leaves it to the plan.

    Raises ParameterError when the file cannot be read or is not TOML.
    """
    if not mapping or NAME.fullmatch(mapping):
        return mapping or None
    try:
        text = Path(mapping).read_text(encoding="utf-8-sig")
        tomllib.loads(text)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or f"it is not TOML in UTF-8 ({error})"
        raise ParameterError(f"The mapping file {mapping} cannot be read: {why}.") from None
    return text


def option(kept: str) -> str:
    """The part of a task's command that names the mapping, which is a file beside the rules or a name."""
    if not kept:
        return ""
    return f" --mapping {kept}" if NAME.fullmatch(kept) else " --mapping mapping.toml"


def endings(mapping: str) -> tuple[str, ...]:
    """How inputs are called under a mapping that a caller names; of a name, the worker's are all objects.

    Raises ParameterError when the file cannot be read.
    """
    kept = read(mapping)
    if kept is None:
        return _FORMATS["object"]
    form = "object" if NAME.fullmatch(kept) else tomllib.loads(kept).get("format", "object")
    plain = _FORMATS.get(form, _FORMATS["object"]) if isinstance(form, str) else _FORMATS["object"]
    return tuple(ending + packed for packed in ("", _PACKED) for ending in plain)
