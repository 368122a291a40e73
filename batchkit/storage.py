"""Blobs: files go up, folders come down, several at a time and with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pandas as pd
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient

from batchkit.errors import BatchkitError, explain
from batchkit.files import replacing
from batchkit.inputs import escapes
from batchkit.progress import progress
from batchkit.session import Session
from batchkit.text import plain

THREADS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def containers(session: Session) -> pd.DataFrame:
    """One row for each container of the settings: container, what it is for, whether it exists."""
    uses = {"input files": session.inputs, "plans, reports, summaries": session.outputs, "task logs": session.logs}
    with explain("look for the containers"):
        rows = [(container.container_name, use, container.exists()) for use, container in uses.items()]
    return pd.DataFrame(rows, columns=["container", "holds", "exists"])


def container(session: Session, name: str) -> ContainerClient:
    """A container of the storage account, or of another by its address."""
    if name.startswith("https://"):
        return ContainerClient.from_container_url(name, session.credential, **session.trust)
    return session.blobs.get_container_client(name)


def address(session: Session, name: str, account: str = "") -> str:
    """How a manifest names a container: by its name alone, or by its address in another account."""
    own = session.settings.azure.storage.account_name
    return name if account in ("", own) else f"https://{account}.blob.core.windows.net/{name}"


def listed(container: ContainerClient, prefix: str) -> dict[str, BlobProperties]:
    """Every blob below a prefix (a folder with its final /), by name."""
    with explain(f"list {prefix} in {container.container_name}"):
        return {blob.name: blob for blob in container.list_blobs(name_starts_with=prefix)}


def download(container: ContainerClient, prefix: str, target: Path) -> list[Path]:
    """Download every blob below `prefix` (a folder, without its final /) into `target`; returns the files.

    A file is written under a temporary name and renamed, so what is there is whole. Raises BatchkitError when a name
    is no path below `target`.
    """
    names = listed(container, f"{prefix}/")
    with explain(f"download {prefix}/"):
        paths = {name: target / name.removeprefix(f"{prefix}/") for name in names}
        if strange := [name for name in paths if escapes(name.removeprefix(f"{prefix}/"))]:
            raise BatchkitError(f"{len(strange)} blobs have names that are no paths here, such as {plain(strange[0])}.")
        return fetch(container, paths)


def fetch(container: ContainerClient, paths: Mapping[str, Path]) -> list[Path]:
    """Download blobs to files, several at a time, each under a temporary name first; returns the files.

    Raises BatchkitError when a file cannot be written.
    """
    try:
        in_parallel(lambda name: _get_file(container, name, paths[name]), paths, "Downloading")
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise BatchkitError(f"{error.filename or 'The folder'} cannot be written: {error.strerror}.") from error
    return list(paths.values())


def delete(container: ContainerClient, prefix: str) -> int:
    """Delete every blob below a prefix (a folder with its final /), and say how many there were."""
    names = list(listed(container, prefix))
    with explain(f"delete {prefix} in {container.container_name}"):
        in_parallel(lambda name: _delete_one(container, name), names, "Deleting")
    return len(names)


def _delete_one(container: ContainerClient, name: str) -> None:
    with suppress(ResourceNotFoundError):
        container.delete_blob(name)


def read(container: ContainerClient, name: str) -> bytes | None:
    """A blob's bytes; None when there is no such blob."""
    with explain(f"read {name}"):
        try:
            return container.download_blob(name).readall()
        except ResourceNotFoundError:
            return None


def write(container: ContainerClient, name: str, data: bytes) -> None:
    """Write a blob whole, over the one that is there."""
    with explain(f"write {name}"):
        container.upload_blob(name, data, overwrite=True)


def write_once(container: ContainerClient, name: str, data: bytes) -> bytes:
    """Write a blob unless it exists, and return what it holds: whoever came first wins for everybody."""
    with explain(f"write {name}"):
        try:
            container.upload_blob(name, data)
        except ResourceExistsError:
            return container.download_blob(name).readall()
    return data


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], title: str) -> list[Result]:
    """Do the work for each item, several at a time, with a progress bar; the results come in the items' order."""
    todo = list(items)
    with ThreadPoolExecutor(THREADS) as threads:
        return list(progress(threads.map(work, todo), title, total=len(todo)))


def _get_file(container: ContainerClient, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as stream:
        container.download_blob(name).readinto(stream)
