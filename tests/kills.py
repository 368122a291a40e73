"""Kill the local Azure twenty times while 500 tasks run: make kill-tests.

Each round starts it on the same --state folder, lets the job run for a random while, and kills the
process with SIGKILL. At the end every task must have completed once, every output must be there with
its task's own content, and no task that was seen completed may ever have run again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import azure.batch.models as m
from batch_clients import ARM, Azure, arm_pool, output, source
from measured import record

TASKS, KILLS, NODES, SLOTS, SPEED = 500, 20, 4, 4, 1200
COMMAND = "/bin/sh -c 'sleep 0.3; cp in.txt out.txt; echo $AZ_BATCH_TASK_ID >> out.txt'"


def start(folder: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    program = [sys.executable, "-m", "batchkit.local", "--speed", str(SPEED), "--state", str(folder)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    environment = {}
    assert process.stdout is not None
    for line in process.stdout:
        name, _, value = line.removeprefix("export ").strip().partition("=")
        environment[name] = value
        if name == "AZURE_TOKEN_CREDENTIALS":
            return process, environment
    raise SystemExit("the local Azure did not start")


def clients(environment: Mapping[str, str]) -> Azure:
    os.environ.update(environment)
    return Azure(environment)


def submit(azure: Azure) -> None:
    azure.arm.pool.create(*ARM, "kills", arm_pool(targets=NODES, slots=SLOTS))
    azure.container("batch-input").upload_blob("kills.txt", b"input\n")
    azure.job("kills", "kills")
    tasks = [
        m.BatchTaskCreateOptions(
            id=str(i),
            command_line=COMMAND,
            resource_files=[source(azure, "batch-input", "kills.txt", "in.txt")],
            output_files=[output(azure, "out.txt", "batch-output", f"kills/{i}.txt", "tasksuccess")],
        )
        for i in range(1, TASKS + 1)
    ]
    azure.batch.create_tasks("kills", tasks)


def completed(azure: Azure) -> dict[str, datetime]:
    """The completed tasks and when each of them ended."""
    done = azure.batch.list_tasks("kills", filter="state eq 'completed'")
    return {task.id: task.execution_info.end_time for task in done}


def compare(before: Mapping[str, datetime], after: Mapping[str, datetime]) -> None:
    """Hold that what was completed stays completed, with the same end."""
    changed = [task for task, ended in before.items() if after.get(task) != ended]
    if changed:
        raise SystemExit(f"{len(changed)} tasks that had ended are not as they were: {changed[:5]}")


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    chance, began, seen, kills, requeued = random.Random(seed), time.monotonic(), dict[str, datetime](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        process, environment = start(Path(folder))
        azure = clients(environment)
        submit(azure)
        while True:
            now = completed(azure)
            compare(seen, now)
            seen = now
            print(f"{kills} kills, {len(seen)} of {TASKS} completed", flush=True)
            if kills == KILLS:
                break
            time.sleep(chance.uniform(0.2, 1.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
            azure.close()
            kills += 1
            process, environment = start(Path(folder))
            azure = clients(environment)
        while len(completed(azure)) < TASKS:
            time.sleep(0.5)
        compare(seen, completed(azure))
        tasks = list(azure.batch.list_tasks("kills"))
        requeued = sum(task.execution_info.requeue_count for task in tasks)
        assert len(tasks) == TASKS
        assert all(task.execution_info.result == "success" for task in tasks)
        blobs = {blob.name for blob in azure.container("batch-output").list_blobs("kills/")}
        assert blobs == {f"kills/{i}.txt" for i in range(1, TASKS + 1)}, f"{TASKS - len(blobs)} outputs are missing"
        for i in range(1, TASKS + 1):
            content = azure.container("batch-output").download_blob(f"kills/{i}.txt").readall()
            assert content == f"input\n{i}\n".encode(), (i, content)
        azure.close()
        process.send_signal(signal.SIGINT)
        process.wait()
    figures = {
        "tasks": TASKS,
        "kills": kills,
        "requeued": requeued,
        "seconds": round(time.monotonic() - began),
        "seed": seed,
    }
    print(json.dumps(figures))
    record("kill-tests", "make kill-tests", **figures)


if __name__ == "__main__":
    main()
