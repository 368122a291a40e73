"""One process's share of a call: its files into reports, all of them into one part.

Files are read one after the other into common columns; when these are worth it, pandas analyses them all at once.
"""

import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.analyse import fold
from node.columns import Collector
from node.contract import RejectedFile
from node.files import encode, write_whole
from node.ingest import Reader, Records
from node.partial import Part, Source, add_counts, merge_into
from node.records import Repaired
from node.report import processed_report, rejected_report
from node.settings import Settings
from node.shards import Task
from node.validate import validate

BATCH_ROWS = 200_000
BATCH_FILES = 2_000


@dataclass
class Job:
    """A task on its way.

    Attributes:
        number: its key in the columns.
        header: what the file's top level says beside its transactions.
        count: transactions read.
        proven: a task that is a part of a file began and ended between two records of its list.
    """

    task: Task
    number: int
    part: Part
    header: dict[str, Any] = field(default_factory=dict)
    rejection: RejectedFile | None = None
    size: int = 0
    count: int = 0
    seconds: float = 0.0
    proven: bool = False


class Worker:
    """Processes tasks into a folder of reports.

    Attributes:
        total: the sum of all files that are finished.
        halves: parts of files, left to be put together.
    """

    def __init__(self, output: Path, settings: Settings) -> None:
        self.output = output
        self.settings = settings
        self.rules = settings.as_dict()
        self.total = Part(rules=self.rules)
        self.halves: list[Job] = []
        self.collector = Collector(settings.required.extra)
        self.parts: dict[int, Part] = {}
        self.names: dict[int, str] = {}
        self.done: list[Job] = []

    def run(self, tasks: list[Task]) -> None:
        """Write a report for every task that is a whole file."""
        for task in tasks:
            self.done.append(self.read(task))
            if len(self.collector) >= BATCH_ROWS or len(self.done) >= BATCH_FILES:
                self.finish()
        self.finish()

    def read(self, task: Task) -> Job:
        """One task's records into the columns."""
        started = time.perf_counter()
        job = Job(task, self.open_part(task.source.name), Part())
        try:
            with task.source.path.open("rb") as stream:
                reader = Reader(stream, self.settings.required.extra, task.stop)
                self.take(job, reader, reader.read_from(task.start, task.boundary) if task.start else reader.read())
                job.size = stream.seek(0, 2)
            job.header = reader.header
            job.proven = reader.stopped if task.stop is not None else reader.restarts == 0
            counted = self.parts[job.number].unknown_fields
            add_counts(counted, {name: reader.unknown.count(name) for name in reader.unknown})
        except RejectedFile as rejection:
            job.rejection, job.size = rejection, task.source.path.stat().st_size
        except OSError as error:
            job.rejection = RejectedFile(f"the file cannot be read: {error.strerror}")
        job.part = self.parts[job.number]
        job.seconds = time.perf_counter() - started
        return job

    def open_part(self, name: str) -> int:
        """A new file number with an empty part."""
        number = len(self.names)
        self.names[number] = name
        self.parts[number] = Part(rules=self.rules)
        return number

    def take(self, job: Job, reader: Reader, found: Iterator[Records]) -> None:
        """The records of a file; when a second list of transactions begins, the first is void."""
        restarts = 0
        for records in found:
            if reader.restarts != restarts:
                job.number, job.count, restarts = self.open_part(job.task.source.name), 0, reader.restarts
            if isinstance(records, Repaired):
                self.collector.add_repaired(job.number, job.count, records)
                counted = self.parts[job.number].unknown_fields
                add_counts(counted, {name: records.unknown.count(name) for name in records.unknown})
                job.count += 1
            else:
                self.collector.add(job.number, job.count, records)
                job.count += len(records)
            if len(self.collector) >= BATCH_ROWS:
                self.analyse()
        if reader.restarts != restarts:
            job.number, job.count = self.open_part(job.task.source.name), 0

    def analyse(self) -> None:
        """Validate and analyse what the columns hold, and empty them."""
        if len(self.collector):
            batch = self.collector.batch()
            valid = validate(batch, self.settings, self.parts, self.names)
            fold(batch, valid, self.settings, self.parts)
            del batch
        self.collector.clear()
        if not gc.isenabled():
            gc.collect()

    def finish(self) -> None:
        """Analyse the rest of the tasks read so far; whole files get their reports."""
        started = time.perf_counter()
        self.analyse()
        share = (time.perf_counter() - started) / max(len(self.done), 1)
        for job in self.done:
            job.seconds += share
            if job.task.whole:
                self.write(job)
            else:
                self.halves.append(job)
        self.done.clear()
        self.parts.clear()

    def write(self, job: Job) -> None:
        """One file's report and its line on stderr; its sums join the call's."""
        source = job.task.source
        about: dict[str, Any] = {"name": source.name, "bytes": job.size}
        if job.rejection:
            reason = job.rejection.reason
            report = rejected_report(about, reason, job.rejection.byte_offset, job.seconds, self.rules)
            merge_into(self.total, Part(sources=[Source(source.name, job.size, reason)]))
            said = f"rejected: {reason}"
        else:
            batch_id = describe(job)
            report = processed_report(job.part, about, batch_id, job.seconds, with_file=False)
            job.part.sources = [Source(source.name, job.size)]
            merge_into(self.total, job.part)
            counts = report["validation"]
            said = f"processed {counts['valid_transactions']} of {counts['total_transactions']}"
        write_whole(self.output / source.report, encode(report))
        sys.stderr.write(f"{source.name} {said}\n")  # in one write: two processes share the stream


def describe(job: Job) -> str:
    """A file's batch_id; what is odd about its top level becomes a warning."""
    name, stated = job.task.source.name, job.header.get("transaction_count")
    if stated is not None and (type(stated) is not int or stated != job.count):
        job.part.warnings.append((name, f"transaction_count is {stated!r}, but there are {job.count} transactions"))
    batch_id = job.header.get("batch_id")
    if batch_id is not None and (type(batch_id) not in (str, int) or batch_id == ""):
        job.part.warnings.append((name, "batch_id is not a text; the file's name stands for it"))
        batch_id = None
    return name if batch_id is None else str(batch_id)


def joined(first: Job, second: Job) -> Job:
    """A whole file's job from the jobs of its two proven halves."""
    for record in second.part.bad_records:
        record.index += first.count
    merge_into(first.part, second.part)
    second.part = first.part
    second.task = Task(first.task.source)
    second.header = first.header | second.header
    second.count += first.count
    second.seconds = max(first.seconds, second.seconds)
    return second
