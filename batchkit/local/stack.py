"""The services of one local Azure, started together and stopped in the reverse order."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from batchkit.local import certificates as tls
from batchkit.local import names
from batchkit.local.azurite import process as azurite
from batchkit.local.config import CONTAINERS, LocalConfig, SharedKey
from batchkit.local.environment import handed_out, storage_account
from batchkit.local.folder import State
from batchkit.local.guard import MARK
from batchkit.local.identity import Identity
from batchkit.local.kept import keep, recall
from batchkit.local.options import Options
from batchkit.local.proxy import Proxy, of_user
from batchkit.local.record import recorded
from batchkit.local.servers import Server, address, bind
from batchkit.local.tokens import STORAGE_AUDIENCE, Tokens

_STOP_SECONDS = 10
_SHARED_KEY_ACCOUNT = "batchkitlocal"


@dataclass
class Running:
    """A started local Azure.

    Attributes:
        environment: what a client needs to reach it.
        ended: completes, with the reason, should a service end by itself.
    """

    environment: dict[str, str]
    ended: asyncio.Future[str]


async def start(
    stack: contextlib.AsyncExitStack,
    state: State,
    options: Options,
    mark: str,
) -> Running:
    """Start every service; `stack` stops them.

    Raises:
        AzuriteError: Azurite is missing or did not start.
    """
    hosts = names.EVERYTHING if options.azure_names else ()
    certificates = await asyncio.to_thread(tls.make, state.folder / ("tls-azure-names" if hosts else "tls"), hosts)
    marked = {MARK: mark}
    before = recall(state.folder)
    starting = asyncio.create_task(azurite.start(state.folder / "azurite", certificates, marked, before.blob_port))
    create = await asyncio.to_thread(_load_batch)  # its imports cost no time of their own this way
    blobs = await starting
    stack.push_async_callback(_bounded, blobs.stop)
    batch, arm, metadata = (bind(port) for port in (before.batch_port, before.arm_port, before.metadata_port))
    config = LocalConfig(
        speed=options.speed,
        state_dir=state.folder,
        batch_url=f"https://{address(batch)}",
        blob_url=blobs.url,
        arm_url=f"https://{address(arm)}",
        ca_file=certificates.authority,
        tokens=Tokens(before.token_secret, before.tenant_id),
        shared_key=_new_key() if options.allow_shared_key else None,
        storage_key=blobs.key,
        faults=options.faults,
        as_recorded=options.as_recorded,
        azure_names=options.azure_names,
        keep=state.keep,
        mark=marked,
    )
    await asyncio.to_thread(_make_containers, config)
    service = create(config)
    await service.start()
    stack.push_async_callback(_bounded, service.stop)
    identity = Identity(config.tokens, before.client_id, before.path_secret.lower())
    servers = [
        Server(recorded(service.batch_app), batch, certificates),
        Server(recorded(service.arm_app), arm, certificates),
        Server(identity.app(), metadata),
    ]
    stack.push_async_callback(_stop_all, servers)
    for server in servers:
        await server.start()
    if state.keep:
        batch_port, arm_port, metadata_port = (bound.getsockname()[1] for bound in (batch, arm, metadata))
        now = replace(before, batch_port=batch_port, arm_port=arm_port, metadata_port=metadata_port)
        keep(state.folder, replace(now, blob_port=urlsplit(blobs.url).port or 0))
    more = {"BATCHKIT_CA_BUNDLE": str(await asyncio.to_thread(tls.bundle, certificates, os.environ))}
    more |= storage_account(config) if options.show_storage_key else {}
    more |= await _lead_names(stack, config) if options.azure_names else {}
    environment = handed_out(config, identity, address(metadata), os.environ, more)
    return Running(environment, _watch(blobs, servers))


async def _lead_names(stack: contextlib.AsyncExitStack, config: LocalConfig) -> dict[str, str]:
    """Start the proxy that leads Azure's names here; return the variables that lead clients to it."""
    bound = bind()
    arm, batch, blob = (urlsplit(url).port or 0 for url in (config.arm_url, config.batch_url, config.blob_url))
    stack.callback((await Proxy(arm, batch, blob, of_user(os.environ)).start(bound)).close)
    return dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://{address(bound)}")


def _load_batch() -> Callable[[LocalConfig], Any]:
    from batchkit.local.batch import create, service  # noqa: F401 - create itself imports it late

    return create


def _make_containers(config: LocalConfig) -> None:
    token = config.tokens.issue(STORAGE_AUDIENCE)
    azurite.make_containers(config.blob_url, token, config.ca_file, CONTAINERS)


def _new_key() -> SharedKey:
    return SharedKey(_SHARED_KEY_ACCOUNT, base64.b64encode(secrets.token_bytes(64)).decode())


async def _stop_all(servers: list[Server]) -> None:
    await asyncio.gather(*(_bounded(server.stop) for server in servers))


async def _bounded(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop one service, and never let a slow or broken one keep the others from stopping."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(stop(), _STOP_SECONDS)


def _watch(blobs: azurite.Azurite, servers: list[Server]) -> asyncio.Future[str]:
    """Return a future that tells which service ended before it was asked to."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()

    def report(name: str) -> Callable[[object], None]:
        return lambda _: None if ended.done() else ended.set_result(name)

    watched = loop.create_task(blobs.process.wait())
    watched.add_done_callback(report("Azurite"))
    for server in servers:
        if server.task is not None:
            server.task.add_done_callback(report("A server of the local Azure"))
    return ended
