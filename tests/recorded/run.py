"""`make recorded`: recorded requests of the real Azure Batch sent to the local one, and where the answers differ.

Runs inside a local Azure with keys allowed, `batchkit local --allow-shared-key --speed 600 -- python -m recorded.run`:
  --plane batch|arm     one plane alone          --operation REGEX   only groups with such an operation, and its pairs
  --group N,N           these groups alone       --file FILE         other recordings in the same form
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import requests
from measured import record

from recorded import pairs
from recorded.comparing import Difference
from recorded.known import Known
from recorded.replay import Replay
from recorded.report import Report
from recorded.service import Service

COUNTS = Path(__file__).parents[2] / "batchkit/local/recorded.json"  # COVERAGE.md tells them


def main(words: list[str]) -> int:
    """Replay what is asked for, print the report, keep its counts; 1 when a difference is left unexplained."""
    options = _options(words)
    report = Report(Known())
    service = Service()
    for group in pairs.read(options.file):
        if _wanted(options, group):
            replay(service, group, report, options.operation)
    print(report.text())
    if not words:
        COUNTS.write_text(report.counts())
        record("recorded", "make recorded", agree=report.whole, of=report.all, exact=report.exact)
    return 1 if report.causes else 0


def replay(service: Service, group: list[pairs.Pair], report: Report, operation: str = ".*") -> None:
    """Replay one group into the report."""
    story = Replay(service, group)
    for pair in group:
        try:
            found = story.send(pair)
        except (requests.RequestException, KeyError, TypeError, ValueError) as failure:
            found = [Difference("failed", "", "", f"{type(failure).__name__}: {failure}"[:150])]
        if not pair.repeat and re.fullmatch(operation, pair.operation):
            report.add(pair, found)
    story.end()


def _wanted(options: argparse.Namespace, group: list[pairs.Pair]) -> bool:
    return (
        options.plane in (None, group[0].plane)
        and (not options.group or str(group[0].group) in options.group.split(","))
        and any(re.fullmatch(options.operation, pair.operation) for pair in group)
    )


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recorded", description=__doc__)
    parser.add_argument("--plane", choices=["batch", "arm"])
    parser.add_argument("--operation", default=".*")
    parser.add_argument("--group", default="")
    parser.add_argument("--file", type=Path, default=pairs.FILE)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
