"""The guard: a small process that outlives the supervisor by a moment, and leaves nothing behind.

It waits on a pipe that only the supervisor holds. When that closes, for whatever reason (a kill -9
too), it ends every process of the run and removes the run's folder unless that is to be kept. A
process belongs to the run when its environment carries the run's mark, or names a Batch node below
the run's folder. The guard has a session of its own, so no Ctrl-C reaches it, and carries no mark.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "BATCHKIT_LOCAL_RUN"
_NODE = "AZ_BATCH_NODE_ROOT_DIR"

_PATIENCE_SECONDS = 3.0
_STEP_SECONDS = 0.05
_SWEEPS = 100
_CLEAR = 2


def main(run: str, folder: str, then: str) -> None:
    """Wait for stdin to close, then finish the run; `then` says whether its folder is to "keep" or "remove"."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    hurry = b"k" in sys.stdin.buffer.read()
    finish(run, Path(folder), then == "keep", hurry)


def finish(run: str, folder: Path, keep: bool, hurry: bool) -> None:
    """End the run's processes, at once if there is a hurry; remove `folder` unless it is to be kept."""
    sweep(run, folder, 0 if hurry else _PATIENCE_SECONDS)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(run: str, folder: Path, patience: float) -> None:
    """End every process of the run: asked first, killed after `patience` seconds, until none is found twice.

    Once is not enough: a process has no environment to be known by while it becomes another program.
    """
    asked: set[int] = set()
    deadline = time.monotonic() + patience
    clear = 0
    for _ in range(_SWEEPS):
        found = marked(run, folder)
        clear = 0 if found else clear + 1
        if clear == _CLEAR:
            return
        late = time.monotonic() >= deadline
        _send(found if late else [pid for pid in found if pid not in asked], late)
        asked.update(found)
        time.sleep(_STEP_SECONDS)


def marked(run: str, folder: Path) -> list[int]:
    """Return the ids of the living processes that belong to the run."""
    return [process.pid for process in psutil.process_iter() if _belongs(process, run, folder)]


def _belongs(process: psutil.Process, run: str, folder: Path) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    marked_so = run in environment.get(MARK, "").split(":")
    return marked_so or environment.get(_NODE, "").startswith(f"{folder}{os.sep}")


def _send(pids: Iterable[int], kill: bool) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:4])
