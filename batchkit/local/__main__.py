"""`python -m batchkit.local [OPTIONS] [-- COMMAND...]`; the options are in `_parser`.

With COMMAND: start the local Azure, run COMMAND with the environment that points the clients at it,
stop it, exit with COMMAND's code. Without: print that environment and stay until interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from batchkit.local.options import Options

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def main(arguments: list[str]) -> int:
    """Run a local Azure as the arguments say; return the exit code."""
    early = _note_signals()
    try:
        from batchkit.local.supervisor import supervise  # slow to import, and signals may come from now on
    except ModuleNotFoundError as error:
        print(f"error: the local Azure needs {error.name}: pip install 'batchkit[local]'", file=sys.stderr)
        return 1
    return supervise(_options(arguments), early)


def _note_signals() -> list[int]:
    """Return a list that takes the signals that come before the supervisor has handlers of its own.

    A handler that raised instead could raise inside an import's bookkeeping, where it is swallowed.
    Whoever became this program by exec may have blocked signals over it: they come now.
    """
    early: list[int] = []
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
            signal.signal(number, lambda number, _frame: early.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    return early


def _options(arguments: list[str]) -> Options:
    own, command = arguments, list[str]()
    if "--" in arguments:
        at = arguments.index("--")
        own, command = arguments[:at], arguments[at + 1 :]
    named = _parser().parse_args(own)
    return Options(**vars(named), command=tuple(command))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="batchkit local",
        usage="%(prog)s [--speed N] [--state DIR] [--allow-shared-key] [--show-storage-key] [--faults FILE] "
        "[--as-recorded] [--azure-names] [-- COMMAND...]",
        description="A local Azure Batch with its storage and identity, for Azure's own clients.",
        allow_abbrev=False,
    )
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="divide the service's waits by N")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep everything in DIR across restarts")
    parser.add_argument(
        "--allow-shared-key", action="store_true", help="also open Batch to clients with an account key"
    )
    parser.add_argument(
        "--show-storage-key", action="store_true", help="also hand out the storage account's key, for clients that sign"
    )
    parser.add_argument("--faults", type=_faults, metavar="FILE", help="a TOML file of what Batch is to do wrong")
    parser.add_argument(
        "--as-recorded", action="store_true", help="spell enumerations as recordings of Azure do, for every API version"
    )
    parser.add_argument(
        "--azure-names",
        action="store_true",
        help="lead management.azure.com and ACCOUNT.local.batch.azure.com here, through a proxy (HTTPS_PROXY)",
    )
    return parser


def _faults(text: str) -> Path:
    # After the handlers for signals, and only if there is a plan.
    from batchkit.local.batch.state.fault_plan import FaultError, read_file

    try:
        read_file(Path(text))
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text).resolve()


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return speed


if __name__ == "__main__":
    # A folder that this is started from must not lend its modules to a service.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
    sys.exit(main(sys.argv[1:]))
