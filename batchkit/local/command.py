"""COMMAND's life under the supervisor: started with the environment, ended in steps, its exit code kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from batchkit.local.environment import HIDDEN

# How long COMMAND may take to end by itself after a Ctrl-C, and then after being asked by SIGTERM.
_INTERRUPTED_SECONDS = 5.0
_ASKED_SECONDS = 5.0


class CommandError(Exception):
    """COMMAND can't be started; `exit_code` is a shell's for the same trouble."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Command:
    """One running COMMAND, in the supervisor's own process group so that the terminal serves it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, words: Sequence[str], environment: Mapping[str, str]) -> Command:
        """Start COMMAND with `environment` added to this process's own, without what would lead it elsewhere.

        Raises:
            CommandError: there is no such program, or it may not be run.
        """
        try:
            own = {name: value for name, value in os.environ.items() if name not in HIDDEN}
            return cls(await asyncio.create_subprocess_exec(*words, env=own | dict(environment)))
        except FileNotFoundError:
            raise CommandError(f"{words[0]}: command not found", 127) from None
        except OSError as error:
            raise CommandError(f"{words[0]}: {error.strerror}", 126) from None

    async def wait(self) -> int:
        """Return COMMAND's exit code as a shell would: 128 + n when signal n ended it."""
        code = await self._process.wait()
        return 128 - code if code < 0 else code

    async def end(self, number: int) -> None:
        """End COMMAND after a signal came: a Ctrl-C has reached it already, anything else it is told now."""
        if number == signal.SIGINT and await self._ended_within(_INTERRUPTED_SECONDS):
            return
        self._send(signal.SIGTERM)
        if not await self._ended_within(_ASKED_SECONDS):
            self.kill()

    def kill(self) -> None:
        """End COMMAND at once."""
        self._send(signal.SIGKILL)

    async def _ended_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        return self._process.returncode is not None

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
