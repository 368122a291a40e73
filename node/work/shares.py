"""The shares of a call, analysed side by side and put together.

The second share is analysed by a fork of this process, which inherits pandas and the pipe from its reader.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from node.reading.batches import Outcome, read_tasks
from node.reading.columns import Columns
from node.reading.plan import Plan
from node.reading.shards import Task
from node.settings import Settings
from node.sums.partial import Part, merge_into
from node.work.children import children
from node.work.worker import Half, Worker


def analyse(streams: list[Iterable[Columns]], output: Path, settings: Settings, plan: Plan) -> tuple[Part, list[str]]:
    """Write the reports of one or two shares of a call; returns the sum of all files, and those without a report.

    Raises:
        WorkerError: a process of the call was killed.
    """
    worker = Worker(output, settings, plan)
    if len(streams) == 1:
        worker.run(streams[0])
        return worker.total, worker.unwritten
    with children() as start:
        second = start(analysed(Worker(output, settings, plan), streams[1]))
        worker.run(streams[0])
        [(total, halves, unwritten)] = second
    for first_half, second_half in zip(worker.halves, halves, strict=True):
        put_together(worker, first_half, second_half)
    merge_into(worker.total, total)
    return worker.total, sorted(worker.unwritten + unwritten)


def analysed(worker: Worker, stream: Iterable[Columns]) -> Iterator[tuple[Part, list[Half], list[str]]]:
    """One share's sum, its half of a file that both read, and what it could not write; made in the fork."""
    worker.run(stream)
    yield worker.total, worker.halves, worker.unwritten


def put_together(worker: Worker, first: Half, second: Half) -> None:
    """Finish a file that was read in halves, or read it again as one when the halves are not proven."""
    ours, theirs = first.outcome, second.outcome
    if ours.proven and (theirs.proven or theirs.rejection) and not ours.rejection:
        worker.write(*joined(first, second))
    else:
        worker.run(read_tasks([Task(ours.task.source)], worker.plan))


def joined(first: Half, second: Half) -> tuple[Outcome, Part]:
    """A whole file from its two proven halves."""
    for record in second.part.bad_records:
        record.index += first.outcome.count
    merge_into(first.part, second.part)
    outcome = second.outcome
    outcome.task = Task(first.outcome.task.source)
    outcome.header = first.outcome.header | outcome.header
    outcome.count += first.outcome.count
    first.outcome.content.append(outcome.content)
    outcome.content = first.outcome.content
    outcome.seconds = max(first.outcome.seconds, outcome.seconds)
    return outcome, first.part
