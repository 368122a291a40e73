"""Brings an application package to a node: its zip file, unpacked once, whole or not at all."""

from __future__ import annotations

import shutil
import threading
import uuid
import zipfile
from pathlib import Path

from batchkit.local.batch.machine.transfer import Transfer
from batchkit.local.batch.machine.transfer_errors import TransferError
from batchkit.local.batch.state.orders import Package

_MODE = 0o770  # of a file whose zip entry has none: programs must run


def unpack(package: Package, transfer: Transfer, stop: threading.Event) -> None:
    """Download and unpack a package unless it is there.

    Raises:
        TransferError: it could not be had, or is no zip file.
        Cancelled: `stop` was set.
    """
    if package.folder.is_dir():
        return
    work = package.folder.parent / f".{uuid.uuid4().hex}"
    try:
        transfer.download([{"httpUrl": package.url, "filePath": "package.zip"}], work, frozenset(), stop)
        _extract(work / "package.zip", work / "files", package)
        package.folder.parent.mkdir(parents=True, exist_ok=True)
        (work / "files").rename(package.folder)
    except FileExistsError:
        pass  # another task was faster
    except OSError:
        if not package.folder.is_dir():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract(archive: Path, target: Path, package: Package) -> None:
    target.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                made = Path(content.extract(entry, target))  # which keeps every name below the target
                if made.is_file():
                    made.chmod((entry.external_attr >> 16) & 0o770 or _MODE)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        where = package.url.partition("?")[0]
        raise TransferError("ApplicationPackageError", FilePath=where, Reason=f"no zip file: {problem}") from problem
