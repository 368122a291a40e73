"""A node's own Python: it finds everything that this environment has, and installs into the node's folder.

The layout is a virtual environment's, written by hand: a node costs a few small files and a task nothing.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

_FOLDER = "python"
_PIP = """#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""  # no path in its first line: a node's can be longer than the system reads there
_CONFIG = """home = {home}
include-system-site-packages = true
version = {version}
"""
# The system's packages would come with code of their own; said to be there, they let `pip install --user` work.
_ALONE = "import site; site.PREFIXES.clear()\n"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_BASE = getattr(sys, "_base_executable", None) or sys.executable


def programs(node: Path) -> Path:
    """Return the folder of a node's `python` and `pip`, and of the programs that are installed there."""
    return node / _FOLDER / "bin"


def make(node: Path) -> None:
    """Make, or make again, the Python of a node; what is installed in it stays."""
    root = node / _FOLDER
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root), "platbase": str(root)}))
    for folder in (programs(node), packages):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = _CONFIG.format(home=Path(_BASE).parent, version=sys.version.partition(" ")[0])
    (root / "pyvenv.cfg").write_text(config)
    (packages / "_workbench.pth").write_text(_path_file())
    for name in ("python", "python3", f"python{_VERSION}"):
        _link(programs(node) / name, _BASE)
    _link(root / "lib64", "lib")
    pip = programs(node) / "pip"
    if not pip.exists():
        pip.write_text(_PIP)
        pip.chmod(0o755)
    for name in ("pip3", f"pip{_VERSION}"):
        _link(programs(node) / name, "pip")


def _path_file() -> str:
    """Return the lines that add this environment's packages behind the node's, editable ones too."""
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return _ALONE + "".join(f"import site; site.addsitedir({folder!r})\n" for folder in folders)


def _link(place: Path, target: str) -> None:
    if not os.path.lexists(place):
        place.symlink_to(target)
