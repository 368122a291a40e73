"""`process`: every input into a report, and the whole call into one mergeable partial.

Files are read one after the other into common columns; when these are worth it, pandas analyses them all at once.
"""

import gc
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.analyse import fold
from node.columns import Collector
from node.contract import TASK_PARTIAL, RejectedFile
from node.files import Input, encode, find_inputs, write_whole
from node.ingest import Reader
from node.partial import Part, Source, add_counts, encode_part, merge_into
from node.records import Repaired
from node.report import processed_report, rejected_report
from node.settings import Settings
from node.validate import validate

BATCH_ROWS = 200_000
BATCH_FILES = 2_000


@dataclass
class Job:
    """One input on its way; `number` is its key in the columns."""

    source: Input
    number: int
    part: Part
    batch_id: str | None = None
    rejection: RejectedFile | None = None
    size: int = 0
    seconds: float = 0.0


@dataclass
class Worker:
    """Processes inputs into a folder of reports."""

    output: Path
    settings: Settings
    total: Part = field(init=False)
    collector: Collector = field(default_factory=Collector)
    parts: dict[int, Part] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    done: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = self.settings.as_dict()
        self.total = Part(rules=self.rules)

    def process(self, inputs: list[Input]) -> None:
        """Write a report for every input, and the partial of them all."""
        self.output.mkdir(parents=True, exist_ok=True)
        for source in inputs:
            self.done.append(self.read(source))
            if len(self.collector) >= BATCH_ROWS or len(self.done) >= BATCH_FILES:
                self.finish()
        self.finish()
        write_whole(self.output / TASK_PARTIAL, encode_part(self.total))

    def read(self, source: Input) -> Job:
        """One file's records into the columns."""
        started = time.perf_counter()
        job = Job(source, self.open_part(source.name), Part())
        try:
            with source.path.open("rb") as stream:
                reader = Reader(stream, self.settings.required.extra)
                self.take(job, reader)
                self.describe(job, reader)
        except RejectedFile as rejection:
            job.rejection = rejection
        except OSError as error:
            job.rejection = RejectedFile(f"the file cannot be read: {error.strerror}")
        job.size = source.path.stat().st_size
        job.part = self.parts[job.number]
        job.seconds = time.perf_counter() - started
        return job

    def open_part(self, name: str) -> int:
        """A new file number with an empty part."""
        number = len(self.names)
        self.names[number] = name
        self.parts[number] = Part(rules=self.rules)
        return number

    def take(self, job: Job, reader: Reader) -> None:
        """The records of a file; when a second list of transactions begins, the first is void."""
        index = restarts = 0
        for records in reader.read():
            if reader.restarts != restarts:
                job.number, index, restarts = self.open_part(job.source.name), 0, reader.restarts
            if isinstance(records, Repaired):
                self.collector.add_repaired(job.number, index, records)
                counted = self.parts[job.number].unknown_fields
                add_counts(counted, {name: records.unknown.count(name) for name in records.unknown})
                index += 1
            else:
                self.collector.add(job.number, index, records)
                index += len(records)
            if len(self.collector) >= BATCH_ROWS:
                self.analyse()
        self.check_count(job, reader, index)

    def check_count(self, job: Job, reader: Reader, count: int) -> None:
        """Warn of a transaction_count that is not the list's length."""
        stated = reader.header.get("transaction_count")
        if stated is not None and (type(stated) is not int or stated != count):
            text = f"transaction_count is {stated!r}, but there are {count} transactions"
            self.parts[job.number].warnings.append((job.source.name, text))

    def describe(self, job: Job, reader: Reader) -> None:
        """What the top level says beside its transactions."""
        part = self.parts[job.number]
        add_counts(part.unknown_fields, {name: reader.unknown.count(name) for name in reader.unknown})
        stated = reader.header.get("batch_id")
        if stated is not None and (type(stated) not in (str, int) or stated == ""):
            part.warnings.append((job.source.name, "batch_id is not a text; the file's name stands for it"))
            stated = None
        job.batch_id = job.source.name if stated is None else str(stated)

    def analyse(self) -> None:
        """Validate and analyse what the columns hold, and empty them."""
        if len(self.collector):
            batch = self.collector.batch()
            valid = validate(batch, self.settings, self.parts, self.names)
            fold(batch, valid, self.settings, self.parts)
        self.collector = Collector()
        gc.collect()

    def finish(self) -> None:
        """Analyse the rest of the files read so far and write their reports."""
        started = time.perf_counter()
        self.analyse()
        share = (time.perf_counter() - started) / max(len(self.done), 1)
        for job in self.done:
            job.seconds += share
            self.write(job)
        self.done.clear()
        self.parts.clear()

    def write(self, job: Job) -> None:
        """One input's report and its line on stderr; its sums join the call's."""
        about: dict[str, Any] = {"name": job.source.name, "bytes": job.size}
        rejection = job.rejection
        if rejection:
            report = rejected_report(about, rejection.reason, rejection.byte_offset, job.seconds, self.rules)
            merge_into(self.total, Part(sources=[Source(job.source.name, job.size, rejection.reason)]))
            said = f"rejected: {rejection.reason}"
        else:
            report = processed_report(job.part, about, job.batch_id, job.seconds, with_file=False)
            job.part.sources = [Source(job.source.name, job.size)]
            merge_into(self.total, job.part)
            counts = report["validation"]
            said = f"processed {counts['valid_transactions']} of {counts['total_transactions']}"
        write_whole(self.output / job.source.report, encode(report))
        print(job.source.name, said, file=sys.stderr)


def process(paths: list[Path], output: Path, settings: Settings) -> None:
    """The command: see CONTRACT in the README.

    Raises:
        UsageError: before any work, when a path or an output name is wrong.
        OSError: the output cannot be written.
    """
    inputs = find_inputs(paths)
    gc.disable()
    Worker(output, settings).process(inputs)
