"""Which Azure a command speaks to when nothing names one: a local Azure that keeps its state, by its connection file.

The file is in the folder that BATCHKIT_STATE names, else in `.batchkit` here or above. It is trusted only when it is
the user's own, nobody else may read it, and all its addresses are of this machine: a stranger's checkout must not
lead uploads elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

from batchkit import settings
from batchkit.errors import SettingsError
from batchkit.progress import QUIET
from batchkit.session import Session, connect

NAME = "connection.env"
_FOLDER = ".batchkit"
_NAMED = ("BATCHKIT_PROFILE", "BATCHKIT_BATCH_URL", "BATCHKIT_BLOB_URL")
_LINE = re.compile(r"((?:BATCHKIT|AZURE)_[A-Z_]+)=(.*)")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def open_session() -> Session:
    """Return a session on the Azure in force, and say on stderr which account that is.

    Raises SettingsError when none is named and no local Azure's file is there, or it is not to be trusted.
    """
    if not any(name in os.environ for name in _NAMED) and settings.profile() == "local":
        _take(find())
    QUIET[0] = not sys.stderr.isatty()
    session = connect()
    azure = session.settings.azure
    print(f"account {azure.batch.account_name} at {azure.batch.account_url}", file=sys.stderr)
    return session


def find() -> Path:
    """Return the connection file of the state folder that BATCHKIT_STATE names, else of `.batchkit` here or above.

    Raises SettingsError when there is none.
    """
    if named := os.environ.get("BATCHKIT_STATE"):
        folders = [Path(named)]
    else:
        here = Path.cwd()
        folders = [folder / _FOLDER for folder in (here, *here.parents)]
    found = next((folder / NAME for folder in folders if (folder / NAME).exists()), None)
    if found is None:
        where = named or f"{_FOLDER} here or above"
        raise SettingsError(
            f"No local Azure runs with its state in {where}. Start one with `batchkit local --state {_FOLDER}` or "
            "`make lab`, or set the azure profile."
        )
    return found


def read(path: Path) -> dict[str, str]:
    """Return what a connection file says.

    Raises SettingsError when it is somebody else's, open to others, or names an address that is not this machine's.
    """
    if not hasattr(os, "getuid"):  # Windows, where no local Azure runs
        raise SettingsError(f"{path} is of a local Azure, which does not run here. Set the azure profile.")
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o600:
        raise SettingsError(f"{path} is not trusted: it must be a file of yours with mode 600. Remove it.")
    lines = [_LINE.fullmatch(line) for line in path.read_text("utf-8").splitlines()]
    values = {match[1]: match[2] for match in lines if match}
    for name, value in values.items():
        if "://" in value and urlsplit(value).hostname not in _LOOPBACK:
            raise SettingsError(f"{path} is not trusted: its {name} is not an address of this machine. Remove it.")
    return values


def _take(path: Path) -> None:
    values = read(path)
    if not values.get("BATCHKIT_CA_FILE") or not Path(values["BATCHKIT_CA_FILE"]).exists():
        raise SettingsError(f"{path} is left from a local Azure that does not run any more. Start it again.")
    os.environ.update(values)
