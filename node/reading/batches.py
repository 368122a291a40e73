"""Tasks into batches: read files one after the other into common columns, until there are enough rows.

This is all that a reading process does, and it imports neither numpy nor pandas.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from node.contract import RejectedFile
from node.mapping.lines import Group
from node.reading.columns import Collector, Columns
from node.reading.content import Content
from node.reading.document import Reader
from node.reading.inputs import open_input
from node.reading.layout import Records
from node.reading.plan import Plan
from node.reading.shards import Task
from node.reading.transactions import Repaired

BATCH_ROWS = 200_000
BATCH_FILES = 2_000


class Outcome(msgspec.Struct):
    """What became of a task.

    Attributes:
        number: its number in the columns; another number that the task had before is void.
        header: what the file's top level says beside its transactions.
        size: of the file, in bytes.
        count: transactions read.
        proven: a task that is a part of a file began and ended between two records of its list.
        unknown: keys that the contract does not know -> how many.
        content: what it holds, which the analysis finds.
    """

    task: Task
    number: int
    header: dict[str, Any] = {}
    rejection: RejectedFile | None = None
    size: int = 0
    count: int = 0
    seconds: float = 0.0
    proven: bool = False
    unknown: dict[str, int] = {}
    content: Content = msgspec.field(default_factory=Content.empty)

    def note_unknown(self, names: Iterable[str]) -> None:
        """Count unknown keys."""
        add_counts(self.unknown, Counter(names))


def add_counts(counts: dict[str, int], more: dict[str, int]) -> None:
    """Add plain counts."""
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def read_tasks(tasks: list[Task], plan: Plan | None = None) -> Iterator[Columns]:
    """The batches of these tasks, in order; each task's outcome comes with its last records."""
    reading = Reading(plan or Plan())
    for task in tasks:
        yield from reading.read(task)
    yield reading.take()


class Reading:
    """The columns that are being filled, and the tasks whose records are all in them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.collector = Collector(plan.extra, plan.sheets)
        self.grouping = plan.sheets is not None and plan.sheets.group is not None
        self.done: list[Outcome] = []
        self.numbers = 0

    def next_number(self) -> int:
        """A file number that no record has yet."""
        self.numbers += 1
        return self.numbers

    def take(self) -> Columns:
        """What was read since the last call."""
        columns = self.collector.take()
        columns.done, self.done = self.done, []
        return columns

    def read(self, task: Task) -> Iterator[Columns]:
        """One task's records, as far as they do not fit into the present batch."""
        started = time.perf_counter()
        outcome = Outcome(task, self.next_number())
        try:
            with open_input(task.source.path) as stream:
                outcome.size = os.fstat(stream.fileno()).st_size
                reader = Reader(self.plan.unpacked(stream), self.plan.layout, task.stop)
                found = reader.read_from(task.start, task.boundary) if task.boundary else reader.read()
                yield from self.collect_groups(outcome, reader, found) if self.grouping else self.collect(
                    outcome, reader, found
                )  # fmt: skip
                outcome.size = stream.seek(0, 2)
            outcome.header = reader.header
            outcome.proven = reader.stopped if task.stop is not None else reader.restarts == 0
            if not self.plan.mapping:  # a mapping knows only what it needs
                outcome.note_unknown(reader.unknown)
        except RejectedFile as rejection:
            outcome.rejection = rejection
        except OSError as error:
            outcome.rejection = RejectedFile(f"the file cannot be read: {error.strerror or error}")
        outcome.seconds = time.perf_counter() - started
        self.done.append(outcome)
        if len(self.done) >= BATCH_FILES:
            yield self.take()

    def collect(self, outcome: Outcome, reader: Reader, found: Iterator[Records]) -> Iterator[Columns]:
        """The records of a file; when a second list of transactions begins, the first is void."""
        restarts = 0
        for records in found:
            if reader.restarts != restarts:
                restarts = reader.restarts
                self.restart(outcome)
            if isinstance(records, Repaired):
                self.collector.add_repaired(outcome.number, outcome.count, records)
                outcome.note_unknown(records.unknown)
                outcome.count += 1
            else:
                add_counts(outcome.unknown, self.plan.layout.unknown(records))
                self.collector.add(outcome.number, outcome.count, records)
                outcome.count += len(records)
            if len(self.collector) >= BATCH_ROWS:
                yield self.take()
        if reader.restarts != restarts:
            self.restart(outcome)

    def collect_groups(self, outcome: Outcome, reader: Reader, found: Iterator[Records]) -> Iterator[Columns]:
        """The rows of a file as groups, in the order of their first rows; a row without a key is one by itself."""
        assert self.plan.sheets is not None
        groups: dict[Any, Group] = {}
        index = restarts = 0
        for records in found:
            if reader.restarts != restarts:
                groups, index, restarts = {}, 0, reader.restarts
            assert isinstance(records, list)
            for key, row in zip(self.plan.sheets.keys(records), records, strict=True):
                groups.setdefault((index,) if key is None or key == "" else str(key), Group(index, [])).rows.append(row)
                index += 1
        if reader.restarts != restarts:
            groups = {}
        for group in groups.values():
            self.collector.add(outcome.number, group.index, [group])
            if len(self.collector) >= BATCH_ROWS:
                yield self.take()
        outcome.count = len(groups)

    def restart(self, outcome: Outcome) -> None:
        """Forget what was read of a task."""
        outcome.number, outcome.count, outcome.unknown = self.next_number(), 0, {}
