"""Measure the local Batch: make bench-batch. 10,000 trivial tasks run; the cost of calls at 1,000 to 100,000.

Prints one JSON object: tasks a second for submitting and for running, the service's memory, and for
each number of tasks the milliseconds of adding a hundred, of a page of a thousand, of a filtered page,
of counting and of reading one task (the median of several calls).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import azure.batch.models as m
import psutil
from batch_clients import Azure, wait_for
from measured import record

RUN, SIZES, NODES, SLOTS = 10_000, (1_000, 10_000, 100_000), 2, 8


def task(number: int) -> m.BatchTaskCreateOptions:
    return m.BatchTaskCreateOptions(id=f"{number:06d}", command_line="/bin/true")


def run(azure: Azure) -> dict[str, float]:
    """Submit and run the trivial tasks; return tasks a second."""
    azure.pool("bench", nodes=NODES, slots=SLOTS)
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("bench")] == ["idle"] * NODES)
    azure.job("ran", "bench")
    began = time.monotonic()
    azure.batch.create_tasks("ran", [task(i) for i in range(RUN)])
    submitted = time.monotonic()
    while azure.batch.get_job_task_counts("ran").task_counts.succeeded < RUN:
        time.sleep(0.25)
    ended = time.monotonic()
    return {
        "submitted_per_second": round(RUN / (submitted - began)),
        "run_per_second": round(RUN / (ended - began)),
    }


def cost(call: Callable[[], object], times: int = 7) -> float:
    """The median milliseconds of a call."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(spent), 1)


def grow(azure: Azure) -> dict[str, dict[str, float]]:
    """Add tasks that never run; return what calls cost at each number of them."""
    azure.pool("empty", nodes=0)
    azure.job("grown", "empty")
    figures, have = {}, 0
    for size in SIZES:
        azure.batch.create_tasks("grown", [task(i) for i in range(have, size - 1000)])
        rest = list(range(max(have, size - 1000), size))
        chunks = iter([rest[i : i + 100] for i in range(0, len(rest), 100)])
        have = size

        def add(chunks: Iterator[list[int]] = chunks) -> None:
            azure.batch.create_tasks("grown", [task(i) for i in next(chunks)])

        def page(**options: Any) -> Callable[[], object]:
            return lambda: next(iter(azure.batch.list_tasks("grown", **options).by_page()), None)

        figures[str(size)] = {
            "add_100": cost(add, 10),
            "page_of_1000": cost(page(select=["id", "state"])),
            "page_of_completed": cost(page(filter="state eq 'completed'")),
            "counts": cost(lambda: azure.batch.get_job_task_counts("grown")),
            "get_one": cost(lambda: azure.batch.get_task("grown", "000500")),
        }
    return figures


def main() -> None:
    if "BATCHKIT_BATCH_URL" not in os.environ:
        program = [sys.executable, "-m", "batchkit.local", "--speed", "1200", "--"]
        sys.exit(subprocess.call([*program, sys.executable, __file__]))
    azure = Azure(os.environ)
    figures: dict[str, Any] = {"tasks": RUN, "slots": NODES * SLOTS, "cpus": os.cpu_count(), **run(azure)}
    service = psutil.Process(os.getppid())
    figures["service_mb_after_run"] = round(service.memory_info().rss / 1e6)
    figures["milliseconds"] = grow(azure)
    figures["service_mb_after_100000"] = round(service.memory_info().rss / 1e6)
    azure.close()
    print(json.dumps(figures, indent=1))
    record("bench-batch", "make bench-batch", **figures)


if __name__ == "__main__":
    main()
