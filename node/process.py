"""`process`: every input into a report, and the whole call into one mergeable partial.

A call with enough bytes is worked on by two processes, each with half of them; see `shards`.
"""

from pathlib import Path

from node.contract import TASK_PARTIAL
from node.files import find_inputs, write_whole
from node.partial import encode_part, merge_into
from node.settings import Settings
from node.shards import Task, beside, plan_shards
from node.worker import Job, Worker, joined


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
    write_whole(output / TASK_PARTIAL, encode_part(worker.total))


def run(output: Path, settings: Settings, tasks: list[Task]) -> Worker:
    """One process's tasks."""
    worker = Worker(output, settings)
    worker.run(tasks)
    return worker


def run_both(output: Path, settings: Settings, shards: list[list[Task]]) -> Worker:
    """Two processes' tasks, the second one's in a child, put together."""
    second: Worker
    first: Worker
    second, first = beside(lambda: run(output, settings, shards[1]), lambda: run(output, settings, shards[0]))
    if first.halves:
        put_together(first, first.halves[0], second.halves[0])
    merge_into(first.total, second.total)
    return first


def put_together(worker: Worker, first: Job, second: Job) -> None:
    """Finish a file that was read in halves, or read it again as one when the halves are not proven."""
    if first.proven and (second.proven or second.rejection) and not first.rejection:
        worker.write(joined(first, second))
    else:
        worker.run([Task(first.task.source)])
