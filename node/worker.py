"""One share of a call: batches of records into reports, one a file, and all of them into one part.

Batches come from `reading`, whether it runs in this process or in one of its own; here pandas analyses them.
"""

import gc
import sys
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.analyse import fold, fold_together, valid_tables
from node.columns import Columns
from node.files import encode, write_whole
from node.partial import SPARSE, TABLES, Part, Source, add_counts, merge_into
from node.reading import Outcome
from node.report import processed_report, rejected_report
from node.settings import Settings
from node.tables import Batch, Tables
from node.validate import validate

MANY = 10  # files; for fewer it is quicker to add them up one by one


@dataclass
class Half:
    """A half of a file: what the reading says, and the sums."""

    outcome: Outcome
    part: Part


class Worker:
    """Processes batches into a folder of reports.

    Attributes:
        total: the sum of all files that are finished.
        halves: halves of files, left to be put together.
    """

    def __init__(self, output: Path, settings: Settings) -> None:
        self.output = output
        self.settings = settings
        self.rules = settings.as_dict()
        self.total = Part(rules=self.rules)
        self.halves: list[Half] = []
        if not gc.isenabled():
            gc.freeze()  # what the imports made is no garbage

    def run(self, batches: Iterable[Columns]) -> None:
        """Analyse all batches of one reader, and write a report for every task that is a whole file."""
        tables, parts = Tables(), Parts(self.rules)
        for columns in batches:
            started = time.perf_counter()
            together = many_whole(columns, parts)
            if columns.runs:
                self.analyse(tables.batch(columns), parts, together)
            share = (time.perf_counter() - started) / max(len(columns.done), 1)
            for outcome in columns.done:
                outcome.seconds += share
                part = parts.pop(outcome.number, None) or Part(rules=self.rules)
                self.finish(outcome, part, SPARSE if outcome.number in together else TABLES)
            if not gc.isenabled():
                gc.collect()

    def analyse(self, batch: Batch, parts: dict[int, Part], together: set[int]) -> None:
        """Validate and analyse a batch; the tables of the files `together` are added to the total at once."""
        valid = validate(batch, self.settings, parts)
        sales, lines = valid_tables(batch, valid)
        fold(batch, sales, lines, self.settings, parts)
        if together:
            fold_together(batch, sales, lines, together, self.total)

    def finish(self, outcome: Outcome, part: Part, tables: Collection[str]) -> None:
        """A task's last records are analysed: report a whole file, keep a part of one.

        The total gets these `tables`, and has the others already.
        """
        add_counts(part.unknown_fields, outcome.unknown)
        for record in part.bad_records:
            record.file = outcome.task.source.name
        if outcome.task.whole:
            self.write(outcome, part, tables)
        else:
            self.halves.append(Half(outcome, part))

    def write(self, outcome: Outcome, part: Part, tables: Collection[str] = TABLES) -> None:
        """One file's report and its line on stderr; its sums join the call's."""
        source = outcome.task.source
        about: dict[str, Any] = {"name": source.name, "bytes": outcome.size}
        if outcome.rejection:
            reason = outcome.rejection.reason
            report = rejected_report(about, reason, outcome.rejection.byte_offset, outcome.seconds, self.rules)
            merge_into(self.total, Part(sources=[Source(source.name, outcome.size, reason)]))
            said = f"rejected: {reason}"
        else:
            batch_id = describe(outcome, part)
            report = processed_report(part, about, batch_id, outcome.seconds, with_file=False)
            part.sources = [Source(source.name, outcome.size)]
            merge_into(self.total, part, tables)
            counts = report["validation"]
            said = f"processed {counts['valid_transactions']} of {counts['total_transactions']}"
        write_whole(self.output / source.report, encode(report))
        sys.stderr.write(f"{source.name} {said}\n")  # in one write: two processes share the stream


class Parts(dict[int, Part]):
    """File number -> its sums so far, empty at first."""

    def __init__(self, rules: dict[str, Any]) -> None:
        super().__init__()
        self.rules = rules

    def __missing__(self, number: int) -> Part:
        self[number] = part = Part(rules=self.rules)
        return part


def many_whole(columns: Columns, parts: dict[int, Part]) -> set[int]:
    """Numbers of the files that begin and end in these columns and count, when they are many."""
    found = {outcome.number for outcome in columns.done if outcome.task.whole and not outcome.rejection}
    found -= parts.keys()
    return found if len(found) >= MANY else set()


def describe(outcome: Outcome, part: Part) -> str:
    """A file's batch_id; what is odd about its top level becomes a warning."""
    name, stated = outcome.task.source.name, outcome.header.get("transaction_count")
    if stated is not None and (type(stated) is not int or stated != outcome.count):
        part.warnings.append((name, f"transaction_count is {stated!r}, but there are {outcome.count} transactions"))
    batch_id = outcome.header.get("batch_id")
    if batch_id is not None and (type(batch_id) not in (str, int) or batch_id == ""):
        part.warnings.append((name, "batch_id is not a text; the file's name stands for it"))
        batch_id = None
    return name if batch_id is None else str(batch_id)
