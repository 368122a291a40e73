"""The differences that are right, each with its reason: known.toml says which, narrowly.

A rule names what it is about; whatever it says must hold for a difference to be known: `operation`, `where`,
`recorded` and `local` are regular expressions (the first two match whole), `kind` is one kind or a list of them,
and `before` is the first API version that the rule is not about.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from recorded.comparing import Difference
from recorded.pairs import Pair

FILE = Path(__file__).with_name("known.toml")
_WORDS = {"reason", "kind", "operation", "where", "recorded", "local", "before"}


class Known:
    """The rules of known.toml, and how often each one was met."""

    def __init__(self, file: Path = FILE) -> None:
        self.rules: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["known"]
        for rule in self.rules:
            if unknown := rule.keys() - _WORDS:
                raise ValueError(f"{file.name}: no rule has {', '.join(sorted(unknown))}")

    def reason(self, pair: Pair, found: Difference) -> str | None:
        """Return why a difference is right, None where nothing says so."""
        return next((rule["reason"] for rule in self.rules if _holds(rule, pair, found)), None)


def _holds(rule: dict[str, Any], pair: Pair, found: Difference) -> bool:
    kinds = rule.get("kind", found.kind)
    return (
        found.kind in ([kinds] if isinstance(kinds, str) else kinds)
        and re.fullmatch(rule.get("operation", ".*"), pair.operation) is not None
        and re.fullmatch(rule.get("where", ".*"), found.where) is not None
        and re.search(rule.get("recorded", ""), found.recorded) is not None
        and re.search(rule.get("local", ""), found.local) is not None
        and pair.api_version < rule.get("before", "9999")
    )
