"""Data sets: what an upload took, under a name, so that a job is about exactly these files.

A data set is a manifest, the blob `<name>.manifest.json`, written when all its files are there. Blobs are named by
their content, `<name>/<hash>/<file>`: one that is there is not sent again, none is ever overwritten or deleted, and
whoever uploads other files under the same name disturbs no job that has begun.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobProperties, ContainerClient, ContentSettings

from batchkit import inputs, mappings, storage
from batchkit.errors import BatchkitError, ParameterError, PlanError, explain
from batchkit.inputs import LeftOut
from batchkit.session import Session

SCHEMA_VERSION = 1
MANIFEST = ".manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Input:
    """One file: its name in the data, the blob that holds it, and the version of it that was seen.

    `sha256` is of the content, in hex; "" for a blob that was not uploaded here.
    """

    name: str
    blob: str
    bytes: int
    etag: str
    sha256: str = ""


@dataclass(frozen=True)
class Manifest:
    """A data set: its inputs by name, and what was left out of it. `moved` files were sent by this upload."""

    name: str
    created_at: str
    container: str
    inputs: list[Input]
    left_out: list[LeftOut] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION
    moved: int = field(default=0, compare=False)

    @property
    def size(self) -> int:
        """The bytes of all inputs together."""
        return sum(one.bytes for one in self.inputs)

    @property
    def digest(self) -> str:
        """What the data is: a hash of every input's name and content."""
        lines = sorted(f"{one.name}\0{one.sha256 or one.etag}\0{one.bytes}" for one in self.inputs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def to_json(self) -> bytes:
        """The manifest as its blob holds it."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "moved"}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read a manifest back from its blob.

        Raises PlanError when it is damaged, or written by another version.
        """
        try:
            document = json.loads(data)
            if document["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"its schema_version is {document['schema_version']}, not {SCHEMA_VERSION}")
            document["inputs"] = [Input(**one) for one in document["inputs"]]
            document["left_out"] = [LeftOut(**one) for one in document["left_out"]]
            return cls(**document)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PlanError(f"A data set's manifest cannot be read ({error}). Upload the data again.") from None


def name_of(path: Path) -> str:
    """The name of a folder's data: its last part, and a hash of where it is, so that two inboxes stay two."""
    place = hashlib.sha256(f"{platform.node()}\0{path.resolve()}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", path.resolve().name).strip("-")[:40]
    return f"{label or 'data'}-{place}"


def upload(session: Session, path: Path | list[Path], name: str = "", job_id: str = "", mapping: str = "") -> Manifest:
    """Upload the inputs of a file or folder (or of several) that are not there already, and write the manifest last.

    `name` is the data's, by default that of `name_of`; with `job_id` the job of that name is held to this data. A
    `mapping`, by which it will be read, may add endings of inputs. Raises ParameterError when there is no input or a
    name that cannot be, PlanError when the job is over other data, and ServiceError when Azure refuses.
    """
    paths = [path] if isinstance(path, Path) else path
    name = name or name_of(paths[0])
    check_name(name)
    found = inputs.find_all(paths, mappings.endings(mapping))
    refused = [LeftOut(inputs.printable(n), r, "refused") for n in found.files if (r := _refusal(name, n))]
    files = {n: place for n, place in found.files.items() if not _refusal(name, n)}
    there = storage.listed(session.inputs, f"{name}/")
    with explain(f"upload {paths[0]} as {name}"):
        sent = storage.in_parallel(_Sending(session.inputs, name, files, there), files, "Uploading")
    moved = sum(one.blob not in there for one in sent)
    left_out = sorted(found.left_out + refused, key=lambda one: one.name)
    made = Manifest(name, _now(), session.inputs.container_name, sent, left_out, moved=moved)
    storage.write(session.inputs, f"{name}{MANIFEST}", made.to_json())
    if job_id:
        _hold(session, job_id, made)
    return made


def check_name(name: str) -> None:
    """Check a name for data.

    Raises ParameterError when it cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(f"{name!r} cannot name data: take up to 63 letters, digits, dots, - and _.")


def read(session: Session, data: str, job_id: str = "") -> Manifest:
    """The data of that name, or of that folder; with `job_id`, what its upload held for this job.

    Raises PlanError when it was never uploaded, or only in part.
    """
    names = [*([data] if _NAME.fullmatch(data) else []), name_of(Path(data))]
    if job_id and (stored := storage.read(session.outputs, f"{job_id}/data.json")) is not None:
        held = Manifest.from_json(stored)
        if held.name not in names:
            raise PlanError(differs(job_id, "data", f"{held.name} ({len(held.inputs)} files)", data))
        return held
    for name in names:
        if (found := storage.read(session.inputs, f"{name}{MANIFEST}")) is not None:
            return Manifest.from_json(found)
    raise PlanError(
        f"There is no data {data!r}, or its upload did not end. Upload it with notebook 02. "
        f"There is: {', '.join(names_of_all(session)) or 'nothing yet'}."
    )


def names_of_all(session: Session) -> list[str]:
    """The names of all data sets."""
    with explain("list the data sets"):
        blobs = [blob.name for blob in session.inputs.walk_blobs(delimiter="/")]
    return sorted(name.removesuffix(MANIFEST) for name in blobs if name.endswith(MANIFEST))


def now_there(session: Session, container: str, wanted: list[Input]) -> dict[str, LeftOut]:
    """Of the inputs those that are not any more what was seen, by name, each with what has become of it."""
    prefix = _folder_of_all([one.blob for one in wanted])
    there = storage.listed(storage.container(session, container), prefix)
    found = {one.name: _change(one, there.get(one.blob)) for one in wanted}
    return {name: change for name, change in found.items() if change}


def _change(one: Input, blob: BlobProperties | None) -> LeftOut | None:
    if blob is None:
        return LeftOut(one.name, "is gone from storage; upload it again", "missing")
    if blob.etag.strip('"') != one.etag.strip('"'):
        return LeftOut(one.name, "was overwritten in storage since; upload it again", "changed")
    if blob.blob_tier == "Archive":
        return LeftOut(one.name, "lies in the archive tier; set its tier to Hot or Cool first", "refused")
    return None


def _folder_of_all(blobs: list[str]) -> str:
    """The folder, with its final /, that all blobs are below; "" for the container itself."""
    folders = [blob.split("/")[:-1] for blob in (min(blobs, default=""), max(blobs, default=""))]
    shared = [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*folders, strict=False))]
    return "".join(f"{part}/" for part in shared)


def _refusal(data: str, name: str) -> str | None:
    """Why a file cannot be uploaded: `<data>/<hash>/<name>` is its blob."""
    return inputs.unsafe(name) or (
        "is too long for a blob's name of 1024 characters" if len(data) + 18 + len(name) > 1024 else None
    )


@dataclass
class _Sending:
    """Sends files to their blobs, unless these are there with the same content."""

    container: ContainerClient
    data: str
    files: Mapping[str, Path]
    there: Mapping[str, BlobProperties]

    def __call__(self, name: str) -> Input:
        path = self.files[name]
        try:
            with path.open("rb") as stream:  # once: a file that is replaced meanwhile stays what was opened
                return self._sent(name, stream)
        except OSError as error:
            why = f"{path} cannot be read: {error.strerror}. Mend or move it, and run this again."
            raise BatchkitError(why) from error

    def _sent(self, name: str, stream: BinaryIO) -> Input:
        before = _version(stream)
        sha256, md5 = _hashes(stream)
        blob = f"{self.data}/{sha256[:16]}/{name}"
        known = self.there.get(blob)
        if known is not None and known.size == before[0] and known.content_settings.content_md5 == md5:
            etag = known.etag
        else:
            etag = self._send(blob, stream, md5, overwrite=known is not None)
        if _version(stream) != before:
            raise BatchkitError(
                f"{self.files[name]} changed while it was uploaded. Run this again when it is finished."
            )
        return Input(name, blob, before[0], etag.strip('"'), sha256)

    def _send(self, blob: str, stream: BinaryIO, md5: bytearray, overwrite: bool) -> str:
        client = self.container.get_blob_client(blob)
        kind = ContentSettings(content_type="application/json", content_md5=md5)
        stream.seek(0)
        try:
            return str(client.upload_blob(stream, content_settings=kind, overwrite=overwrite)["etag"])
        except ResourceExistsError:  # someone sent the same content in this moment
            return str(client.get_blob_properties().etag)


def _hold(session: Session, job_id: str, data: Manifest) -> None:
    held = Manifest.from_json(storage.write_once(session.outputs, f"{job_id}/data.json", data.to_json()))
    if held.digest != data.digest:
        raise PlanError(differs(job_id, "data", f"{held.name} ({len(held.inputs)} files)",
                                f"{data.name} ({len(data.inputs)} files)"))  # fmt: skip


def differs(job_id: str, what: str, stored: str, given: str) -> str:
    """The one line that names what a caller gave that is not the stored plan's."""
    return (
        f"Job {job_id} exists with other {what}: {stored}, not {given}. Nothing was submitted. "
        f"Take a new job_id, or leave {what} out to go on with the job."
    )


def _version(stream: BinaryIO) -> tuple[int, int]:
    seen = os.fstat(stream.fileno())
    return seen.st_size, seen.st_mtime_ns


def _hashes(stream: BinaryIO) -> tuple[str, bytearray]:
    """The SHA-256 in hex, and the MD5, which storage keeps, of an open file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    while block := stream.read(_BLOCK):
        sha256.update(block)
        md5.update(block)
    return sha256.hexdigest(), bytearray(md5.digest())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
