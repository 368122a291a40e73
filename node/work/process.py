"""`process`: every input into a report, and the whole call into one mergeable partial.

A call with enough bytes has two readers and two analysing processes, each for half of the bytes (see `shards`). The
readers are processes that need neither numpy nor pandas, so they are at work while these are being imported here;
then this process and a fork of it analyse what the readers send.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from node.contract import TASK_PARTIAL, WorkerError
from node.files import make_writable, one_line, write_whole
from node.mapping.file import Mapping
from node.reading.batches import read_tasks
from node.reading.columns import Columns
from node.reading.inputs import find_inputs
from node.reading.plan import Plan
from node.reading.shards import Task, plan_shards
from node.settings import Settings
from node.work.children import children


def process(paths: list[Path], output: Path, settings: Settings, mapping: Mapping | None = None) -> None:
    """Write a report for every input, and the partial of them all, into `output`.

    Raises:
        UsageError: before any work, when a path or an output name is wrong.
        WorkerError: nothing can be written into the output; a process of the call was killed; or one report could not
            be written, and all others are there.
    """
    plan = Plan(settings.required.extra, mapping)
    found = find_inputs(paths, output, plan.endings)
    make_writable(output)
    if found.left_out_line():
        print(one_line(found.left_out_line()), file=sys.stderr)
    with reading(plan_shards(found.inputs, plan), plan) as streams:
        # These bring pandas, so not before the readers have started.
        from node.sums.partial import encode_part
        from node.work.shares import analyse

        total, unwritten = analyse(streams, output, settings, plan)
    write_whole(output / TASK_PARTIAL, *encode_part(total))
    if unwritten:
        count = len(found.inputs)
        raise WorkerError(f"{len(unwritten)} of {count} reports could not be written, as said above; all others are.")


@contextmanager
def reading(shards: list[list[Task]], plan: Plan) -> Iterator[list[Iterable[Columns]]]:
    """The batches of each share: read by this process when it is the only one, else each by a process of its own."""
    streams = [read_tasks(tasks, plan) for tasks in shards]
    if len(streams) == 1:
        yield list(streams)
        return
    with children() as start:
        yield [start(stream) for stream in streams]
