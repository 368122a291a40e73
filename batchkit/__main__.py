"""The `batchkit` program, ready for a Ctrl-C before anything is imported.

A KeyboardInterrupt that is raised inside an import's bookkeeping is swallowed, and the program would go on.
`batchkit local` needs none of the workbench's packages, so it leaves before they are imported.
"""

from __future__ import annotations

import os
import signal
import sys

from batchkit.launch import become_local

_NOT_FOUND = "batchkit: this command needs {name}, which is not installed: pip install 'batchkit[workbench]'"


def main() -> None:
    """Run the command line; until something has begun there is nothing to end, and a signal leaves at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    if sys.argv[1:2] == ["local"]:
        become_local(sys.argv[2:])
    try:
        from batchkit import cli  # all the rest, which takes a second
    except ModuleNotFoundError as error:
        sys.exit(_NOT_FOUND.format(name=error.name))
    cli.main()


def _leave(*_: object) -> None:
    os.write(2, b"batchkit: Interrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
