"""What once was a 500, a wrong 200 or a traceback, over the wire."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import azure.batch.models as m
import azure.mgmt.batch.models as am
import pytest
from azure.core.exceptions import HttpResponseError
from batch_clients import ARM, Azure, arm_pool, source

VERSION = "api-version=2025-06-01"


def test_a_pool_cannot_be_changed_to_no_slots_or_too_many(azure: Azure) -> None:
    azure.arm.pool.create(*ARM, "slots", arm_pool())
    for count in (0, 257, 300):
        with pytest.raises(HttpResponseError) as caught:
            azure.batch.update_pool("slots", m.BatchPoolUpdateOptions(task_slots_per_node=count))
        assert caught.value.status_code == 400
        with pytest.raises(HttpResponseError) as caught:
            azure.arm.pool.update(*ARM, "slots", am.Pool(properties=am.PoolProperties(task_slots_per_node=count)))
        assert caught.value.status_code == 400
    azure.batch.update_pool("slots", m.BatchPoolUpdateOptions(task_slots_per_node=256))
    assert azure.batch.get_pool("slots").task_slots_per_node == 256


def test_a_file_mode_that_is_none_fails_the_task_once(azure: Azure) -> None:
    azure.arm.pool.create(*ARM, "modes", arm_pool(targets=1))
    azure.container("batch-input").upload_blob("mode", b"", overwrite=True)
    azure.job("modes", "modes")
    file = source(azure, "batch-input", "mode", "mode")
    file.file_mode = "rwx"
    azure.batch.create_task("modes", m.BatchTaskCreateOptions(id="1", command_line="true", resource_files=[file]))
    info = azure.ended("modes", "1").execution_info
    assert (info.failure_info.code, info.requeue_count) == ("ResourceFileCreateFailed", 0)
    assert "rwx" in {detail.name: detail.value for detail in info.failure_info.details}["Reason"]


def test_a_range_without_end_leaves_the_counts_right(azure: Azure) -> None:
    azure.job("ranges", "no-pool", uses_task_dependencies=True)
    for end, status in ((10**30, 400), (2**31, 400)):
        needs = {"taskIdRanges": [{"start": 1, "end": end}]}
        body = {"value": [{"id": "1", "commandLine": "x"}, {"id": "2", "commandLine": "x", "dependsOn": needs}]}
        assert azure.send("POST", f"/jobs/ranges/addtaskcollection?{VERSION}", json=body).status_code == status
    counts = azure.batch.get_job_task_counts("ranges").task_counts
    assert counts.active == len(list(azure.batch.list_tasks("ranges"))) == 0


def test_a_job_manager_needs_an_id_and_without_one_there_is_no_job(azure: Azure) -> None:
    body = {"id": "unmanaged", "poolInfo": {"poolId": "p"}, "jobManagerTask": {"commandLine": "true"}}
    assert azure.send("POST", f"/jobs?{VERSION}", json=body).status_code == 400
    assert azure.get(f"/jobs/unmanaged?{VERSION}").status_code == 404


def test_headers_with_dates_of_an_unknown_place_are_read(azure: Azure) -> None:
    azure.pool("dated", nodes=0)
    unknown = {"If-Modified-Since": "Sun, 01 Mar 2020 12:00:00 -0000"}
    assert azure.get(f"/pools/dated?{VERSION}", unknown).status_code == 200


def test_a_client_that_dies_leaves_no_traceback() -> None:
    program = [sys.executable, "-m", "batchkit.local", "--speed", "1200"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        env = {}
        while "AZURE_TOKEN_CREDENTIALS" not in env:
            name, _, value = process.stdout.readline().removeprefix("export ").strip().partition("=")
            env[name] = value
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            azure = Azure(env)
            for url, resource in (
                ("BATCHKIT_BATCH_URL", "batch.core.windows.net/"),
                ("BATCHKIT_ARM_URL", "management.azure.com"),
            ):
                hang_up(env, url, azure.token(f"https://{resource}"))
            assert azure.get(f"/jobs?{VERSION}").json()["value"] == []
            azure.close()
        process.send_signal(2)
        _, said = process.communicate(timeout=30)
    assert said.startswith("The local Azure is up; Ctrl-C stops it.")


def hang_up(env: dict[str, str], url: str, token: str) -> None:
    """Send half a body and close."""
    host, port = urlsplit(env[url]).netloc.split(":")
    path = (
        "/jobs"
        if "BATCH_URL" in url
        else f"/subscriptions/{'1' * 8}-{'-'.join(['1' * 4] * 3)}-{'1' * 12}/resourceGroups/g"
    )
    trust = ssl.create_default_context(cafile=env["BATCHKIT_CA_FILE"])
    head = (
        f"{'POST' if 'BATCH_URL' in url else 'PUT'} {path}?{VERSION} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as plain, trust.wrap_socket(plain, server_hostname=host) as link:
        link.sendall(head.encode() + b"{")
