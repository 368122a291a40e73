"""Files out: whole files only, whatever happens; and a name as one line can show it."""

import errno
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from node.contract import WorkerError

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# What is wrong with this one name or folder; whatever else is wrong would be wrong with the next file too.
NAME_ERRORS = {
    errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EILSEQ, errno.EINVAL,
    errno.ELOOP, errno.EACCES, errno.EPERM,
}  # fmt: skip


def write_whole(path: Path, *data: bytes | memoryview) -> None:
    """Write under a temporary name and rename, so that no reader ever sees half a file."""
    temporary = temporary_name(path)
    try:
        stream = temporary.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = temporary.open("wb")
    try:
        with stream:
            stream.writelines(data)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def temporary_name(path: Path) -> Path:
    """A hidden name beside a file, short for the longest of names, which nobody else writes under."""
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    return path.with_name(f".{digest}.{os.getpid()}")


def make_writable(folder: Path) -> None:
    """Make a folder, and make sure that files can be written into it.

    Raises:
        WorkerError: they cannot.
    """
    probe = temporary_name(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WorkerError(f"Nothing can be written into the output folder {folder}: {error.strerror}.") from None


def encode(report: Any) -> bytes:
    """A report as indented JSON with a last line break."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def one_line(text: str) -> str:
    """A text with its control characters escaped: a name may hold line breaks and a terminal's commands."""
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
