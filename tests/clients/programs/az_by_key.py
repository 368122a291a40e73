# /// script
# name = "az batch"
# environments = [["azure-cli"]]
# options = ["--allow-shared-key"]
# login = "account key"
# ///
"""The az command line by account key: pools, autoscale, a job of one task, its output."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

AZ = Path(sys.prefix) / "bin" / "az"
IMAGE = "canonical:0001-com-ubuntu-server-jammy:22_04-lts"
POOL = ["--pool-id", "az-pool"]
JOB = ["--job-id", "az-job"]
WAIT_SECONDS = 90
os.environ |= {"AZURE_CONFIG_DIR": os.path.abspath("az"), "AZURE_CORE_COLLECT_TELEMETRY": "0"}


def az(*words):
    """Run one `az batch` command and return its JSON (None when it prints nothing)."""
    done = subprocess.run([AZ, "batch", *words, "--output", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"az batch {' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def wait(holds):
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(1)


def pools():
    """Create, list, show, resize, evaluate a formula, and list nodes."""
    machine = ["--vm-size", "standard_d2s_v3", "--image", IMAGE, "--node-agent-sku-id", "batch.node.ubuntu 22.04"]
    az("pool", "create", "--id", "az-pool", *machine, "--target-dedicated-nodes", "1")
    assert [pool["id"] for pool in az("pool", "list")] == ["az-pool"]
    assert az("pool", "show", *POOL)["vmSize"] == "standard_d2s_v3"
    wait(lambda: az("pool", "show", *POOL)["allocationState"] == "steady")
    az("pool", "autoscale", "enable", *POOL, "--auto-scale-formula", "$TargetDedicatedNodes=1")
    run = az("pool", "autoscale", "evaluate", *POOL, "--auto-scale-formula", "$TargetDedicatedNodes=3")
    assert run["results"] == "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    az("pool", "autoscale", "disable", *POOL)
    wait(lambda: az("pool", "show", *POOL)["allocationState"] == "steady")
    az("pool", "resize", *POOL, "--target-dedicated-nodes", "2")
    wait(lambda: [node["state"] for node in az("node", "list", *POOL)] == ["idle", "idle"])
    print("- a pool: made, listed, scaled by formula, resized; its nodes")


def jobs(folder):
    """Create a job and a task, count, show and download its output."""
    az("job", "create", "--id", "az-job", *POOL)
    assert [job["id"] for job in az("job", "list")] == ["az-job"]
    assert az("job", "show", *JOB)["state"] == "active"
    az("task", "create", *JOB, "--task-id", "1", "--command-line", "/bin/sh -c 'echo hello from az'")
    assert [task["id"] for task in az("task", "list", *JOB)] == ["1"]
    wait(lambda: az("task", "show", *JOB, "--task-id", "1")["state"] == "completed")
    counts = az("job", "task-counts", "show", *JOB)
    assert counts["taskCounts"]["succeeded"] == 1, counts
    out = folder / "stdout.txt"
    az("task", "file", "download", *JOB, "--task-id", "1", "--file-path", "stdout.txt", "--destination", str(out))
    assert out.read_text() == "hello from az\n"
    names = {each["name"] for each in az("task", "file", "list", *JOB, "--task-id", "1")}
    assert {"stdout.txt", "stderr.txt"} <= names
    print("- a job and a task to its end; counts, files, stdout.txt downloaded")


def ends():
    """Stop and delete the job, delete the pool."""
    az("job", "stop", *JOB)
    wait(lambda: az("job", "show", *JOB)["state"] == "completed")
    az("job", "delete", *JOB, "--yes")
    az("pool", "delete", *POOL, "--yes")
    wait(lambda: az("pool", "list") == [])
    print("- the job stopped and deleted, the pool deleted")


pools()
jobs(Path().resolve())
ends()
