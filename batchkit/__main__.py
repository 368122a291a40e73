"""The `batchkit` program, ready for a Ctrl-C before anything is imported.

A KeyboardInterrupt that is raised inside an import's bookkeeping is swallowed, and the program would go on.
"""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; until something has begun there is nothing to end, and a signal leaves at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from batchkit import cli  # all the rest, which takes a second

    cli.main()


def _leave(*_: object) -> None:
    os.write(2, b"batchkit: Interrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
