"""The worker's image on a real engine, by itself and as tasks of the local Batch; `make image` builds it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import azure.batch.models as m
import pytest
from batch_clients import ARM, Azure, arm_pool, wait_for

from batchkit.local.batch.machine.containers import find_engine

IMAGE = "batchkit-node"
TASKS_IMAGE = "example.azurecr.io/batchkit-node:tests"  # in the registry that the pool reaches by its identity
NARROW = ("--rm", "--read-only", "--network", "none", "--tmpfs", "/tmp")
NO_BYTECODE = """
import os, sys, node.work.worker, node.reading.shards
specs = [module.__spec__ for module in list(sys.modules.values()) if getattr(module, "__spec__", None)]
print([s.name for s in specs if str(s.origin).endswith(".py") and not os.path.exists(s.cached or "")])
"""


@pytest.fixture(scope="module")
def engine() -> str:
    """The engine here that has the image."""
    found = find_engine()
    if not found or subprocess.run([found, "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        pytest.fail(f"no docker or podman here has the image {IMAGE}: make image")
    return found


def inside(engine: str, *words: str) -> str:
    """What a command prints in a container like Batch's: an unknown uid, no network, nothing to write but /tmp."""
    command = [engine, "run", *NARROW, "--user", "12345:12345", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(folder: Path) -> dict[str, Any]:
    """The one report of a folder, without its times."""
    (path,) = folder.glob("*.report.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return {name: value for name, value in found.items() if not name.startswith("process")}


def test_image_works_for_an_unknown_user_as_the_worker_does_outside(engine: str, tmp_path: Path) -> None:
    node = [sys.executable, "-m", "node"]
    subprocess.run(
        [*node, "generate", "--transactions", "500", "--files", "1", "--output", tmp_path / "in"], check=True
    )
    subprocess.run([*node, "process", tmp_path / "in", "--output", tmp_path / "here"], check=True)
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    mounts = ("--volume", f"{tmp_path}/in:/in:ro", "--volume", f"{out}:/out")
    inside(engine, *mounts, IMAGE, "python", "-m", "node", "process", "/in", "--output", "/out")
    assert report(out) == report(tmp_path / "here")


def test_image_holds_the_bytecode_of_all_it_imports(engine: str) -> None:
    assert inside(engine, IMAGE, "python", "-c", NO_BYTECODE).strip() == "[]"


@pytest.fixture
def boxed(engine: str, azure: Azure) -> Iterator[Azure]:
    """A local Azure with a job on a pool whose tasks run in the image, under its name in the pool's registry."""
    subprocess.run([engine, "tag", IMAGE, TASKS_IMAGE], check=True)
    azure.arm.pool.create(*ARM, "engine", arm_pool(targets=1, slots=4))
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("engine")] == ["idle"])
    azure.job("engine", "engine")
    yield azure
    azure.batch.begin_delete_job("engine", polling_interval=0.1).result()
    subprocess.run([engine, "rmi", TASKS_IMAGE], capture_output=True, check=False)


def add(azure: Azure, name: str, command_line: str, seconds: float = 60, **settings: Any) -> None:
    container = m.BatchTaskContainerSettings(image_name=TASKS_IMAGE, **settings)
    limits = m.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=seconds))
    task = m.BatchTaskCreateOptions(
        id=name, command_line=command_line, container_settings=container, constraints=limits
    )
    azure.batch.create_task("engine", task)


def test_tasks_run_in_the_image(boxed: Azure) -> None:
    only_task = [m.ContainerHostBatchBindMountEntry(source="Task", is_read_only=False)]
    narrow: dict[str, Any] = {"container_run_options": " ".join(NARROW), "container_host_batch_bind_mounts": only_task}
    add(boxed, "1", "sh -c 'pwd; touch kept; touch /x || ls $AZ_BATCH_NODE_ROOT_DIR'", **narrow)
    add(boxed, "2", "python -c 'import socket; socket.create_connection((\"169.254.169.254\", 80), 5)'", **narrow)
    add(boxed, "3", "sh -c 'exit 125'")
    add(boxed, "4", "true", container_run_options="--no-such-option")
    ended = {name: boxed.ended("engine", name).execution_info for name in "1234"}
    assert ended["1"].container_info.state == "The image ran."
    work, *seen = boxed.text("engine", "1").split()
    assert seen == ["workitems"]
    assert (Path(work) / "kept").stat().st_uid == os.getuid()
    assert "Read-only" in boxed.text("engine", "1", "stderr.txt")
    assert "Network is unreachable" in boxed.text("engine", "2", "stderr.txt")
    assert ended["3"].exit_code == 125
    assert ended["4"].failure_info.code == "ContainerInvalidSettings"


def test_a_task_that_ignores_signals_is_ended_at_once(engine: str, boxed: Azure) -> None:
    sleep = "python -c 'import time; time.sleep(60)'"  # a first process ignores what it has no handler for
    add(boxed, "limited", sleep, seconds=1)
    add(boxed, "ended", sleep)
    assert boxed.ended("engine", "limited").execution_info.failure_info.code == "TaskEnded"
    running = [engine, "ps", "-q", "--filter", "name=batchkit-"]
    wait_for(lambda: subprocess.run(running, capture_output=True, check=True).stdout)
    began = monotonic()
    boxed.batch.terminate_task("engine", "ended")
    wait_for(lambda: not subprocess.run(running, capture_output=True, check=True).stdout)
    assert monotonic() - began < 5
