"""Runs one command as a real process: its own folder, session, environment and output files.

The command line is split as a shell would, but no shell runs it, as in the service. The process
inherits nothing of the service's environment but the search path for programs; when it ends or is
stopped, its whole process group ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from batchkit.local.batch.machine.node_python import programs
from batchkit.local.batch.state.orders import Outcome
from batchkit.local.wire.errors import failure

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARK = "AZ_BATCH_NODE_ROOT_DIR"  # every task's process has it: what is left over is found by it
_OUTPUTS = ("stdout.txt", "stderr.txt")
_NO_PROGRAM = "The system cannot find the file specified"  # as recorded, second of the details


def machine_variables(folder: Path, node: Path) -> dict[str, str]:
    """Return the variables of a task in `folder`, on the node at `node`, that hold for this machine's programs alone.

    The node's own Python comes first; this environment's programs are not there, so that no task changes it.
    """
    return {"PATH": f"{programs(node)}:{SYSTEM_PATH}", "HOME": str(folder / "wd"), "LANG": "C.UTF-8"}


async def run(command_line: str, folder: Path, env: Mapping[str, str], seconds: float | None) -> Outcome:
    """Run a command in `folder`/wd with stdout.txt and stderr.txt in `folder`.

    Args:
        command_line: split by shell rules; the first word is searched on the PATH of `env`.
        folder: the task's folder; `wd` below it exists.
        env: the whole environment of the process.
        seconds: real seconds after which it is killed, None for no limit.
    """
    try:
        words = shlex.split(command_line)
    except ValueError as problem:
        return Outcome(failure=failure("CommandLaunchFailed", Reason=problem))
    return await run_words(words, folder, env, seconds)


async def run_words(words: list[str], folder: Path, env: Mapping[str, str], seconds: float | None) -> Outcome:
    """Run a program with its arguments, as `run` does."""
    with contextlib.ExitStack() as files:
        out, err = (files.enter_context((folder / name).open("wb")) for name in _OUTPUTS)
        try:
            process = await asyncio.create_subprocess_exec(
                *words, cwd=folder / "wd", env=dict(env), stdin=asyncio.subprocess.DEVNULL,
                stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            return Outcome(failure=failure("CommandProgramNotFound", CommandLine=" ".join(words), Message=_NO_PROGRAM))
        except (OSError, ValueError) as problem:
            return Outcome(failure=failure("CommandLaunchFailed", Reason=problem))
    return await _ended(process, seconds)


async def _ended(process: asyncio.subprocess.Process, seconds: float | None) -> Outcome:
    try:
        code = await asyncio.wait_for(process.wait(), seconds)
        return Outcome(code if code >= 0 else 128 - code)
    except TimeoutError:
        message = "The task exceeded its maximum wall clock time."
        return Outcome(failure={"category": "usererror", "code": "TaskEnded", "message": message, "details": []})
    finally:
        kill_group(process.pid)
        if process.returncode is None:
            await asyncio.shield(process.wait())


def kill_group(pid: int) -> None:
    """Kill a process group; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_leftovers(root: Path) -> int:
    """Kill every process that runs for a node below `root`; return how many there were.

    After a kill of the service itself its tasks' processes live on; a restart ends them before
    their tasks are queued again, and a stop leaves none that moved to a session of its own.
    """
    ended = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(f"{root}{os.sep}"):
                process.kill()
                ended += 1
    return ended
