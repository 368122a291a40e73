"""Blobs: folders go up, folders come down, several files at a time and with a progress bar.

A blob's name becomes a path on a node and on this machine, so names that a file system cannot hold are
refused here, each with its reason, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from batchkit.errors import BatchkitError, explain
from batchkit.progress import progress
from batchkit.session import Session

THREADS = 8
_SEGMENT_LIMIT = 255  # bytes, of every common file system
_NAME_LIMIT = 1024  # characters, of the storage service

Item = TypeVar("Item")


@dataclass(frozen=True)
class Blob:
    """An input file: its name in the container, its size in bytes and the version that was seen."""

    name: str
    bytes: int
    etag: str


def unsafe(name: str) -> str | None:
    """Why a blob's name cannot be a path on a node, or None when it can."""
    segments = name.split("/")
    if len(name) > _NAME_LIMIT:
        return f"is longer than {_NAME_LIMIT} characters"
    if any(segment == "" for segment in segments):
        return "begins or ends with / or holds //"
    if any(segment in (".", "..") for segment in segments):
        return "holds a . or .. segment"
    if any(len(segment.encode("utf-8", "surrogatepass")) > _SEGMENT_LIMIT for segment in segments):
        return f"has a segment over {_SEGMENT_LIMIT} bytes"
    if any(ord(c) < 32 or c in "\\\x7f" or 0xD800 <= ord(c) <= 0xDFFF for c in name):
        return "holds a backslash, a control character or half a character"
    return None


def containers(session: Session) -> pd.DataFrame:
    """One row for each container of the settings: container, what it is for, whether it exists."""
    uses = {"input files": session.inputs, "plans, reports, summaries": session.outputs, "task logs": session.logs}
    with explain("look for the containers"):
        rows = [(container.container_name, use, container.exists()) for use, container in uses.items()]
    return pd.DataFrame(rows, columns=["container", "holds", "exists"])


def list_inputs(session: Session, folder: str) -> list[Blob]:
    """Every `*.json` below a folder of the input container, by name."""
    with explain(f"list {folder}/ in the input container"):
        found = session.inputs.list_blobs(name_starts_with=f"{folder}/")
        blobs = [Blob(b.name, b.size, b.etag) for b in found if b.name.endswith(".json")]
    return sorted(blobs, key=lambda blob: blob.name)


def upload(session: Session, source: Path, folder: str) -> list[str]:
    """Upload every `*.json` below `source` to a folder of the input container; returns the blobs' names.

    An upload that is run again overwrites. Raises BatchkitError when a file's name is refused or there is
    no file, and ServiceError when Azure refuses.
    """
    files = {f"{folder}/{p.relative_to(source).as_posix()}": p for p in sorted(source.rglob("*.json"))}
    refused = [f"{name} {reason}" for name in files if (reason := unsafe(name))]
    if refused:
        raise BatchkitError(f"{len(refused)} names cannot be uploaded: {'; '.join(refused[:5])}. Rename these files.")
    if not files:
        raise BatchkitError(f"There is no *.json below {source}. Generate data first, or name another folder.")
    with explain(f"upload {source} to {folder}/"):
        _in_parallel(lambda name: _put_file(session.inputs, name, files[name]), files, "Uploading")
    return list(files)


def download(container: ContainerClient, prefix: str, target: Path) -> list[Path]:
    """Download every blob below `prefix` (a folder, without its final /) into `target`; returns the files.

    A file is written under a temporary name and renamed, so what is there is whole.
    """
    with explain(f"download {prefix}/"):
        names = [blob.name for blob in container.list_blobs(name_starts_with=f"{prefix}/")]
        paths = {name: target / name.removeprefix(f"{prefix}/") for name in names if not unsafe(name)}
        _in_parallel(lambda name: _get_file(container, name, paths[name]), paths, "Downloading")
    return list(paths.values())


def read(container: ContainerClient, name: str) -> bytes | None:
    """A blob's bytes; None when there is no such blob."""
    with explain(f"read {name}"):
        try:
            return container.download_blob(name).readall()
        except ResourceNotFoundError:
            return None


def _put_file(container: ContainerClient, name: str, path: Path) -> None:
    with path.open("rb") as stream:
        container.upload_blob(name, stream, overwrite=True)


def _get_file(container: ContainerClient, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        container.download_blob(name).readinto(stream)
    part.replace(path)


def _in_parallel(work: Callable[[Item], object], items: Iterable[Item], title: str) -> None:
    todo = list(items)
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in progress(threads.map(work, todo), title, total=len(todo)):
            pass
