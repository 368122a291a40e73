"""Keeps the last measured figures of the longer targets in measured.json: what, with which command, when, on what.

`record("sdk-tests", "make sdk-tests", passed=32, of=32, seconds=95)` replaces the entry of that name.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).with_name("measured.json")


def record(name: str, command: str, **figures: object) -> None:
    """Write one entry; the others stay as they are."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[name] = {"command": command, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), **figures}
    FILE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def machine() -> str:
    """Return the machine's size: cores and memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"
