"""Container tasks: the engine's words for a run, and a whole run under a stand-in for the engine's program."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import azure.batch.models as m
import pytest
from batch_clients import ARM, Azure, arm_pool, wait_for
from test_local_batch_behaviour import started

from batchkit.local.batch.containers import Container, command

ENGINE = """#!/bin/sh
# Stands for docker where there is none: knows two images, and "runs" them on this machine.
echo "$@" >> {log}
case "$1 $2" in
  "info "*) exit 0 ;;
  "image inspect") case "$3" in here:*|example.azurecr.io/worker*) exit 0 ;; *) exit 1 ;; esac ;;
  "pull "*) exit 1 ;;
  "run "*)
    while [ "$1" != here:1 ] && [ "$1" != example.azurecr.io/worker@sha256:1 ]; do
      [ "$1" = --workdir ] && cd "$2"; shift
    done
    shift; exec "$@" ;;
esac
"""


def container(tmp_path: Path, **settings: object) -> Container:
    node = tmp_path / "nodes" / "p" / "n"
    task = node / "workitems" / "j" / "job-1" / "t"
    task.mkdir(parents=True)
    return Container("docker", {"imageName": "here:1", **settings}, task, node, tmp_path / "nodes", False)


def test_words_of_a_run(tmp_path: Path) -> None:
    only_task = [{"source": "Task", "isReadOnly": False}]
    made = container(
        tmp_path, containerRunOptions="--rm --read-only --network none", containerHostBatchBindMounts=only_task
    )
    words = command(made, "name", "python -m node 'a b'", {"PATH": "/x", "AZ_BATCH_TASK_ID": "t"})
    assert words[:3] == ["docker", "run", "--rm"]
    assert words.count("--rm") == 1
    assert words[words.index("--volume") + 1] == f"{made.task}:{made.task}"
    assert words[words.index("--workdir") + 1] == f"{made.task}/wd"
    assert words[words.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert [words[i + 1] for i, word in enumerate(words) if word == "--env"] == ["AZ_BATCH_TASK_ID"]
    assert words[-7:] == ["--network", "none", "here:1", "python", "-m", "node", "a b"]
    whole = command(container(tmp_path / "w", workingDirectory="containerImageDefault"), "n", "", {})
    assert "--workdir" not in whole
    assert whole[whole.index("--volume") + 1].endswith("/nodes/p/n")


def test_image_really_runs_where_an_engine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, log = tmp_path / "bin" / "docker", tmp_path / "log"
    engine.parent.mkdir()
    engine.write_text(ENGINE.format(log=log))
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:{os.environ['PATH']}")
    process, azure = started([sys.executable, "-m", "batchkit.local", "--speed", "1200"], monkeypatch)
    try:
        _run_tasks(azure)
    finally:
        azure.close()
        process.send_signal(signal.SIGINT)
        process.communicate()
    said = log.read_text()
    assert "run --rm --name batchkit-" in said
    assert "rm -f batchkit-" in said


def _run_tasks(azure: Azure) -> None:
    azure.arm.pool.create(*ARM, "boxed", arm_pool(targets=1, slots=4))
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("boxed")] == ["idle"])
    runner = {item.name: item.value for item in azure.batch.get_pool("boxed").metadata}
    assert runner == {"batchkit-local-tasks-run-as": "docker"}
    azure.job("boxed", "boxed")
    images = {
        "1": "here:1",
        "2": "example.azurecr.io/worker@sha256:1",
        "3": "nowhere:1",
        "4": "example.azurecr.io/other:1",
    }
    for name, image in images.items():
        settings = m.BatchTaskContainerSettings(image_name=image)
        azure.batch.create_task(
            "boxed", m.BatchTaskCreateOptions(id=name, command_line="pwd", container_settings=settings)
        )
    for name in ("1", "2", "4"):
        assert azure.ended("boxed", name).execution_info.exit_code == 0
        assert azure.text("boxed", name).endswith(f"/{name}/wd\n")
    assert azure.ended("boxed", "3").execution_info.failure_info.code == "ContainerInvalidImage"
    assert azure.ended("boxed", "1").execution_info.container_info.state == "The image ran."
    assert "process" in azure.ended("boxed", "4").execution_info.container_info.state


def test_without_an_engine_the_pool_says_that_processes_run(azure: Azure) -> None:
    if not subprocess.run(["sh", "-c", "docker info || podman info"], capture_output=True, check=False).returncode:
        wanted = "docker"
    else:
        wanted = "processes"
    azure.arm.pool.create(*ARM, "unboxed", arm_pool())
    assert [item.value for item in azure.batch.get_pool("unboxed").metadata] == [wanted]
