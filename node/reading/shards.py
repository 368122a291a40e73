"""Two shares of one call: who reads which files, and which half of a file that is too large for one.

The middle of a large file is a guess: a place that looks like the boundary between two records. The first half's
reader proves it by arriving there, exactly between two records; when it does not, the file is read again as one.
"""

import os
from io import BufferedReader

import msgspec

from node.contract import MEBIBYTE, RejectedFile
from node.reading.boundary import Boundary
from node.reading.document import Reader
from node.reading.inputs import Input, open_input
from node.reading.plan import Plan
from node.reading.scan import skip_space
from node.reading.window import PIECE_BYTES

MIN_SHARD_BYTES = 4 * MEBIBYTE
TRIED = 3  # records


class Task(msgspec.Struct, frozen=True):
    """An input, or a part of it: from the record that starts at `start` to the one that starts at `stop`."""

    source: Input
    start: int = 0
    stop: int | None = None
    boundary: Boundary | None = None

    @property
    def whole(self) -> bool:
        """True for all of a file."""
        return not self.start and self.stop is None


def plan_shards(inputs: list[Input], plan: Plan | None = None) -> list[list[Task]]:
    """The tasks of one share, or of two with about the same number of bytes."""
    sizes = [size_of(item) for item in inputs]
    half = sum(sizes) / 2
    if half < MIN_SHARD_BYTES or processors() < 2:
        return [[Task(item) for item in inputs]]
    first: list[Task] = []
    for number, (item, size) in enumerate(zip(inputs, sizes, strict=True)):
        rest = [Task(other) for other in inputs[number + 1 :]]
        if half < size:
            pair = halves(item, int(half), plan) if min(half, size - half) >= MIN_SHARD_BYTES else None
            return [[*first, pair[0]], [pair[1], *rest]] if pair else [[*first, Task(item)], rest]
        first.append(Task(item))
        half -= size
    return [first]


def size_of(item: Input) -> int:
    """Bytes of a file, 0 when it cannot be asked: reading it will say why."""
    try:
        return item.path.stat().st_size
    except OSError:
        return 0


def processors() -> int:
    """How many processors this process may use; 1 where it cannot fork."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "fork") and hasattr(os, "sched_getaffinity") else 1


def halves(item: Input, middle: int, plan: Plan | None = None) -> tuple[Task, Task] | None:
    """A file in two parts, cut at the first guessed boundary behind `middle`; None when there is no guess."""
    plan = plan or Plan()
    try:
        with open_input(item.path) as stream:
            boundary = boundary_of(stream, plan)
            stream.seek(middle)
            data = stream.read(PIECE_BYTES)
    except (OSError, RejectedFile):
        return None
    found = boundary.first(data) if boundary else -1
    cut = skip_space(data, found)
    if boundary is None or found < 0 or cut == len(data):
        return None
    return Task(item, 0, middle + cut), Task(item, middle + cut, None, boundary)


def boundary_of(stream: BufferedReader, plan: Plan) -> Boundary | None:
    """What is guessed to stand between two records, once the first ones have been read."""
    if not plan.divisible or plan.unpacked(stream) is not stream:
        return None
    reader = Reader(stream, plan.layout)
    reader.window.fill()
    for _ in zip(reader.walk(), range(TRIED), strict=False):
        if reader.pieces.boundary:
            return reader.pieces.boundary
    return None
