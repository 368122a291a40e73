"""`process`: every input into a report, and the whole call into one mergeable partial.

A call with enough bytes is shared by two readers and two analysts, each share half of the bytes (see `shards`). The
readers are processes that need neither numpy nor pandas, so they are at work while these are being imported here;
then this process and a fork of it analyse what the readers send.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from node.columns import Columns
from node.contract import TASK_PARTIAL
from node.files import find_inputs, write_whole
from node.processes import children
from node.reading import read_tasks
from node.settings import Settings
from node.shards import Task, plan_shards


def process(paths: list[Path], output: Path, settings: Settings) -> None:
    """Write a report for every input, and the partial of them all, into `output`.

    Raises:
        UsageError: before any work, when a path or an output name is wrong.
        OSError: the output cannot be written.
        WorkerError: a process of the call was killed.
    """
    inputs = find_inputs(paths)
    output.mkdir(parents=True, exist_ok=True)
    with reading(plan_shards(inputs), settings) as streams:
        from node.analysts import analyse  # pandas comes with it, so not before the readers have started
        from node.partial import encode_part

        total = analyse(streams, output, settings)
    write_whole(output / TASK_PARTIAL, *encode_part(total))


@contextmanager
def reading(shards: list[list[Task]], settings: Settings) -> Iterator[list[Iterable[Columns]]]:
    """The batches of each share: read by this process when it is the only one, else each by a process of its own."""
    streams = [read_tasks(tasks, settings.required.extra) for tasks in shards]
    if len(streams) == 1:
        yield list(streams)
        return
    with children() as start:
        yield [start(stream) for stream in streams]
