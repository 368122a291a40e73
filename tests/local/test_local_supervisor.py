"""The local Azure's life and death: real processes, ended in every way, and nothing is left of them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from batchkit.local.environment import HIDDEN
from batchkit.local.guard import MARK, marked

PROGRAM = [sys.executable, "-m", "batchkit.local", "--speed", "60"]
PATIENCE_SECONDS = 20

# A command as unpleasant as a notebook server: a child in a session of its own, and both slow to leave.
COMMAND = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(os.environ["BATCHKIT_BATCH_URL"], os.environ["BATCHKIT_BLOB_URL"], flush=True)
time.sleep(600)
"""
DEAF = "import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)\n" + COMMAND


class Run:
    """One started `batchkit local`, in a session of its own as a terminal would start it."""

    def __init__(self, *words: str, cwd: Path | None = None, temporary: Path) -> None:
        self.name = uuid.uuid4().hex
        self.temporary = temporary
        environment = os.environ | {MARK: self.name, "TMPDIR": str(temporary), "GUARD_OF": self.name}
        self.process = subprocess.Popen(
            words,
            env=environment,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hold_signals,
        )

    def ports(self) -> list[int]:
        """Return the ports that COMMAND printed once it was up."""
        assert self.process.stdout is not None
        return [int(url.split(":")[2].split("/")[0]) for url in self.process.stdout.readline().split()]

    def left(self) -> list[int]:
        """Return the processes that are left: all that carry the mark, and guards."""
        guards = [p.pid for p in psutil.process_iter() if environment_of(p).get("GUARD_OF") == self.name]
        return sorted({*marked(self.name, Path("nowhere")), *guards})

    def leaves_nothing(self) -> None:
        """Fail unless every process and the temporary folder are gone within a moment."""
        wait_until(lambda: not self.left() and not list(self.temporary.glob("batchkit-local-*")))

    def interrupt(self) -> None:
        """Press Ctrl-C: the whole foreground group gets it."""
        os.killpg(self.process.pid, signal.SIGINT)


def hold_signals() -> None:
    """Let signals wait until the program takes them, as `batchkit local` does before it becomes that program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.1)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """A function that starts a run with temporary folders of its own; what a failed test left is killed."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    runs: list[Run] = []

    def begin(*words: str, cwd: Path | None = None) -> Run:
        runs.append(Run(*words, cwd=cwd, temporary=temporary))
        return runs[-1]

    yield begin
    for run in runs:
        for pid in run.left():
            os.kill(pid, signal.SIGKILL)
        run.process.communicate()


def test_exit_codes_pass_through_from_any_folder(start: Callable[..., Run], tmp_path: Path):
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('a stranger was imported')")
    words = [sys.executable, "-c", "raise SystemExit(7)"]
    run = start(*PROGRAM, "--", *words, cwd=tmp_path)
    assert run.process.wait(30) == 7
    run.leaves_nothing()


def test_a_command_ended_by_a_signal_gives_the_shells_code(start: Callable[..., Run]):
    run = start(*PROGRAM, "--", "sh", "-c", "kill -9 $$")
    assert run.process.wait(30) == 137


def test_an_unknown_command_is_one_line_and_127(start: Callable[..., Run]):
    run = start(*PROGRAM, "--", "no-such-command-anywhere")
    _, said = run.process.communicate(timeout=30)
    assert (run.process.returncode, said) == (127, "error: no-such-command-anywhere: command not found\n")
    run.leaves_nothing()


