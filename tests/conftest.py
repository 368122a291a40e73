"""The local Azure for tests: one for the whole session, started as users start it, spoken to by the real clients."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from batch_clients import Azure
    from provisioned import Place

    from batchkit import Session

FAULTS = "/_local/faults"


@contextmanager
def running_local_azure(*options: str) -> Iterator[dict[str, str]]:
    """Start `batchkit local` with options and yield the environment that it prints; stop it by Ctrl-C."""
    program = [sys.executable, "-m", "batchkit.local", *options]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _exported(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _exported(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    environment = {}
    last = "AZURE_BATCH_ENDPOINT" if "--allow-shared-key" in str(process.args) else "AZURE_TOKEN_CREDENTIALS"
    for line in process.stdout:
        name, _, value = line.removeprefix("export ").strip().partition("=")
        environment[name] = "".join(shlex.split(value))
        if name == last:
            return environment
    raise AssertionError(f"batchkit local ended with {process.wait()} before it was up")


@pytest.fixture(scope="session")
def local_azure() -> Iterator[dict[str, str]]:
    """The environment of a local Azure at --speed 60 that all tests of the session share."""
    with running_local_azure("--speed", "60") as environment:
        yield environment


@pytest.fixture
def local_environment(local_azure: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same, set in this process's own environment for the test."""
    for name, value in local_azure.items():
        monkeypatch.setenv(name, value)
    return {**os.environ}


@pytest.fixture(scope="session")
def fast_azure() -> Iterator[dict[str, str]]:
    """The environment of a local Azure at --speed 1200 (a node boots in a quarter of a second)."""
    with running_local_azure("--speed", "1200") as environment:
        yield environment


@pytest.fixture
def azure(fast_azure: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """The real clients on that one."""
    from batch_clients import Azure

    for name, value in fast_azure.items():
        monkeypatch.setenv(name, value)
    clients = Azure(fast_azure)
    yield clients
    clients.close()


@pytest.fixture
def session(azure: Azure) -> Session:
    """The workbench's own session on that one."""
    import batchkit

    return batchkit.connect()


@pytest.fixture
def faults(azure: Azure) -> Iterator[Callable[..., None]]:
    """A call that sets the fault plan of that one; emptied at the end."""
    yield lambda *plan: azure.send("PUT", FAULTS, json={"fault": list(plan)}).raise_for_status()
    azure.send("DELETE", FAULTS)


@pytest.fixture(scope="session")
def pool_id(fast_azure: dict[str, str]) -> str:
    """A pool on that one that scales itself."""
    import batchkit
    from batchkit import pools

    with pytest.MonkeyPatch.context() as patch:
        for name, value in fast_azure.items():
            patch.setenv(name, value)
        session = batchkit.connect()
        return pools.ensure(session, pools.spec(session, max_nodes=2, slots_per_node=4, tasks_per_node=1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty subscription on a local Azure of the file's own."""
    from provisioned import subscription

    with subscription(tmp_path_factory.mktemp("settings")) as found:
        yield found
