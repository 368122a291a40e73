"""Runs a task's command in its container image, where a docker or podman engine answers.

The node's folders are mounted at their own paths, so the AZ_BATCH_* variables hold inside as outside;
`containerHostBatchBindMounts` narrows the mounts. Images of public registries are pulled. A registry
that the pool reaches by its identity is Azure's own, where a local token opens nothing: its images run
when the engine has them, and else the command runs as a process, which the task's containerInfo says.
An exit code of 125 is the engine's own only when it made no container.
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

from batchkit.local.batch.machine.runner import SYSTEM_PATH, machine_variables, run_words
from batchkit.local.batch.state.orders import Outcome
from batchkit.local.wire.errors import failure
from batchkit.local.wire.formats import Json

ENGINES = ("docker", "podman")
LABEL = "batchkit.local"
_INFO_SECONDS = 10
# What the engine's own program reads, by how it begins: the user's own values go to it, a task's go into the container.
_CLIENTS = ("PATH", "HOME", "LANG", "LD_", "TMPDIR", "XDG_", "DBUS_", "DOCKER_", "CONTAINER", "REGISTRY_")
_MOUNTS = {"Shared": "shared", "Startup": "startup", "Applications": "applications", "VfsMounts": "fsmounts"}
_AT_ONCE = ("--stop-timeout", "0")  # else podman's `rm -f` waits ten seconds for a first process that ignores SIGTERM
_ENGINE_FAILED = 125  # docker's and podman's own exit code, and a command may have it too


def ready_engine(root: Path | None) -> str | None:
    """Return the engine to run tasks with, once no container of an earlier run below `root` is left."""
    engine = find_engine()
    if engine is not None and root is not None:
        remove_leftovers(engine, root)
    return engine


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
        prepared: the folder of the job's preparation task.
        node: the node's folder.
        root: the folder of all nodes, which labels the container.
        own_registry: whether the image comes from a registry that the pool reaches by its identity.
    """

    engine: str
    settings: Json
    task: Path
    prepared: Path
    node: Path
    root: Path
    own_registry: bool

    @property
    def image(self) -> str:
        """The image's name, with its registry."""
        return str(self.settings["imageName"])

    def made(self, name: str) -> Path:
        """The file that the engine writes once it has made the container of that name."""
        return self.root / f"{name}.id"


async def available(container: Container) -> bool:
    """Return whether the engine has the image, after a pull where that can help."""
    if await _engine(container.engine, "image", "inspect", container.image) == 0:
        return True
    return not container.own_registry and await _engine(container.engine, "pull", full_name(container.image)) == 0


def full_name(image: str) -> str:
    """Return the image's name with its registry: Docker's own where none is named, which podman does not assume."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return image if named else f"docker.io/{image}"


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
    made = container.made(name)
    try:
        outcome = await run_words(words, container.task, client_environment(env), seconds)
        if outcome.exit_code == _ENGINE_FAILED and not made.exists():
            return Outcome(failure=failure("ContainerInvalidSettings", Message=_said(container.task)))
        return outcome
    finally:
        made.unlink(missing_ok=True)
        await asyncio.shield(_engine(container.engine, "rm", "-f", name))


def _said(task: Path) -> str:
    """Return why the engine made no container: its first line in the task's stderr.txt."""
    lines = (task / "stderr.txt").read_text(errors="replace").strip().splitlines()
    return lines[0] if lines else "The engine gave no reason."


def _clients(name: str) -> bool:
    return name.startswith(_CLIENTS)


def client_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the engine's client: the user's own for it, the task's to hand on, the run's mark."""
    own = {name: value for name, value in os.environ.items() if _clients(name)}
    theirs = {name: value for name, value in env.items() if not _clients(name)}
    return {**theirs, **own, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}


def command(container: Container, name: str, command_line: str, env: Mapping[str, str]) -> list[str]:
    """Return the engine's words for a run.

    Raises:
        ValueError: the command line or the run options are no words (an open quote).
    """
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
        "--cidfile",
        str(container.made(name)),
        *_AT_ONCE,
        *_user(container.engine),
        *_mounts(container),
        *work,
        *_inside(container, env),
        *_options(container),
        container.image,
        *shlex.split(command_line),
    ]


def _user(engine: str) -> list[str]:
    """Return who runs inside: the owner of the task's folder, whom a podman without root must be told to keep."""
    keep = ["--userns", "keep-id"] if engine == "podman" and os.getuid() else []
    return [*keep, "--user", f"{os.getuid()}:{os.getgid()}"]


def _inside(container: Container, env: Mapping[str, str]) -> list[str]:
    """Return the words that hand on the task's variables: by name, as other users can read a command's words.

    The node's own PATH, HOME and LANG are for its own programs, and the image has others.
    """
    own = machine_variables(container.task, container.node)
    words = []
    for name, value in env.items():
        if not _clients(name):
            words += ["--env", name]
        elif own.get(name) != value:
            words += ["--env", f"{name}={value}"]
    return words


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
        return container.prepared
    folder = container.node / _MOUNTS.get(source, source.lower())
    folder.mkdir(exist_ok=True)
    return folder
