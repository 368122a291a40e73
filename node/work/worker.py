"""One share of a call: batches of records into reports, one a file, and all of them into one part.

Batches come from `reading`, whether it runs in this process or in one of its own; here pandas analyses them.
"""

import errno
import gc
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from node.contract import TASK_PARTIAL
from node.files import NAME_ERRORS, encode, one_line, write_whole
from node.reading.batches import Outcome
from node.reading.columns import Columns
from node.reading.content import Content
from node.reading.plan import Plan
from node.report.layout import Json, processed_report, rejected_report
from node.settings import Settings
from node.sums.groups import fold, fold_refunds, fold_together, valid_tables
from node.sums.mapped import count_found
from node.sums.partial import SPARSE, TABLES, Part, Source, add_counts, merge_into
from node.sums.tables import Batch, Tables
from node.sums.validation import validate

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
        contents: file number -> what it holds so far.
        unwritten: names of files whose reports could not be written; they are not in the total.
    """

    def __init__(self, output: Path, settings: Settings, plan: Plan | None = None) -> None:
        self.output = output
        self.settings = settings
        self.plan = plan or Plan(settings.required.extra)
        self.rules = settings.as_dict()
        self.total = Part(rules=self.rules, mapping=self.plan.document)
        self.halves: list[Half] = []
        self.unwritten: list[str] = []
        self.contents: defaultdict[int, Content] = defaultdict(Content.empty)
        if not gc.isenabled():
            gc.freeze()  # what the imports made is no garbage

    def run(self, batches: Iterable[Columns]) -> None:
        """Analyse all batches of one reader, and write a report for every task that is a whole file."""
        tables, parts = Tables(), Parts(self.rules, self.plan.document)
        for columns in batches:
            started = time.perf_counter()
            together = many_whole(columns, parts)
            analysed = self.analyse(tables.batch(columns), columns, parts) if columns.runs else None
            share = (time.perf_counter() - started) / max(len(columns.done), 1)
            for outcome in columns.done:
                outcome.seconds += share
                part = parts.pop(outcome.number, None) or Part(rules=self.rules, mapping=self.plan.document)
                if not self.finish(outcome, part, SPARSE if outcome.number in together else TABLES):
                    together.discard(outcome.number)
            if analysed and together:
                fold_together(*analysed, together, self.total)
            if not gc.isenabled():
                gc.collect()

    def analyse(
        self, batch: Batch, columns: Columns, parts: dict[int, Part]
    ) -> tuple[Batch, pd.DataFrame, pd.DataFrame]:
        """Validate a batch and add it to the parts of its files; returns it with its valid transactions and lines."""
        self.note_contents(batch, columns)
        if self.plan.mapping:
            count_found(batch, self.plan.mapping, parts)
        valid = validate(batch, self.settings, parts)
        sales, lines = valid_tables(batch, valid, self.settings)
        if self.settings.money.refunds:
            fold_refunds(batch, valid, self.settings, parts)
        fold(batch, sales, lines, self.settings, parts)
        return batch, sales, lines

    def note_contents(self, batch: Batch, columns: Columns) -> None:
        """Add a batch's records, valid or not, to the checksums of their files."""
        totals, start = batch.transactions["total"].to_numpy(), 0
        for number, _, count in columns.runs:
            end = start + count
            ids, timestamps = (texts.slice(start, end).data for texts in (batch.ids, batch.timestamps))
            self.contents[number].add(ids, timestamps, totals[start:end])
            start = end

    def finish(self, outcome: Outcome, part: Part, tables: Collection[str]) -> bool:
        """A task's last records are analysed: report a whole file, keep a part of one; False when that failed.

        The total gets these `tables`; the others are added for many files at once.
        """
        add_counts(part.unknown_fields, outcome.unknown)
        outcome.content = self.contents.pop(outcome.number, outcome.content)
        for record in part.bad_records:
            record.file = outcome.task.source.name
        if outcome.task.whole:
            return self.write(outcome, part, tables)
        self.halves.append(Half(outcome, part))
        return True

    def write(self, outcome: Outcome, part: Part, tables: Collection[str] = TABLES) -> bool:
        """One file's report and its line on stderr; its sums join the call's, unless the report cannot be written."""
        source = outcome.task.source
        report, said, found = self.rejected(outcome) if outcome.rejection else self.processed(outcome, part)
        try:
            refuse_taken(source.report)
            write_whole(self.output / source.report, encode(report))
        except OSError as error:
            if error.errno not in NAME_ERRORS:
                raise
            self.unwritten.append(source.name)
            say(source.name, f"failed: its report cannot be written ({error.strerror})")
            return False
        merge_into(self.total, found, tables)
        say(source.name, said)
        return True

    def about(self, outcome: Outcome) -> Json:
        """What a report says of its source."""
        mapped = {"mapping": self.plan.document} if self.plan.mapping else {}
        return {"name": outcome.task.source.name, "bytes": outcome.size, **mapped}

    def rejected(self, outcome: Outcome) -> tuple[Json, str, Part]:
        """The report of a file that could not be read, what is said of it, and what it gives to the sums."""
        source, rejection = outcome.task.source, outcome.rejection
        assert rejection is not None
        about = self.about(outcome)
        report = rejected_report(about, rejection.reason, rejection.byte_offset, outcome.seconds, self.rules)
        found = Part(sources=[Source(source.name, outcome.size, rejection.reason)])
        return report, f"rejected: {rejection.reason}", found

    def processed(self, outcome: Outcome, part: Part) -> tuple[Json, str, Part]:
        """The same of a file that was read."""
        source = outcome.task.source
        part.warnings += [(source.name, note) for note in self.plan.notes]
        part.sources = [Source(source.name, outcome.size, None, outcome.content.text(outcome.size))]
        about = self.about(outcome)
        report = processed_report(part, about, describe(outcome, part), outcome.seconds, with_file=False)
        counts = report["validation"]
        return report, f"processed {counts['valid_transactions']} of {counts['total_transactions']}", part


def refuse_taken(report: str) -> None:
    """A report below `task.partial` would take the place of the partial.

    Raises:
        NotADirectoryError: it lies there.
    """
    if report.split("/")[0] == TASK_PARTIAL:
        raise NotADirectoryError(errno.ENOTDIR, f"{TASK_PARTIAL} is the partial's own name")


def say(name: str, text: str) -> None:
    """A file's line on stderr, in one write: two processes share the stream."""
    sys.stderr.write(f"{one_line(name)} {one_line(text)}\n")


class Parts(dict[int, Part]):
    """File number -> its sums so far, empty at first."""

    def __init__(self, rules: dict[str, Any], mapping: dict[str, Any]) -> None:
        super().__init__()
        self.rules = rules
        self.mapping = mapping

    def __missing__(self, number: int) -> Part:
        self[number] = part = Part(rules=self.rules, mapping=self.mapping)
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
