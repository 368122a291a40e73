"""Runs one Azurite on a port of its own choosing, and makes the containers that the work needs.

Keyless: it takes bearer tokens over https; its account key is random, made anew at each start and kept nowhere.
Azurite itself checks no token's signature, only issuer, audience and lifetime.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import socket
import ssl
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchkit.local.azurite.install import folder, installed, node
from batchkit.local.certificates import Certificates
from batchkit.local.config import NODE_AGENT

ACCOUNT = "batchkitlocal"

_LISTENS = re.compile(rb"listens on https://127\.0\.0\.1:(\d+)")
_PROGRAM = "node_modules/azurite/dist/src/blob/main.js"
_OPTIONS = ["--blobHost", "127.0.0.1", "--oauth", "basic"]
_QUIET = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
_START_SECONDS = 60
_STOP_SECONDS = 5
_API_VERSION = "2021-12-02"
_LEFT_ALONE = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"})


class AzuriteError(Exception):
    """Azurite is missing, or did not start."""


@dataclass
class Azurite:
    """A running Azurite: its process, its account's address and its account's key, in base64."""

    process: asyncio.subprocess.Process
    url: str
    key: str = field(repr=False)

    def admit(self, policy: Mapping[str, Any]) -> None:
        """Say who is answered from now on: see door.cjs."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(f"{json.dumps(policy)}\n".encode())

    async def stop(self) -> None:
        """End Azurite in order, so that it keeps what it has acknowledged; kill it when it does not end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            await _kill(self.process)


async def start(location: Path, certificates: Certificates, mark: Mapping[str, str], port: int = 0) -> Azurite:
    """Start Azurite with its data in `location` and return once it listens, on that port or a free one.

    Raises:
        AzuriteError: it is not installed, or it ended or said nothing within a minute.
    """
    if not installed():
        raise AzuriteError(f"Azurite is not installed here: run `{sys.executable} -m batchkit.local.azurite install`.")
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    process = await _spawn(location, certificates, _environment(mark, key), port if _free(port) else 0)
    try:
        port = await asyncio.wait_for(_port(process), _START_SECONDS)
    except TimeoutError:
        await _kill(process)
        raise AzuriteError(f"Azurite did not start within {_START_SECONDS} seconds.") from None
    except BaseException:
        await _kill(process)
        raise
    _drain(process)
    return Azurite(process, f"https://127.0.0.1:{port}/{ACCOUNT}", key)


def make_containers(url: str, token: str, ca_file: Path, names: Iterable[str]) -> None:
    """Create the containers that are not there yet; raise AzuriteError when Azurite refuses.

    Three plain requests: the client library would cost the start half a second.
    """
    host, account = url.removeprefix("https://").split("/")
    trust = ssl.create_default_context(cafile=str(ca_file))
    known = {"x-ms-version": _API_VERSION, "User-Agent": NODE_AGENT}
    headers = {"Authorization": f"Bearer {token}", "Content-Length": "0", **known}
    connection = http.client.HTTPSConnection(host, context=trust, timeout=30)
    with contextlib.closing(connection):
        for name in names:
            connection.request("PUT", f"/{account}/{name}?restype=container", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in (201, 409):
                raise AzuriteError(f"Azurite refused container {name}: {answer.status} {body[:300]!r}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return port != 0 and probe.connect_ex(("127.0.0.1", port)) != 0


async def _spawn(
    location: Path, certificates: Certificates, environment: Mapping[str, str], port: int
) -> asyncio.subprocess.Process:
    location.mkdir(mode=0o700, parents=True, exist_ok=True)
    pair = ["--cert", str(certificates.certificate), "--key", str(certificates.key)]
    return await asyncio.create_subprocess_exec(
        node(),
        "--require",
        Path(__file__).with_name("end_with_stdin.cjs"),
        "--require",
        Path(__file__).with_name("door.cjs"),
        folder() / _PROGRAM,
        *_OPTIONS,
        "--blobPort",
        str(port),
        *pair,
        *_QUIET,
        "--location",
        location,
        cwd=location,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def _environment(mark: Mapping[str, str], key: str) -> dict[str, str]:
    own = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}", "NODE_COMPILE_CACHE": str(folder() / ".compile-cache")}
    return {name: value for name, value in os.environ.items() if name in _LEFT_ALONE} | own | dict(mark)


async def _port(process: asyncio.subprocess.Process) -> int:
    said = []
    assert process.stdout is not None
    async for line in process.stdout:
        found = _LISTENS.search(line)
        if found:
            return int(found[1])
        said.append(line.decode(errors="replace").strip())
    raise AzuriteError(f"Azurite ended at its start: {' / '.join(said[-3:]) or 'it said nothing'}")


def _drain(process: asyncio.subprocess.Process) -> None:
    """Keep reading what Azurite prints, so that a full pipe never stops it."""

    async def read() -> None:
        assert process.stdout is not None
        while await process.stdout.read(65536):
            pass

    task = asyncio.get_running_loop().create_task(read())
    _draining.add(task)
    task.add_done_callback(_draining.discard)


_draining: set[asyncio.Task[None]] = set()
