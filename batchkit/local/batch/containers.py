"""Runs a task's command in its container image, where a docker or podman engine answers.

The node's folders are mounted at their own paths, so the AZ_BATCH_* variables hold inside as outside;
`containerHostBatchBindMounts` narrows the mounts. Images of public registries are pulled. A registry
that the pool reaches by its identity is Azure's own, where a local token opens nothing: its images run
when the engine has them, and else the command runs as a process, which the task's containerInfo says.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchkit.local.batch.errors import failure
from batchkit.local.batch.formats import Json
from batchkit.local.batch.runner import Outcome, run_words, search_path

ENGINES = ("docker", "podman")
LABEL = "batchkit.local"
_INFO_SECONDS = 10
_NOT_INSIDE = ("PATH", "HOME", "LANG")
_MOUNTS = {"Shared": "shared", "Startup": "startup", "Applications": "applications", "VfsMounts": "fsmounts"}
_ENGINE_FAILED = 125  # docker's and podman's own exit code when the container could not be started


def find_engine() -> str | None:
    """Return the engine whose `info` succeeds, docker before podman; None where none does."""
    for name in ENGINES:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if (
                shutil.which(name)
                and not subprocess.run(
                    [name, "info"], capture_output=True, timeout=_INFO_SECONDS, check=False
                ).returncode
            ):
                return name
    return None


def remove_leftovers(engine: str, root: Path) -> None:
    """Remove the containers that an earlier run below `root` left behind."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        wanted = [engine, "ps", "-aq", "--filter", f"label={LABEL}={root}"]
        found = subprocess.run(wanted, capture_output=True, text=True, timeout=30, check=False).stdout.split()
        if found:
            subprocess.run([engine, "rm", "-f", *found], capture_output=True, timeout=60, check=False)


@dataclass(frozen=True)
class Container:
    """What is to run: the engine, the task's container settings, its folders and whose it is.

    Attributes:
        engine: docker or podman.
        settings: the task's containerSettings.
        task: the task's folder.
        node: the node's folder.
        root: the folder of all nodes, which labels the container.
        own_registry: whether the image comes from a registry that the pool reaches by its identity.
    """

    engine: str
    settings: Json
    task: Path
    node: Path
    root: Path
    own_registry: bool

    @property
    def image(self) -> str:
        """The image's name, with its registry."""
        return str(self.settings["imageName"])


async def available(container: Container) -> bool:
    """Return whether the engine has the image, after a pull where that can help."""
    if await _engine(container.engine, "image", "inspect", container.image) == 0:
        return True
    return not container.own_registry and await _engine(container.engine, "pull", container.image) == 0


async def _engine(*words: str) -> int:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdin=quiet, stdout=quiet, stderr=quiet)
    return await process.wait()


async def run(container: Container, command_line: str, env: Mapping[str, str], seconds: float | None) -> Outcome:
    """Run a command in its container; stdout.txt and stderr.txt are the container's.

    Args:
        container: the image and the folders.
        command_line: split by shell rules; empty for the image's own command.
        env: the task's environment; what concerns this machine's programs stays outside.
        seconds: real seconds after which it is killed, None for no limit.
    """
    name = f"batchkit-{uuid.uuid4().hex[:16]}"
    try:
        words = command(container, name, command_line, env)
    except ValueError as problem:
        return Outcome(failure=failure("CommandLaunchFailed", Reason=problem))
    try:
        outcome = await run_words(words, container.task, _outside(env), seconds)
    finally:
        await asyncio.shield(_engine(container.engine, "rm", "-f", name))
    if outcome.exit_code == _ENGINE_FAILED:
        return Outcome(_ENGINE_FAILED, failure("ContainerInvalidImage", ImageName=container.image))
    return outcome


def _outside(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the engine's client: the user's own, and the run's mark."""
    known = ("HOME", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR")
    own = {name: os.environ[name] for name in known if name in os.environ}
    return {**own, "PATH": f"{os.environ.get('PATH', '')}:{search_path()}"} | {
        name: value for name, value in env.items() if name not in _NOT_INSIDE
    }


def command(container: Container, name: str, command_line: str, env: Mapping[str, str]) -> list[str]:
    """Return the engine's words for a run.

    Raises:
        ValueError: the command line or the run options are no words (an open quote).
    """
    inside = [word for variable in env if variable not in _NOT_INSIDE for word in ("--env", variable)]
    folder = container.settings.get("workingDirectory") or "taskWorkingDirectory"
    work = ["--workdir", str(container.task / "wd")] if folder == "taskWorkingDirectory" else []
    return [
        container.engine,
        "run",
        "--rm",
        "--name",
        name,
        "--label",
        f"{LABEL}={container.root}",
        "--user",
        f"{os.getuid()}:{os.getgid()}",
        *_mounts(container),
        *work,
        *inside,
        *_options(container),
        container.image,
        *shlex.split(command_line),
    ]


def _options(container: Container) -> list[str]:
    """Return the task's own run options; `--rm` is there already, and two of it some engines refuse."""
    words = shlex.split(str(container.settings.get("containerRunOptions") or ""))
    return [word for word in words if word != "--rm"]


def _mounts(container: Container) -> list[str]:
    wanted = container.settings.get("containerHostBatchBindMounts")
    if wanted is None:
        return ["--volume", f"{container.node}:{container.node}"]
    words = []
    for entry in wanted:
        folder = _folder(container, str(entry.get("source")))
        words += ["--volume", f"{folder}:{folder}" + (":ro" if entry.get("isReadOnly") else "")]
    return words


def _folder(container: Container, source: str) -> Path:
    if source == "Task":
        return container.task
    if source == "JobPrep":
        return container.task.parent / "jobpreparation"
    folder = container.node / _MOUNTS.get(source, source.lower())
    folder.mkdir(exist_ok=True)
    return folder
