"""`python -m batchkit.local.azurite install`: put the pinned Azurite into this environment, once."""

from __future__ import annotations

import sys

from batchkit.local.azurite.install import InstallError, install


def main(arguments: list[str]) -> int:
    """Install Azurite; return 0, 1 when npm fails, 2 for wrong arguments."""
    if arguments != ["install"]:
        print("usage: python -m batchkit.local.azurite install", file=sys.stderr)
        return 2
    try:
        install()
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
