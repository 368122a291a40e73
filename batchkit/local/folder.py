"""Where one run of the local Azure keeps its files: a folder of the user's, or a temporary one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_SECONDS = 5.0
_STEP_SECONDS = 0.1
_ROOM_BYTES = 32 * 2**20


class StateError(Exception):
    """The folder for the state cannot be used."""


@dataclass(frozen=True)
class State:
    """A folder that belongs to this run alone.

    Attributes:
        folder: readable by its owner alone.
        keep: whether it stays when the run ends.
        lock: the open lock file's descriptor (-1 for a temporary folder, which needs none).
    """

    folder: Path
    keep: bool
    lock: int = -1


def claim(folder: Path | None) -> State:
    """Return the folder for the state: the one that is named, or a new temporary one.

    Raises:
        StateError: it can't be made or has no room, or another local Azure uses it.
    """
    if folder is None:
        return State(_temporary(), keep=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StateError(f"The state folder {folder} can't be used: {error.strerror}.") from None
    descriptor = _hold(lock.fileno(), folder)
    _open_locks.append(lock)
    _check_room(folder)
    return State(folder.resolve(), keep=True, lock=descriptor)


def _temporary() -> Path:
    """Make a new temporary folder where TMPDIR says: Python itself would take /tmp when that cannot be used."""
    parent = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())
    try:
        folder = Path(tempfile.mkdtemp(prefix="batchkit-local-", dir=parent)).resolve()
    except OSError as error:
        reason = f"The temporary folder {parent} can't be used: {error.strerror}"
        raise StateError(f"{reason}. Set TMPDIR to another one.") from None
    try:
        _check_room(folder)
    except StateError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _check_room(folder: Path) -> None:
    probe = folder / ".room"
    try:
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _ROOM_BYTES)
    except OSError as error:
        needed = f"the local Azure needs {_ROOM_BYTES // 2**20} MiB to start"
        raise StateError(f"No room in {folder}: {error.strerror}; {needed}.") from None
    finally:
        probe.unlink(missing_ok=True)


def _hold(descriptor: int, folder: Path) -> int:
    """Lock the file; wait a little for a run that is just ending."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StateError(f"Another local Azure uses {folder}: stop it, or name another folder.") from None
            time.sleep(_STEP_SECONDS)
        else:
            return descriptor


_open_locks: list[object] = []
