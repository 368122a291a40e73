"""`process`: every input into a report, and the whole call into one mergeable partial.

A call with enough bytes is shared by two readers and two analysts, each share half of the bytes (see `shards`). The
readers are processes that need neither numpy nor pandas, so they are at work while these are being imported here;
then this process and a fork of it analyse what the readers send.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from node.contract import TASK_PARTIAL
from node.files import find_inputs, write_whole
from node.processes import Child
from node.reading import read_tasks
from node.settings import Settings
from node.shards import Task, plan_shards

if TYPE_CHECKING:  # imported where it is needed: it brings pandas, and the readers are to start before that
    from node.worker import Half, Worker


def process(paths: list[Path], output: Path, settings: Settings) -> None:
    """Write a report for every input, and the partial of them all, into `output`.

    Raises:
        UsageError: before any work, when a path or an output name is wrong.
        OSError: the output cannot be written.
        WorkerError: a process of the call was killed.
    """
    inputs = find_inputs(paths)
    output.mkdir(parents=True, exist_ok=True)
    shards = plan_shards(inputs)
    worker = run(output, settings, shards[0]) if len(shards) == 1 else run_both(output, settings, shards)
    from node.partial import encode_part

    write_whole(output / TASK_PARTIAL, *encode_part(worker.total))


def run(output: Path, settings: Settings, tasks: list[Task]) -> "Worker":
    """One share, in this process alone."""
    from node.worker import Worker

    worker = Worker(output, settings)
    worker.run(read_tasks(tasks, settings.required.extra))
    return worker


def run_both(output: Path, settings: Settings, shards: list[list[Task]]) -> "Worker":
    """Two shares at the same time, put together."""
    with ExitStack() as stack:

        def start(work: Callable[[], Iterator[object]]) -> Child:
            child = Child(work)
            stack.callback(child.stop)
            return child

        readers = [start(lambda tasks=tasks: read_tasks(tasks, settings.required.extra)) for tasks in shards]
        from node.partial import merge_into
        from node.worker import Worker

        first, second = Worker(output, settings), Worker(output, settings)

        def analyse_second() -> Iterator[object]:
            second.run(readers[1].values())
            yield second.total, second.halves

        analyst = start(analyse_second)
        first.run(readers[0].values())
        total, halves = next(analyst.values())
        if first.halves:
            put_together(first, first.halves[0], halves[0])
        merge_into(first.total, total)
        return first


def put_together(worker: "Worker", first: "Half", second: "Half") -> None:
    """Finish a file that was read in halves, or read it again as one when the halves are not proven."""
    from node.worker import joined

    ours, theirs = first.outcome, second.outcome
    if ours.proven and (theirs.proven or theirs.rejection) and not ours.rejection:
        whole = joined(first, second)
        worker.write(whole.outcome, whole.part)
    else:
        worker.run(read_tasks([Task(ours.task.source)], worker.settings.required.extra))
