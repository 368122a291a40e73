"""The proxy of `--azure-names`: https to Azure's own names comes here, all else goes on to where it wanted.

A program that has management.azure.com written into it, or takes an account's name from its address, is led here by
HTTPS_PROXY alone. What else is Azure's (its login, other regions) is refused: a token of one never reaches the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from batchkit.local import names

_HEAD_SECONDS = 30
_CHUNK = 65536
_VARIABLES = ("HTTPS_PROXY", "https_proxy")


class NotCarriedError(Exception):
    """A request that the proxy does not carry; its text goes to the client."""


@dataclass(frozen=True)
class Proxy:
    """The ports where the names lead, and the proxy that the user has, if any."""

    management: int
    batch: int
    blob: int
    beyond: str = ""

    async def start(self, bound: socket.socket) -> asyncio.Server:
        """Serve on a bound socket until the server is closed."""
        return await asyncio.start_server(self._serve, sock=bound)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            try:
                away = await self._reach(head)
            except (NotCarriedError, OSError) as refused:
                writer.write(
                    _answer("403 Forbidden" if isinstance(refused, NotCarriedError) else "502 Bad Gateway", refused)
                )
            else:
                if not self._passes_on(head):
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _join((reader, writer), away)
        writer.close()

    async def _reach(self, head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to where a request's first line leads.

        Raises:
            NotCarriedError: it is no CONNECT to https, or to a part of Azure that is not here.
            OSError: nothing answers there.
        """
        host = _target(head)
        ours = ((names.is_management, self.management), (names.is_batch, self.batch), (names.is_blob, self.blob))
        for leads, port in ours:
            if leads(host):
                return await asyncio.open_connection("127.0.0.1", port)
        if names.is_azure(host):
            raise NotCarriedError(f"{host} is not part of the local Azure, and nothing goes to the real one from here")
        if self.beyond:
            return await self._through(head)
        return await asyncio.open_connection(host, 443)

    async def _through(self, head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Hand the request as it is to the user's own proxy, which answers it itself."""
        proxy = urlsplit(self.beyond)
        reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80)
        writer.write(head)
        return reader, writer

    def _passes_on(self, head: bytes) -> bool:
        return bool(self.beyond) and not names.is_azure(_target(head))


def of_user(environment: Mapping[str, str]) -> str:
    """Return the user's own https proxy, "" for none."""
    return next((environment[name] for name in _VARIABLES if environment.get(name)), "")


def _target(head: bytes) -> str:
    """Return the host of `CONNECT host:443 HTTP/1.1`."""
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    host, _, port = rest.partition(" ")[0].rpartition(":")
    if method != "CONNECT" or port != "443":
        raise NotCarriedError("only https is carried, to port 443")
    return host


def _answer(status: str, why: Exception) -> bytes:
    text = f"batchkit local: {why}\n".encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode() + text


async def _join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter], other: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Carry bytes both ways until both sides have said all."""
    try:
        await asyncio.gather(_carry(one[0], other[1]), _carry(other[0], one[1]))
    finally:
        other[1].close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
