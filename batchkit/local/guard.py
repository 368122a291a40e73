"""The guard: a small process that outlives the supervisor by a moment, and leaves nothing behind.

It waits on a pipe that only the supervisor holds. When that closes, for whatever reason (a kill -9
too), it ends every process that carries the run's mark in its environment and removes the temporary
folder. It runs in a session of its own, so no Ctrl-C reaches it, and carries no mark itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

import psutil

MARK = "BATCHKIT_LOCAL_RUN"

_PATIENCE_SECONDS = 3.0
_STEP_SECONDS = 0.05
_SWEEPS = 100


def main(run: str, temporary: str) -> None:
    """Wait for stdin to close, then end the run's processes and remove `temporary` ("" for none)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    hurry = b"k" in sys.stdin.buffer.read()
    sweep(run, 0 if hurry else _PATIENCE_SECONDS)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(run: str, patience: float) -> None:
    """End every process of the run: asked first, killed after `patience` seconds, until none is found."""
    asked: set[int] = set()
    deadline = time.monotonic() + patience
    for _ in range(_SWEEPS):
        found = marked(run)
        if not found:
            return
        late = time.monotonic() >= deadline
        _send(found if late else [pid for pid in found if pid not in asked], late)
        asked.update(found)
        time.sleep(_STEP_SECONDS)


def marked(run: str) -> list[int]:
    """Return the ids of the living processes whose environment carries the run's mark."""
    return [process.pid for process in psutil.process_iter() if _carries(process, run)]


def _carries(process: psutil.Process, run: str) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return run in environment.get(MARK, "").split(":")


def _send(pids: Iterable[int], kill: bool) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:3])
