"""Container tasks: the engine's words for a run, and a whole run under a stand-in for the engine's program."""

import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any

import azure.batch.models as m
import pytest
from batch_clients import ARM, Azure, arm_pool, wait_for
from test_local_batch_behaviour import started

from batchkit.local.batch.machine import containers
from batchkit.local.batch.machine.containers import Container, command, find_engine, full_name, ready_engine
from batchkit.local.batch.machine.runner import machine_variables

ENGINE = """#!/bin/sh
# Stands for docker where there is none: knows two images, and "runs" them on this machine.
echo "$@" >> {log}
case "$1 $2" in
  "info "*) exit 0 ;;
  "image inspect") case "$3" in here:*|example.azurecr.io/worker*) exit 0 ;; *) exit 1 ;; esac ;;
  "ps "*) echo left-over ;;
  "pull "*) exit 1 ;;
  "run "*)
    case "$*" in *--nonsense*) echo "unknown flag: --nonsense" >&2; exit 125 ;; esac
    while [ "$1" != here:1 ] && [ "$1" != example.azurecr.io/worker@sha256:1 ]; do
      [ "$1" = --workdir ] && cd "$2"
      [ "$1" = --cidfile ] && echo made > "$2"
      shift
    done
    shift; exec "$@" ;;
esac
"""


def container(tmp_path: Path, **settings: object) -> Container:
    node = tmp_path / "nodes" / "p" / "n"
    task = node / "workitems" / "j" / "job-1" / "t"
    task.mkdir(parents=True)
    named = {"imageName": "here:1", **settings}
    return Container("docker", named, task, task.parent / "jobpreparation", node, tmp_path / "nodes", False)


def test_words_of_a_run(tmp_path: Path) -> None:
    only_task = [{"source": "Task", "isReadOnly": False}]
    made = container(
        tmp_path, containerRunOptions="--rm --read-only --network none", containerHostBatchBindMounts=only_task
    )
    words = command(
        made, "name", "python -m node 'a b'", {**machine_variables(made.task, made.node), "AZ_BATCH_TASK_ID": "t"}
    )
    assert words[:3] == ["docker", "run", "--rm"]
    assert words.count("--rm") == 1
    assert words[words.index("--volume") + 1] == f"{made.task}:{made.task}"
    assert words[words.index("--workdir") + 1] == f"{made.task}/wd"
    assert words[words.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert [words[i + 1] for i, word in enumerate(words) if word == "--env"] == ["AZ_BATCH_TASK_ID"]
    assert words[-7:] == ["--network", "none", "here:1", "python", "-m", "node", "a b"]
    assert words[words.index("--stop-timeout") + 1] == "0"
    whole = command(container(tmp_path / "w", workingDirectory="containerImageDefault"), "n", "", {})
    assert "--workdir" not in whole
    assert whole[whole.index("--volume") + 1].endswith("/nodes/p/n")


def test_a_task_sets_what_is_inside_and_not_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "/ours")
    made = container(tmp_path)
    node = machine_variables(made.task, made.node)
    theirs = {**node, "HOME": "/h", "DOCKER_HOST": "tcp://theirs", "SECRET": "x", "CONTAINERS_CONF": "/theirs"}
    words = command(made, "n", "", theirs)
    inside = [words[i + 1] for i, word in enumerate(words) if word == "--env"]
    assert inside == ["HOME=/h", "DOCKER_HOST=tcp://theirs", "SECRET", "CONTAINERS_CONF=/theirs"]
    client = containers.client_environment(theirs)
    assert client["CONTAINERS_CONF"] == "/ours"
    assert client["SECRET"] == "x"
    assert client.get("DOCKER_HOST") == os.environ.get("DOCKER_HOST")


def test_podman_without_root_keeps_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1001)
    podman = dataclasses.replace(container(tmp_path), engine="podman")
    assert "--userns keep-id --user 1001:" in " ".join(command(podman, "n", "", {}))
    assert "--userns" not in command(dataclasses.replace(podman, engine="docker"), "n", "", {})


def test_an_image_without_a_registry_is_docker_hubs() -> None:
    assert full_name("python:3.13") == "docker.io/python:3.13"
    assert full_name("me/worker") == "docker.io/me/worker"
    assert full_name("localhost:5000/worker") == "localhost:5000/worker"
    assert full_name("example.azurecr.io/worker@sha256:1") == "example.azurecr.io/worker@sha256:1"


def test_what_an_earlier_run_left_is_gone_before_a_task_runs(tmp_path: Path, stand_in: Path) -> None:
    assert ready_engine(tmp_path / "nodes") == "docker"
    said = stand_in.read_text().splitlines()
    assert said == ["info", f"ps -aq --filter label=batchkit.local={tmp_path}/nodes", "rm -f left-over"]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a stand-in that is first on PATH."""
    engine, log = tmp_path / "bin" / "docker", tmp_path / "log"
    engine.parent.mkdir()
    engine.write_text(ENGINE.format(log=log))
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:{os.environ['PATH']}")
    return log


def test_image_really_runs_where_an_engine_answers(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, azure = started([sys.executable, "-m", "batchkit.local", "--speed", "1200"], monkeypatch)
    try:
        _run_tasks(azure)
    finally:
        azure.close()
        process.send_signal(signal.SIGINT)
        process.communicate()
    said = stand_in.read_text()
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
        _add(azure, name, "pwd", image_name=image)
    _add(azure, "5", "sh -c 'exit 125'", image_name="here:1")
    _add(azure, "6", "pwd", image_name="here:1", container_run_options="--nonsense")
    for name in ("1", "2", "4"):
        assert azure.ended("boxed", name).execution_info.exit_code == 0
        assert azure.text("boxed", name).endswith(f"/{name}/wd\n")
    assert azure.ended("boxed", "3").execution_info.failure_info.code == "ContainerInvalidImage"
    itself = azure.ended("boxed", "5").execution_info
    assert (itself.exit_code, itself.failure_info.code) == (125, "FailureExitCode")
    unmade = azure.ended("boxed", "6").execution_info
    assert (unmade.exit_code, unmade.failure_info.code) == (None, "ContainerInvalidSettings")
    assert unmade.container_info.state == "The engine made no container."
    assert [d.value for d in unmade.failure_info.details] == ["unknown flag: --nonsense"]
    assert azure.ended("boxed", "1").execution_info.container_info.state == "The image ran."
    assert "process" in azure.ended("boxed", "4").execution_info.container_info.state


def _add(azure: Azure, name: str, command_line: str, **settings: Any) -> None:
    inside = m.BatchTaskContainerSettings(**settings)
    task = m.BatchTaskCreateOptions(id=name, command_line=command_line, container_settings=inside)
    azure.batch.create_task("boxed", task)


def test_a_pool_says_what_runs_its_tasks(azure: Azure) -> None:
    wanted = find_engine() or "processes"
    azure.arm.pool.create(*ARM, "unboxed", arm_pool())
    wait_for(lambda: [item.value for item in azure.batch.get_pool("unboxed").metadata] == [wanted])
