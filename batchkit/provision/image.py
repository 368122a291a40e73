"""The worker's image without Docker here: the registry builds it from the worker's folder and streams its log.

The two short-lived links that the registry gives (to put the folder under, and to read the log from) stay in
memory. What a Dockerfile begins from (its `ARG BASE=`) is copied into the registry once and never again: a build
that takes it from Docker Hub fails at random (toomanyrequests), and a tag there moves.

Where a registry refuses builds, an engine on this machine does it, and else one line says what to do.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry.models import ImportImageParameters, ImportSource
from azure.mgmt.containerregistrytasks import models
from azure.storage.blob import BlobClient
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from batchkit.errors import ServiceError, code_of, explain
from batchkit.provision.targets import ARM_SCOPE, Target
from batchkit.session import Session

CHECKOUT = Path(__file__).parents[2] / "node"
_INSTALLED = find_spec("node")  # its wheel carries the Dockerfile; nothing of it is imported
WORKER = CHECKOUT if CHECKOUT.is_dir() or not (_INSTALLED and _INSTALLED.origin) else Path(_INSTALLED.origin).parent
_GOING = ("Queued", "Started", "Running")


def build(target: Target, session: Session, folder: Path, tell: Callable[[str], None] = print) -> Session:
    """Build and push the image of `folder`; a session that names it.

    The tag follows from the content, and the settings keep the digest. Raises ServiceError when there is no
    Dockerfile, or nothing here or there can build it.
    """
    content = pack(folder)
    acr = session.settings.azure.acr
    name = f"{acr.image_name}:{_tag(content)}"
    try:
        digest = _in_registry(target, session, name, content, tell)
    except HttpResponseError as error:
        if code_of(error) != "TasksOperationsNotAllowed":
            with explain(f"build {name} in the registry"):
                raise
        digest = _with_engine(session, name, folder, tell)
    tell(f"the image is {acr.login_server}/{acr.image_name}@{digest}")
    built = acr.model_copy(update={"image_tag": _tag(content), "image_digest": digest})
    azure = session.settings.azure.model_copy(update={"acr": built})
    return Session(session.settings.model_copy(update={"azure": azure}))


def tag(folder: Path) -> str:
    """The tag of the folder's image: twelve digits that change with its content.

    Raises ServiceError when it holds no Dockerfile.
    """
    return _tag(pack(folder))


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def pack(folder: Path) -> bytes:
    """The folder as tar.gz, the same bytes for the same files.

    Raises ServiceError when it holds no Dockerfile.
    """
    if not (folder / "Dockerfile").is_file():
        raise ServiceError(f"There is no Dockerfile in {folder}: apply without a build, or name the worker's folder.")
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and not _left_out(p.relative_to(folder))]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return gzip.compress(packed.getvalue(), mtime=0)


def _left_out(path: Path) -> bool:
    return any(part in ("__pycache__", "build") or part.endswith((".egg-info", ".pyc")) for part in path.parts)


def _in_registry(target: Target, session: Session, name: str, content: bytes, tell: Callable[[str], None]) -> str:
    group, registry = target.group, session.settings.azure.acr.login_server.split(".")[0]
    calls = target.builds
    place = calls.registries.get_build_source_upload_url(group, registry)
    with BlobClient.from_blob_url(place.upload_url, **session.trust) as upload:
        upload.upload_blob(content, overwrite=True)
    base = _base(target, session, registry, content, tell)
    request = models.DockerBuildRequest(
        arguments=[models.Argument(name="BASE", value=base)] if base else None,
        image_names=[name],
        docker_file_path="Dockerfile",
        source_location=place.relative_path,
        platform=models.PlatformProperties(os="Linux"),
        is_push_enabled=True,
    )
    run_id = calls.registries.schedule_run(group, registry, request).properties.run_id
    seen = 0
    while (run := calls.runs.get(group, registry, run_id).properties).status in _GOING:
        seen = _stream(calls.runs.get_log_sas_url(group, registry, run_id).log_link, seen, session, tell)
        time.sleep(target.pause)
    _stream(calls.runs.get_log_sas_url(group, registry, run_id).log_link, seen, session, tell)
    if run.status != "Succeeded" or not run.output_images:
        raise ServiceError(
            f"The registry could not build {name}: {run.run_error_message or run.status}. Its log says why."
        )
    return str(run.output_images[0].digest)


def _base(target: Target, session: Session, registry: str, content: bytes, tell: Callable[[str], None]) -> str:
    """The registry's own copy of the image that a Dockerfile begins from, made now if it is not there; "" for none.

    The copy's tag is never overwritten, so that a build next year begins from the same bytes.
    """
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("Dockerfile")
        text = member.read().decode() if member else ""
    found = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    if found is None:
        return ""
    name = f"base/{found[1].rpartition('/')[2].replace('@sha256:', ':')}"
    library = found[1] if "/" in found[1] else f"library/{found[1]}"
    source = ImportSource(registry_uri="docker.io", source_image=library)
    wanted = ImportImageParameters(source=source, target_tags=[name], mode="NoForce")
    for attempt in _tries(target):
        with attempt:
            try:
                poller = target.registries.registries.begin_import_image(
                    target.group, registry, wanted, polling_interval=target.pause
                )
                poller.result()
                tell(f"copied {found[1]} into the registry")
            except HttpResponseError as error:
                if error.status_code != 409:
                    raise
    return f"{session.settings.azure.acr.login_server}/{name}"


def _tries(target: Target) -> Retrying:
    """Docker Hub's limit is for a shared address and passes."""
    return Retrying(retry=retry_if_exception(_limited), stop=stop_after_attempt(10), reraise=True,
                    wait=wait_exponential(target.pause, max=12 * target.pause))  # fmt: skip