@pytest.mark.parametrize("options", [["--speed", "0"], ["--speed", "fast"], ["--no-such-option"], ["extra"]])
def test_wrong_options_are_refused_before_anything_starts(options: list[str]):
    done = subprocess.run([*PROGRAM[:3], *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


MOMENTS = [random.Random(seed).uniform(0.0, 2.5) for seed in range(5)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_leaves_nothing(start: Callable[..., Run], moment: float):
    run = start(*PROGRAM, "--", sys.executable, "-c", COMMAND)
    time.sleep(moment)
    run.interrupt()
    assert run.process.wait(PATIENCE_SECONDS) in (130, 1)
    run.leaves_nothing()
    # COMMAND may complain when it is hit while it starts; the local Azure itself says nothing.
    assert "batchkit/local" not in run.process.communicate()[1]


# Starts guards while Ctrl-C comes without a pause, and says how many of them that ended.
STORM = """
import os, signal, subprocess, sys, time
from pathlib import Path
from batchkit.local.folder import State
from batchkit.local.supervisor import _start_guard
signal.signal(signal.SIGINT, lambda *_: None)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
parent, storm = os.getpid(), os.fork()
while storm == 0 and os.getppid() == parent:
    os.killpg(os.getpgrp(), signal.SIGINT)
    time.sleep(0.0002)
try:
    guards = [_start_guard("storm", State(Path(sys.argv[1]), keep=True)) for _ in range(8)]
finally:
    os.kill(storm, signal.SIGKILL)
print(sum(guard.communicate() and guard.returncode != 0 for guard in guards))
"""


def test_ctrl_c_never_ends_a_guard_that_is_just_starting(start: Callable[..., Run], tmp_path: Path):
    run = start(sys.executable, "-c", STORM, str(tmp_path))
    said, complaint = run.process.communicate(timeout=60)
    assert (said, complaint) == ("0\n", "")


def test_a_guard_that_was_killed_leaves_the_end_to_the_supervisor(start: Callable[..., Run]):
    run = start(*PROGRAM, "--", sys.executable, "-c", COMMAND)
    run.ports()
    guards = [each for each in psutil.Process(run.process.pid).children() if "batchkit.local.guard" in each.cmdline()]
    for guard in guards:
        guard.kill()
    run.interrupt()
    assert run.process.wait(PATIENCE_SECONDS) == 130
    run.leaves_nothing()
    assert len(guards) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_supervisor_alone_leaves_nothing(start: Callable[..., Run], number: signal.Signals):
    run = start(*PROGRAM, "--", sys.executable, "-c", COMMAND)
    ports = run.ports()
    run.process.send_signal(number)
    run.process.wait(PATIENCE_SECONDS)
    run.leaves_nothing()
    assert len(ports) == 2
    assert all(map(is_free, ports))


def test_a_kill_of_the_parent_leaves_nothing(start: Callable[..., Run]):
    run = start("sh", "-c", '"$@" & wait', "sh", *PROGRAM, "--", sys.executable, "-c", COMMAND)
    run.ports()
    run.process.kill()
    run.leaves_nothing()


def test_a_second_ctrl_c_hurries_even_a_deaf_command(start: Callable[..., Run]):
    run = start(*PROGRAM, "--", sys.executable, "-c", DEAF)
    run.ports()
    run.interrupt()
    time.sleep(0.3)
    began = time.monotonic()
    run.interrupt()
    assert run.process.wait(PATIENCE_SECONDS) == 137
    assert time.monotonic() - began < 4
    run.leaves_nothing()


def test_without_a_command_it_prints_the_environment_and_stays(start: Callable[..., Run]):
    run = start(*PROGRAM)
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "export BATCHKIT_PROFILE=local\n"
    while (line := run.process.stdout.readline()).startswith("export "):
        pass
    assert line == f"unset {' '.join(HIDDEN)}\n"
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE_SECONDS) == 0
    run.leaves_nothing()


def test_a_state_folder_stays_private_and_serves_one_at_a_time(start: Callable[..., Run], tmp_path: Path):
    state = tmp_path / "state"
    run = start(*PROGRAM, "--state", str(state), "--", sys.executable, "-c", COMMAND)
    run.ports()
    assert state.stat().st_mode & 0o777 == 0o700
    second = start(*PROGRAM, "--state", str(state), "--", "true")
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 2
    assert said.startswith(f"error: Another local Azure uses {state}")
    run.interrupt()
    run.process.wait(PATIENCE_SECONDS)
    assert (state / "azurite").is_dir()


BLOBS = """
import os, sys
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient
ca_file = os.environ["BATCHKIT_CA_FILE"]
url = os.environ["BATCHKIT_BLOB_URL"] + "/batch-output"
with DefaultAzureCredential() as credential, ContainerClient.from_container_url(
    url, credential, connection_verify=ca_file
) as container:
    for number in range(int(sys.argv[1])):
        container.upload_blob(f"{number}.txt", b"kept")
    kept = sum(container.download_blob(each.name).readall() == b"kept" for each in container.list_blobs())
    print(kept, flush=True)
"""


def test_blobs_written_just_before_a_kill_are_there_after_a_restart(start: Callable[..., Run], tmp_path: Path):
    words = [*PROGRAM, "--state", str(tmp_path / "state"), "--", sys.executable, "-c"]
    run = start(*words, BLOBS + "\nimport time; time.sleep(600)", "20")
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "20\n"
    run.process.kill()
    run.leaves_nothing()
    again = start(*words, BLOBS, "0")
    assert again.process.communicate(timeout=30)[0] == "20\n"
