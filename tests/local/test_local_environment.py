"""The local Azure on other people's machines: proxies, other identities, temporary folders of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchkit.local.environment import HIDDEN, unproxied

LOCAL = [sys.executable, "-m", "batchkit.local", "--speed", "1200"]
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing answers
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
USE = """
import json, os
from batch_clients import *
azure = Azure(os.environ)
azure.arm.pool.create(*ARM, "p", arm_pool(targets=1))
azure.container("batch-input").upload_blob("x", b"there")
azure.job("j", "p")
file = source(azure, "batch-input", "x", "x")
azure.batch.create_task("j", m.BatchTaskCreateOptions(id="1", command_line="cat x", resource_files=[file]))
azure.ended("j", "1")
print(json.dumps([azure.text("j", "1"), os.environ["NO_PROXY"], os.environ["no_proxy"]]))
"""


def local(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name.lower() not in ("no_proxy", *PROXIES)}
    words = [*LOCAL, "--", *command] if command else LOCAL
    return subprocess.run(words, env=own | environment, capture_output=True, text=True, timeout=60, check=False)


SIGN = """
import os
from azure.storage.blob import BlobClient, BlobServiceClient, generate_blob_sas
trust = os.environ["BATCHKIT_CA_FILE"]
text = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
with BlobServiceClient.from_connection_string(text, connection_verify=trust) as service:
    blob = service.get_blob_client("batch-input", "x")
    blob.upload_blob(b"there")
    key, options = os.environ["AZURE_STORAGE_KEY"], {"permission": "r", "expiry": "2999-01-01T00:00:00Z"}
    link = generate_blob_sas(os.environ["AZURE_STORAGE_ACCOUNT"], "batch-input", "x", account_key=key, **options)
with BlobClient.from_blob_url(f"{blob.url}?{link}", connection_verify=trust) as linked:
    print(linked.download_blob().readall().decode())
"""


def test_the_storage_key_is_shown_when_asked_for_alone() -> None:
    words = [*LOCAL, "--show-storage-key", "--", sys.executable, "-c", SIGN]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "there\n", done.stderr
    own = {name: "" for name in os.environ if name.startswith("AZURE_STORAGE_")}
    assert "AZURE_STORAGE_KEY=" not in local("env", **own).stdout


def test_proxies_and_other_identities_lead_neither_clients_nor_tasks_elsewhere() -> None:
    strange = {**dict.fromkeys(PROXIES, NOWHERE), **dict.fromkeys(HIDDEN, NOWHERE)}
    here = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = local(sys.executable, "-c", USE, **strange, **here, NO_PROXY="example.com, .internal")
    assert done.returncode == 0, done.stderr
    text, upper, lower = json.loads(done.stdout)
    assert text == "there"
    assert upper == lower == "example.com,.internal,127.0.0.1,localhost"


def test_what_the_user_had_in_no_proxy_stays() -> None:
    assert unproxied({})["NO_PROXY"] == "127.0.0.1,localhost"
    assert unproxied({"NO_PROXY": "*"})["no_proxy"] == "*"
    assert unproxied({"no_proxy": "a,b", "NO_PROXY": "b,localhost"})["NO_PROXY"] == "a,b,localhost,127.0.0.1"


def test_a_very_long_temporary_folder_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 120)
    folder.mkdir()
    done = local("sh", "-c", "echo $BATCHKIT_CA_FILE", TMPDIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(folder))
    assert not list(folder.iterdir())


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; only root may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_temporary_folder_without_room_is_one_line_at_once(small: Path) -> None:
    done = local("true", TMPDIR=str(small))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert str(small) in done.stderr
    assert "No space left" in done.stderr
    assert not list(small.iterdir())


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "/proc", "/dev/null"])
def test_a_temporary_folder_that_cannot_be_used_is_one_line_at_once(folder: str) -> None:
    done = local("true", TMPDIR=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"The temporary folder {folder} can't be used" in done.stderr