def _limited(error: BaseException) -> bool:
    return "toomanyrequests" in str(error).lower()


def _stream(link: str, seen: int, session: Session, tell: Callable[[str], None]) -> int:
    with BlobClient.from_blob_url(link, **session.trust) as log:
        try:
            text = log.download_blob().readall()
        except HttpResponseError:
            return seen  # the log is not there yet
    for line in text[seen:].decode(errors="replace").splitlines():
        tell(f"  {line}")
    return len(text)


def _with_engine(session: Session, name: str, folder: Path, tell: Callable[[str], None]) -> str:
    server = session.settings.azure.acr.login_server
    engine = next((e for e in ("docker", "podman") if shutil.which(e) and _run([e, "info"]).returncode == 0), None)
    if engine is None:
        raise ServiceError(
            f"The registry {server} refuses builds (free subscriptions may not), and neither docker nor podman "
            "answers here. Start one and apply again, or upgrade the subscription."
        )
    tell(f"the registry refuses builds: building with {engine}")
    full = f"{server}/{name}"
    _check(_run([engine, "login", server, "-u", str(_NOBODY), "--password-stdin"], _registry_token(session, server)))
    _check(_run([engine, "build", "-t", full, str(folder)]))
    return _push(engine, full)


def _push(engine: str, full: str) -> str:
    """Push an image; the digest that the registry has it under. Podman's own is another: of the layers unpacked.

    Raises ServiceError when the push fails, or the engine names no digest.
    """
    if engine == "podman":
        with tempfile.NamedTemporaryFile() as said:
            _check(_run([engine, "push", "--digestfile", said.name, full]))
            return Path(said.name).read_text().strip()
    _check(_run([engine, "push", full]))
    known = json.loads(_check(_run([engine, "image", "inspect", "--format", "{{json .RepoDigests}}", full])))
    repository = full.rpartition(":")[0]
    digests = [str(name).rpartition("@")[2] for name in known or () if str(name).startswith(f"{repository}@")]
    if not digests:
        raise ServiceError(f"{engine} pushed {full}, but names no digest of it in {repository}. Apply again.")
    return digests[0]


_NOBODY = "00000000-0000-0000-0000-000000000000"  # the user name that says: the password is a token


def _registry_token(session: Session, server: str) -> str:
    token = session.credential.get_token(ARM_SCOPE).token
    form = urllib.parse.urlencode({"grant_type": "access_token", "service": server, "access_token": token})
    with urllib.request.urlopen(f"https://{server}/oauth2/exchange", form.encode(), timeout=60) as answer:
        return str(json.load(answer)["refresh_token"])


def _run(words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, input=given, capture_output=True, text=True, check=False)


def _check(done: subprocess.CompletedProcess[Any]) -> str:
    if done.returncode:
        last = (done.stderr or "no reason").strip().splitlines()[-1]
        raise ServiceError(f"{' '.join(done.args[:2])} failed: {last}. Mend it and apply again.")
    return str(done.stdout)
