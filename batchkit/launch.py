"""Becoming the local Azure's process: the one command that needs nothing of the workbench."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

_ELSEWHERE = "batchkit: the local Azure needs Linux, macOS or WSL. Against Azure itself everything else works here."


def become_local(arguments: list[str]) -> NoReturn:
    """Replace this process by the local Azure's, which owns all the processes that it starts."""
    if not hasattr(signal, "SIGHUP"):  # Windows
        sys.exit(_ELSEWHERE)
    sys.stdout.flush()
    # A signal that comes in between waits, so that the local Azure's own handlers get it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    os.execv(sys.executable, [sys.executable, "-m", "batchkit.local", *arguments])
