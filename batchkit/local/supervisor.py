"""Owns every process of one local Azure: starts them, runs COMMAND, and leaves none behind.

Signals only set the end in motion; the services then stop in order. Whatever is left after that, or
when this process is killed outright, the guard (see guard.py) ends. The first Ctrl-C lets COMMAND
end by itself for a moment, a second one hurries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchkit.local.azurite.process import AzuriteError
from batchkit.local.command import Command, CommandError
from batchkit.local.connection import told
from batchkit.local.environment import HIDDEN, unproxied
from batchkit.local.folder import State, StateError, claim
from batchkit.local.guard import MARK, finish
from batchkit.local.options import Options
from batchkit.local.stack import Running, start

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PARENT_SECONDS = 0.5
_GUARD_SECONDS = 15
_PAGE = Path(__file__).with_name("local-azure.md")  # a link to docs/ in a checkout, a copy where it is installed


def supervise(options: Options, early: Sequence[int] = ()) -> int:
    """Run a local Azure until COMMAND ends or a signal comes; return the exit code.

    Args:
        options: what to run.
        early: takes the signals that come before this has its own handlers; they count like later ones.
    """
    try:
        state = claim(options.state)
    except StateError as error:
        return _fail(str(error), 2)
    os.environ.update(unproxied(os.environ))  # for the clients inside: they speak to this machine
    run = uuid.uuid4().hex
    guard = _start_guard(run, state)
    supervisor = _Supervisor(options, state, ":".join(filter(None, (os.environ.get(MARK), run))), early)
    try:
        return asyncio.run(supervisor.run())
    finally:
        if not _guard_finishes(guard, supervisor.hurried):
            finish(run, state.folder, state.keep, hurry=True)


@dataclass
class _Supervisor:
    options: Options
    state: State
    mark: str
    early: Sequence[int] = ()
    hurried: bool = False
    signalled: int = 0
    command: Command | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                loop.add_signal_handler(number, self._receive, number)
        for each in self.early:
            self._receive(each)
        work = loop.create_task(self._work())
        end = loop.create_task(self._end(work))
        orphaned = loop.create_task(self._watch_parent())
        try:
            return await work
        except asyncio.CancelledError:
            stopped = not self.options.command and self.signalled == signal.SIGINT
            return 0 if stopped else 128 + self.signalled
        finally:
            end.cancel()
            orphaned.cancel()

    def _receive(self, number: int) -> None:
        self.hurried = self.hurried or self.ending.is_set()
        self.signalled = self.signalled or number
        self.ending.set()
        if self.hurried and self.command is not None:
            self.command.kill()

    async def _end(self, work: asyncio.Task[int]) -> None:
        """Once a signal came: end COMMAND, which ends the work; without COMMAND stop the work itself."""
        await self.ending.wait()
        if self.command is None:
            work.cancel()
        else:
            await self.command.end(self.signalled)

    async def _work(self) -> int:
        async with contextlib.AsyncExitStack() as stack:
            try:
                options = self.options
                running = await start(stack, self.state, options, self.mark)
                if self.state.keep:
                    stack.enter_context(told(self.state.folder, running.environment))
                return await self._attend(running)
            except AzuriteError as error:
                return _fail(str(error), 1)
            except CommandError as error:
                return _fail(str(error), error.exit_code)
            except OSError as error:
                return _fail(f"The local Azure can't go on in {self.state.folder}: {error.strerror or error}.", 1)

    async def _attend(self, running: Running) -> int:
        """Stay while COMMAND runs, or until a signal comes; a service that ends by itself ends all."""
        if not self.options.command:
            _show(running.environment)
            waiting: asyncio.Task[int] = asyncio.create_task(self._wait_for_signal())
        else:
            self.command = await Command.start(self.options.command, running.environment | {MARK: self.mark})
            waiting = asyncio.create_task(self.command.wait())
        both: set[asyncio.Future[Any]] = {waiting, running.ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        if self.command is not None:
            await self.command.end(signal.SIGTERM)
        return _fail(f"{running.ended.result()} ended by itself; the local Azure stops.", 1)

    async def _wait_for_signal(self) -> int:
        await asyncio.Event().wait()
        return 0

    async def _watch_parent(self) -> None:
        """End when the parent is gone (killed, say), unless nohup said that this is to be outlived."""
        parent = os.getppid()
        if parent == 1 or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            return
        while os.getppid() == parent:
            await asyncio.sleep(_PARENT_SECONDS)
        self._receive(signal.SIGHUP)


def _start_guard(run: str, state: State) -> subprocess.Popen[bytes]:
    """Start the guard with the signals blocked: a Ctrl-C before it has its own session would end it."""
    then = "keep" if state.keep else "remove"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "batchkit.local.guard", run, state.folder, then],
            env={name: value for name, value in os.environ.items() if name != MARK},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if state.lock < 0 else (state.lock,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _guard_finishes(guard: subprocess.Popen[bytes], hurried: bool) -> bool:
    """Let the guard sweep, wait for it, and return whether it did: it may have been killed itself."""
    assert guard.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        guard.stdin.write(b"k" if hurried else b"")
        guard.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        guard.wait(_GUARD_SECONDS)
    return guard.poll() == 0


def _show(environment: dict[str, str]) -> None:
    try:
        print(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()), sep="\n")
        print("unset", *HIDDEN, flush=True)
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"The local Azure is up; Ctrl-C stops it. How to point programs at it: {_PAGE.resolve()}", file=sys.stderr)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
