"""Moves blobs for tasks: resource files in, output files out, with a token for the pool's identity.

Runs in worker threads. Downloads stream to disk under a temporary name and are renamed when whole;
the certificate of the blob service is checked against the local authority. Tokens go to the local
blob service alone; any other address is fetched as it stands (a link with its own signature).
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from batchkit.local.batch.machine.outputs import matches
from batchkit.local.batch.machine.transfer_errors import (
    BLOB,
    RESOURCES,
    UPLOAD,
    Cancelled,
    Codes,
    TransferError,
    disk_full,
    explained,
    unwritten,
)
from batchkit.local.config import NODE_AGENT, LocalConfig
from batchkit.local.tokens import STORAGE_AUDIENCE
from batchkit.local.wire import clock
from batchkit.local.wire.formats import Json

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

STREAMS = 4  # parallel connections for one large blob
CHUNK = 1024 * 1024
NAME_LIMIT = 255  # bytes of a path's segment that a file system holds


class _Identity:
    """A token credential of the local Azure, for the blob clients."""

    def __init__(self, config: LocalConfig) -> None:
        self._config = config

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken  # slow to import: see warm()

        claims_life = 3600
        return AccessToken(self._config.tokens.issue(STORAGE_AUDIENCE), int(clock.now().timestamp()) + claims_life)


class Transfer:
    """The blob side of every task of one running service."""

    def __init__(self, config: LocalConfig, may_move: Callable[[str, str, str], bool]) -> None:
        self._config, self._may = config, may_move
        self._lock = threading.Lock()
        self.pool = ThreadPoolExecutor(8, thread_name_prefix="blobs")

    @cached_property
    def _service(self) -> BlobServiceClient:
        from azure.storage.blob import BlobServiceClient  # slow to import: see warm()

        return BlobServiceClient(
            self._config.blob_url,
            credential=_Identity(self._config),
            connection_verify=str(self._config.ca_file),
            retry_total=4,
            user_agent=NODE_AGENT,
        )

    def warm(self) -> None:
        """Import the blob client and make the connection pool before the first task needs them."""
        with self._lock:
            _ = self._service

    def close(self) -> None:
        """End every transfer; nothing may be moved afterwards."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def download(self, entries: list[Json], folder: Path, identities: Set[str], stop: threading.Event) -> None:
        """Bring every resource file below `folder`.

        Raises:
            TransferError: a file could not be had; the first one's reason.
            Cancelled: `stop` was set.
        """
        jobs = [job for entry in entries for job in self._plan(entry, folder, identities)]
        self._together([partial(job, stop) for job in jobs], stop)

    def upload(self, entries: list[Json], task: Path, identities: Set[str], stop: threading.Event) -> None:
        """Send every file that the output patterns match; a pattern that matches nothing is no error.

        Args:
            entries: the outputFiles whose upload condition holds.
            task: the task's folder; patterns are relative to its `wd`.
            identities: the resource ids of the pool's identities, in lower case.
            stop: set when the task was told to stop.

        Raises:
            TransferError: a file could not be sent.
            Cancelled: `stop` was set.
        """
        jobs = [job for entry in entries for job in self._outgoing(entry, task, identities)]
        self._together(jobs, stop)

    def sent(self, entries: list[Json], task: Path, identities: Set[str], stop: threading.Event) -> Json | None:
        """Send files as `upload` does; return the failureInfo when one could not be sent, None when all were."""
        try:
            self.upload(entries, task, identities, stop)
        except TransferError as problem:
            return problem.info
        return None

    def _together(self, jobs: Iterable[Callable[[], None]], stop: threading.Event) -> None:
        futures = [self.pool.submit(job) for job in jobs]
        try:
            for future in futures:
                future.result()
                if stop.is_set():
                    raise Cancelled
        finally:
            for future in futures:
                future.cancel()

    def _plan(self, entry: Json, folder: Path, identities: Set[str]) -> list[Callable[[threading.Event], None]]:
        if entry.get("httpUrl"):
            target = _inside(folder, entry["filePath"])
            url, identity = self._config.in_place(entry["httpUrl"]), _identity(entry)
            blob = self._blob(url, identity, identities)
            if blob is None:
                return [partial(_fetch, url, target, entry)]
            return [partial(_save, blob, target, entry)]
        if not entry.get("storageContainerUrl"):
            raise TransferError("BlobAccessDenied", Reason="The account has no auto-storage container here.")
        return self._prefix(entry, folder, identities)

    def _prefix(self, entry: Json, folder: Path, identities: Set[str]) -> list[Callable[[threading.Event], None]]:
        url, prefix = self._config.in_place(entry["storageContainerUrl"]), entry.get("blobPrefix")
        container = self._container(url, _identity(entry), identities, RESOURCES)
        below = _inside(folder, entry.get("filePath") or ".")
        names = _listed(container, prefix)
        pairs = [(container.get_blob_client(name), _inside(below, name)) for name in names]
        return [partial(_save, blob, target, entry) for blob, target in pairs]

    def _local(self, url: str) -> str | None:
        """Return the part of a URL behind the local blob service's address, None for any other."""
        base = self._config.blob_url.rstrip("/") + "/"
        return url[len(base) :] if url.startswith(base) else None

    def _blob(self, url: str, identity: str | None, identities: Set[str]) -> BlobClient | None:
        rest = self._local(url)
        if rest is None:
            return None
        _allowed(identity, identities, BLOB.denied, url)
        self._permitted(identity, BLOB, url)
        if identity is None:
            from azure.storage.blob import BlobClient  # slow to import: see warm()

            return BlobClient.from_blob_url(url, connection_verify=str(self._config.ca_file), user_agent=NODE_AGENT)
        container, _, name = unquote(rest.partition("?")[0]).partition("/")
        return self._service.get_blob_client(container, name)

    def _container(self, url: str, identity: str | None, identities: Set[str], codes: Codes) -> ContainerClient:
        from azure.storage.blob import ContainerClient  # slow to import: see warm()

        _allowed(identity, identities, codes.denied, url)
        self._permitted(identity, codes, url)
        rest = self._local(url)
        if identity is None:
            ours = {"connection_verify": str(self._config.ca_file), "user_agent": NODE_AGENT}
            options: dict[str, Any] = ours if rest is not None else {}
            return ContainerClient.from_container_url(url, **options)
        if rest is None:
            raise TransferError(codes.denied, FilePath=url, Reason="An identity works for this account's blobs alone.")
        return self._service.get_container_client(unquote(rest.partition("?")[0]).strip("/"))

    def _permitted(self, identity: str | None, codes: Codes, url: str) -> None:
        """Refuse, as storage would, what the identity's roles do not allow."""
        verb = "write" if codes is UPLOAD else "read"
        container = unquote((self._local(url) or "").partition("?")[0]).strip("/").partition("/")[0]
        if identity is not None and not self._may(identity, verb, container):
            raise TransferError(codes.denied, FilePath=url.partition("?")[0], HttpStatus=403)

    def _outgoing(self, entry: Json, task: Path, identities: Set[str]) -> list[Callable[[], None]]:
        destination = entry["destination"]["container"]
        files = matches(entry["filePattern"], destination.get("path") or "", task)
        if not files:
            return []
        url = self._config.in_place(destination["containerUrl"])
        container = self._container(url, _identity(destination), identities, UPLOAD)
        return [partial(_send, container, name, file) for file, name in files]


