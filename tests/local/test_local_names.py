"""`batchkit local --azure-names`: clients with Azure's own host names written into them, led here by HTTPS_PROXY."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import azure.batch.models as m
import pytest
import requests
from azure.batch import BatchClient
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.mgmt.batch import BatchManagementClient
from azure.storage.blob import BlobServiceClient
from batch_clients import ARM, IDENTITY, SUBSCRIPTION, Azure, arm_pool
from conftest import running_local_azure

BATCH = "https://any-account.local.batch.azure.com"
BLOB = "https://batchkitlocal.blob.core.windows.net"


@pytest.fixture(scope="module")
def beyond() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy of the user's own: its address, and the first line of each request that reached it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(4096).split(b"\r\n")[0])
                    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard


@pytest.fixture(scope="module")
def named(beyond: tuple[str, list[bytes]]) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", beyond[0])
        with running_local_azure("--speed", "1200", "--azure-names") as environment:
            yield environment


@pytest.fixture
def there(named: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in this process; a client finds its trust where it is told to by variable."""
    for name, value in {**named, "REQUESTS_CA_BUNDLE": named["BATCHKIT_CA_BUNDLE"]}.items():
        monkeypatch.setenv(name, value)
    return named


def test_clients_without_any_address_of_ours_do_their_work(there: dict[str, str]) -> None:
    credential = DefaultAzureCredential()
    management = BatchManagementClient(credential, SUBSCRIPTION)  # management.azure.com is written into it
    management.pool.create(*ARM, "pool", arm_pool(targets=1))
    blobs = BlobServiceClient(BLOB, credential)
    blobs.get_blob_client("batch-input", "x").upload_blob(b"there")
    reference = m.BatchNodeIdentityReference(resource_id=IDENTITY)
    file = m.ResourceFile(http_url=f"{BLOB}/batch-input/x", file_path="x", identity_reference=reference)
    batch = Azure(there)
    batch.batch = BatchClient(BATCH, credential)
    batch.job("job", "pool")
    batch.batch.create_task("job", m.BatchTaskCreateOptions(id="1", command_line="cat x", resource_files=[file]))
    assert batch.ended("job", "1").execution_info.exit_code == 0
    assert batch.text("job", "1") == "there"


@pytest.mark.parametrize(
    "host", ["login.microsoftonline.com", "mine.westeurope.batch.azure.com", "other.blob.core.windows.net"]
)
def test_the_rest_of_azure_is_refused_with_the_reason(there: dict[str, str], host: str) -> None:
    with socket.create_connection(("127.0.0.1", int(there["HTTPS_PROXY"].rpartition(":")[2]))) as proxy:
        proxy.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        said = proxy.makefile("rb").read().decode()
    assert said.startswith("HTTP/1.1 403 ")
    assert f"{host} is not part of the local Azure" in said


def test_other_hosts_go_the_users_own_way(there: dict[str, str], beyond: tuple[str, list[bytes]]) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="407"):
        requests.get("https://example.org/", timeout=20)
    assert beyond[1][-1].startswith(b"CONNECT example.org:443 ")


@pytest.mark.parametrize("line", ["GET http://example.org/ HTTP/1.1", "CONNECT 127.0.0.1:22 HTTP/1.1", "nonsense"])
def test_nothing_but_https_is_carried(there: dict[str, str], line: str) -> None:
    with socket.create_connection(("127.0.0.1", int(there["HTTPS_PROXY"].rpartition(":")[2]))) as proxy:
        proxy.sendall(f"{line}\r\n\r\n".encode())
        assert proxy.makefile("rb").read().startswith(b"HTTP/1.1 403 ")


def test_a_name_is_no_way_past_the_checks(there: dict[str, str]) -> None:
    with (
        BatchClient(BATCH, DefaultAzureCredential(), credential_scopes=["https://storage.azure.com/.default"]) as wrong,
        pytest.raises(HttpResponseError) as refused,
    ):
        list(wrong.list_pools())
    assert refused.value.status_code == 401


def test_without_the_option_the_names_are_no_hosts_of_ours(azure: Azure) -> None:
    assert azure.get("/pools?api-version=2025-06-01", {"Host": "any-account.local.batch.azure.com"}).status_code == 400
    assert "HTTPS_PROXY" not in azure.env
