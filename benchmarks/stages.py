"""Where the worker's time goes: its stages one after the other, in one process, as one line of JSON.

Whole calls do better than the sum, for two processes read while a third imports pandas.
"""

import gc
import json
import sys
import tempfile
import time
from pathlib import Path

started = time.perf_counter()
gc.disable()
laps: dict[str, float] = {}


def lap(name: str) -> None:
    """Note the seconds since the last call."""
    global started
    now = time.perf_counter()
    laps[name], started = round(now - started, 3), now


def main(source: Path) -> None:
    """Read, import, analyse and write, each timed."""
    from node.files import find_inputs
    from node.ingest import Reader
    from node.reading import read_tasks
    from node.settings import Settings
    from node.shards import Task

    lap("start")
    with source.open("rb") as stream:
        for _ in Reader(stream).read():
            pass
    lap("decode alone")
    batches = list(read_tasks([Task(item) for item in find_inputs([source])]))
    lap("decode and turn into columns")
    import pandas  # noqa: F401

    lap("import pandas")
    from node.partial import encode_part
    from node.worker import Worker

    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder), Settings())
        worker.run(batches)
        lap("analyse and report")
        list(encode_part(worker.total))
        lap("encode the partial")
    print(json.dumps(laps))


main(Path(sys.argv[1]))