def _identity(entry: Json) -> str | None:
    reference = entry.get("identityReference") or {}
    return str(reference["resourceId"]) if reference.get("resourceId") else None


def _allowed(identity: str | None, identities: Set[str], code: str, url: str) -> None:
    if identity is not None and identity.lower() not in identities:
        reason = f"The pool does not have the identity {identity}."
        raise TransferError(code, FilePath=url, Reason=reason)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a name below a folder; names that a file system can't hold, or that lead out, fail."""
    parts = PurePosixPath(name).parts
    bad = name.endswith("/") or "//" in name or "\0" in name or name.startswith("/") or ".." in parts
    if bad or any(len(part.encode()) > NAME_LIMIT for part in parts):
        raise TransferError("ResourceFileCreateFailed", FilePath=name, Reason="The name does not fit a file system.")
    return folder.joinpath(*parts)


def _listed(container: ContainerClient, prefix: str | None) -> list[str]:
    try:
        return [blob.name for blob in container.list_blobs(name_starts_with=prefix or None)]
    except Exception as problem:
        raise explained(problem, f"{container.url}/{prefix or ''}", RESOURCES) from problem


@contextmanager
def _arriving(target: Path, entry: Json) -> Iterator[IO[bytes]]:
    """Give a file to write; once that went well it has its mode, and its name only then."""
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
        part.chmod(_mode(entry, target.name))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _mode(entry: Json, name: str) -> int:
    text = str(entry.get("fileMode") or "0770")
    try:
        return int(text, 8) & 0o770
    except ValueError:
        reason = f"The fileMode {text} is no octal number."
        raise TransferError("ResourceFileCreateFailed", FilePath=name, Reason=reason) from None


def _save(blob: BlobClient, target: Path, entry: Json, stop: threading.Event) -> None:
    try:
        with _arriving(target, entry) as file:
            blob.download_blob(max_concurrency=STREAMS, progress_hook=_watch(stop)).readinto(file)
    except (Cancelled, TransferError):
        raise
    except OSError as problem:
        raise unwritten(problem, target.name) from problem
    except Exception as problem:
        raise explained(problem, str(blob.url), BLOB) from problem


def _watch(stop: threading.Event) -> Callable[[int, int | None], None]:
    def hook(_done: int, _total: int | None) -> None:
        if stop.is_set():
            raise Cancelled

    return hook


def _fetch(url: str, target: Path, entry: Json, stop: threading.Event) -> None:
    where = url.partition("?")[0]  # what follows may be a signature
    if urlsplit(url).scheme not in ("http", "https"):
        raise TransferError("BlobAccessDenied", FilePath=where, Reason="Only http and https are fetched.")
    try:
        with urllib.request.urlopen(url, timeout=60) as source, _arriving(target, entry) as file:  # noqa: S310
            while chunk := source.read(CHUNK):
                _watch(stop)(0, None)
                file.write(chunk)
    except urllib.error.HTTPError as problem:
        code = "BlobNotFound" if problem.code == 404 else "BlobAccessDenied"
        raise TransferError(code, FilePath=where, HttpStatus=problem.code) from problem
    except OSError as problem:
        if disk_full(problem):
            raise unwritten(problem, target.name) from problem
        raise TransferError("BlobDownloadMiscError", FilePath=where, Reason=problem) from problem


def _send(container: ContainerClient, name: str, file: Path) -> None:
    try:
        with file.open("rb") as content:
            container.upload_blob(name, content, overwrite=True, max_concurrency=STREAMS)
    except Exception as problem:
        raise explained(problem, f"{container.url}/{name}", UPLOAD) from problem
