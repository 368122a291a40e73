"""The services' sockets and servers: loopback only, ports that the system chooses, one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from batchkit.local.certificates import Certificates

_KEEP_ALIVE_SECONDS = 600
_STOP_SECONDS = 3
_BACKLOG = 2048


def bind(port: int = 0) -> socket.socket:
    """Return a socket bound to that port of 127.0.0.1, or to a free one where it is 0 or taken.

    So every address is final before anything runs.
    """
    # With its protocol named, or asyncio leaves Nagle's delay on: 40 ms a call.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.bind(("127.0.0.1", 0))
    bound.listen(_BACKLOG)
    return bound


def address(bound: socket.socket) -> str:
    """Return 127.0.0.1:PORT of a bound socket."""
    host, port = bound.getsockname()
    return f"{host}:{port}"


class Server(uvicorn.Server):
    """One ASGI application on one socket; it leaves signals to the supervisor."""

    def __init__(self, app: Any, bound: socket.socket, certificates: Certificates | None = None) -> None:
        super().__init__(uvicorn.Config(app, **_OPTIONS, **_tls(certificates)))
        self._bound = bound
        self.task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handlers: the supervisor has its own."""
        yield

    async def start(self) -> None:
        """Serve in the background; return once requests are answered."""
        self.task = asyncio.create_task(self.serve(sockets=[self._bound]))
        while not self.started and not self.task.done():
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop taking requests, give the open ones a moment, and close the socket."""
        self.should_exit = True
        if self.task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self.task, _STOP_SECONDS)
        self._bound.close()


_OPTIONS: dict[str, Any] = {
    "log_config": None,
    "log_level": "critical",
    "access_log": False,
    "lifespan": "off",
    "ws": "none",
    "server_header": False,
    "date_header": False,
    "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": 1,
}


def _tls(certificates: Certificates | None) -> dict[str, Any]:
    if certificates is None:
        return {}
    return {"ssl_certfile": str(certificates.certificate), "ssl_keyfile": str(certificates.key)}
