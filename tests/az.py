"""`make az`: the az command line, from PyPI in an environment of its own, works on the local Azure by account key.

Each step is a real `az batch` command; what it prints is compared with what it should say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENVIRONMENT = Path(sys.prefix) / "az"
AZ = ENVIRONMENT / "bin" / "az"
IMAGE = "canonical:0001-com-ubuntu-server-jammy:22_04-lts"
POOL = ["--pool-id", "az-pool"]
JOB = ["--job-id", "az-job"]
WAIT_SECONDS = 90


def main() -> int:
    """Install az when it is missing, and run the steps on a local Azure."""
    if not AZ.exists():
        print("Installing azure-cli into .venv/az (once, some minutes)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [str(ENVIRONMENT / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "azure-cli"], check=True)
    local = [sys.executable, "-m", "batchkit.local", "--speed", "60", "--allow-shared-key", "--"]
    return subprocess.run([*local, sys.executable, __file__, "inside"], check=False).returncode


def az(*words: str) -> Any:
    """Run one `az batch` command and return its JSON (None when it prints nothing)."""
    done = subprocess.run([AZ, "batch", *words, "--output", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"az batch {' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def wait(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(1)


def pools() -> None:
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


def jobs(folder: Path) -> None:
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


def ends() -> None:
    """Stop and delete the job, delete the pool."""
    az("job", "stop", *JOB)
    wait(lambda: az("job", "show", *JOB)["state"] == "completed")
    az("job", "delete", *JOB, "--yes")
    az("pool", "delete", *POOL, "--yes")
    wait(lambda: az("pool", "list") == [])


def inside() -> int:
    """Run all steps where the environment points at the local Azure; print how it went."""
    from measured import record

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"AZURE_CONFIG_DIR": folder, "AZURE_CORE_COLLECT_TELEMETRY": "0"}
        os.environ |= settings | {"REQUESTS_CA_BUNDLE": os.environ["BATCHKIT_CA_FILE"]}
        pools()
        jobs(Path(folder))
        ends()
    seconds = round(time.monotonic() - began)
    version = subprocess.run([AZ, "version", "--output", "json"], capture_output=True, text=True, check=True)
    release = json.loads(version.stdout)["azure-cli"]
    print(f"az {release} by account key: every step passed in {seconds} s")
    record("az", "make az", release=release, seconds=seconds)
    return 0


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["inside"] else main())
