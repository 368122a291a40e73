"""Azurite's keeper: the lock names versions and hashes only, a second install does nothing, node is our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient

from batchkit.local.azurite import install

LISTS = Path(install.__file__).parent


def test_the_lock_pins_every_package_by_hash_and_names_no_address():
    lock = json.loads((LISTS / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    pinned = json.loads((LISTS / "package.json").read_text())["dependencies"]["azurite"]
    assert packages["node_modules/azurite"]["version"] == pinned
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())


def test_a_second_install_does_nothing_and_needs_no_node_on_the_machine(tmp_path: Path):
    install.install()
    before = (install.folder() / ".installed").stat().st_mtime_ns
    command = [sys.executable, "-m", "batchkit.local.azurite", "install"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (install.folder() / ".installed").stat().st_mtime_ns == before


def test_the_node_that_runs_it_is_the_real_binary():
    assert install.node().is_relative_to(sys.prefix)
    assert install.node().read_bytes()[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")


def test_another_word_than_install_is_refused():
    command = [sys.executable, "-m", "batchkit.local.azurite", "remove"]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_a_blob_comes_back_as_it_went(local_environment: dict[str, str]):
    address = f"{local_environment['BATCHKIT_BLOB_URL']}/batch-input/folder/ünïcode 1.bin"
    content = os.urandom(5_000_000)
    ca_file = local_environment["BATCHKIT_CA_FILE"]
    with DefaultAzureCredential() as credential:
        blob = BlobClient.from_blob_url(address, credential, connection_verify=ca_file)
        with blob:
            blob.upload_blob(content)
            assert blob.download_blob().readall() == content
            blob.delete_blob()
