"""No key, connection string or token anywhere: settings, notebooks, logs, records, outputs, requests of a whole job.

The one exception has a name: the two short-lived links of an image build, which are only ever in a request's own path.
"""

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from shell import ENVIRONMENT

from batchkit import settings

ROOT = Path(__file__).parents[2]
BATCHKIT = Path(sys.executable).parent / "batchkit"
WORKER = "FROM python:3.13-slim\n"
SECRETS = {
    "a storage or Batch account's key": rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])",
    "a connection string": rb"AccountKey=|DefaultEndpointsProtocol=|SharedAccessKey=",
    "a token": rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.",
    "a bearer header": rb"[Bb]earer [A-Za-z0-9_-]{20,}",
    "a signed link": rb"[?&]sig=[A-Za-z0-9%/+_-]{16,}",
    "a private key": rb"BEGIN (?:RSA |EC )?PRIVATE KEY",
}
LINKS = rb"/transient/links/[^\"\s]*"
PROVISION = """
from pathlib import Path
from batchkit import provision
provision.apply(provision.target(Path("config.json")), Path("worker"))
"""


def secrets_in(text: bytes) -> list[str]:
    return [name for name, pattern in SECRETS.items() if re.search(pattern, text)]


def test_the_search_finds_what_it_looks_for():
    import base64

    token = b"eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0xxxx.abc"
    for planted in (base64.b64encode(bytes(64)), b"AccountKey=x", token, b"https://x/y?sv=1&sig=abcdefghijklmnopqrst"):
        assert secrets_in(b'"' + planted + b'"'), planted


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A main job on a state that is kept, with every request written down, and a provisioning before it."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "worker").mkdir()
    (folder / "worker/Dockerfile").write_text(WORKER)
    (folder / "provision.py").write_text(PROVISION)
    azure = {"subscription_id": "11111111-2222-3333-4444-555555555555", "resource_group": "g", "location": "x"}
    (folder / "config.json").write_text(json.dumps({"profile": "local", "azure": azure}))
    job = [BATCHKIT, "run", "-p", "data", "synthetic", "--notebooks", ROOT / "notebooks", "--runs", folder / "runs"]
    inner = f"{sys.executable} provision.py && {' '.join(map(str, job))}"
    words = [BATCHKIT, "local", "--speed", "600", "--state", folder / "state", "--", "bash", "-c", inner]
    done = subprocess.run(
        words,
        cwd=folder,
        env=ENVIRONMENT | {"BATCHKIT_LOCAL_RECORD": str(folder / "requests.jsonl")},
        capture_output=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:].decode()
    (folder / "said.txt").write_bytes(done.stdout + done.stderr)
    return folder


def test_nothing_that_a_whole_job_leaves_holds_a_secret(everything):
    tls = everything / "state/tls"  # the local Azure's own certificate, made anew at each start
    found = {}
    paths = [path for path in everything.rglob("*") if path.is_file() and tls not in path.parents]
    for path in paths:
        text = path.read_bytes()
        if path.name == "requests.jsonl":
            text = re.sub(LINKS, b"", text)
        if secrets := secrets_in(text):
            found[str(path.relative_to(everything))] = secrets
    assert not found
    names = {path.name for path in paths}
    assert {"config.json", "run.json", "report.html", "01_provision.ipynb", "requests.jsonl", "said.txt"} <= names


def test_the_requests_were_seen_and_the_exception_is_one(everything):
    lines = [json.loads(line) for line in (everything / "requests.jsonl").read_text().splitlines()]
    paths = [line["path"] for line in lines]
    assert any("addtaskcollection" in path for path in paths)
    assert any("/whatIf" in path for path in paths)
    assert any("/deployments/batchkit-batchkit" in path for path in paths)
    links = [path for path in paths if path.startswith("/transient/links/")]
    assert {path.split("/")[3] for path in links} == {"source", "logs"}
    assert not [line for line in lines if secrets_in(line["body"].encode())]


def test_the_template_gives_no_secret_away():
    text = files("batchkit.provision").joinpath("template.json").read_text()
    assert not re.search(r"list(Keys|AccountSas|ServiceSas|Credentials)\(", text)
    assert "secureString" not in text
    assert not secrets_in(text.encode())


def test_the_sample_settings_are_whole_and_hold_no_secret(monkeypatch):
    sample = files("batchkit.provision").joinpath("config.sample.json")
    assert not secrets_in(sample.read_bytes())
    monkeypatch.setenv("BATCHKIT_CONFIG", str(sample))
    for name in [name for name in os.environ if name.startswith("BATCHKIT_") and name != "BATCHKIT_CONFIG"]:
        monkeypatch.delenv(name)
    read = settings.load()
    assert read.profile == "azure"
    assert read.azure.batch.managed_identity_id == read.azure.model_dump()["identity"]["resource_id"]
