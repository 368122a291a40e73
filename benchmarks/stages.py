"""Where the worker's time goes: its stages one after the other, in one process, as one line of JSON.

Whole calls do better than the sum, for two processes read while a third imports pandas.
"""

import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

started = time.perf_counter()
gc.disable()
laps: dict[str, float] = {}


def lap(name: str) -> None:
    """Note the seconds since the last call."""
    global started
    now = time.perf_counter()
    laps[name], started = round(now - started, 3), now


def timed(decode: Any) -> Any:
    """The decoder, with its own time noted."""

    def inner(data: bytes) -> Any:
        begun = time.perf_counter()
        records = decode(data)
        laps["of it decode"] = round(laps.get("of it decode", 0.0) + time.perf_counter() - begun, 4)
        return records

    return inner


def main(source: Path) -> None:
    """Read, import, analyse and write, each timed."""
    from node.reading import document
    from node.reading.batches import read_tasks
    from node.reading.inputs import find_inputs
    from node.reading.shards import Task
    from node.settings import Settings

    lap("start")
    document.decode_records = timed(document.decode_records)
    batches = list(read_tasks([Task(item) for item in find_inputs([source]).inputs]))
    lap("read: decode and turn into columns")
    import pandas  # noqa: F401

    lap("import pandas")
    from node.sums.partial import encode_part
    from node.work.worker import Worker

    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder), Settings())
        worker.run(batches)
        lap("analyse and report")
        list(encode_part(worker.total))
        lap("encode the partial")
    print(json.dumps(laps))


main(Path(sys.argv[1]))
