"""What comes from data, as text that can be shown: one line, printable, and no longer than anyone reads."""

from __future__ import annotations


def plain(value: object, longest: int = 400) -> str:
    """A value as one printable line, its middle left out when it is longer than `longest` characters."""
    text = str(value).encode("utf-8", "replace").decode()
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    tail = longest // 3
    return words if len(words) <= longest else f"{words[: longest - tail - 1]}…{words[-tail:]}"
