"""Installs what tests take from npm, once, by a lock with hashes, with the node that Azurite runs with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from batchkit.local.azurite.install import node

HERE = Path(__file__).parent


def install() -> None:
    """Install unless the lock was installed already."""
    done = HERE / "node_modules/.package-lock.json"
    if not done.exists() or done.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        npm = node().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
        subprocess.run([node(), npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)


if __name__ == "__main__":
    install()
