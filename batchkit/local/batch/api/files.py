"""Files of tasks and nodes: list, properties, contents with ranges, delete; gone with their node."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.api.nodes import found as found_node
from batchkit.local.batch.api.tasks import found as found_task
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, from_http_date, http_date, stamp

_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")


def _task_root(call: Call) -> tuple[Path, str]:
    _, task = found_task(call)
    place = task.doc.get("nodeInfo")
    if place is None:
        raise error("TaskFilesUnavailable")
    pool = call.state.pools.get(place["poolId"].lower())
    if pool is None or place["nodeId"] not in pool.nodes:
        raise error("NodeNotFound")
    root = pool.nodes[place["nodeId"]].root / place["taskRootDirectory"]
    if not root.is_dir():
        raise error("TaskFilesCleanedup" if task.state == "completed" else "TaskFilesUnavailable")
    return root, f"{task.doc['url']}/files"


def _node_root(call: Call) -> tuple[Path, str]:
    _, node = found_node(call)
    return node.root, f"{node.doc['url']}/files"


def _file(call: Call, root: Path) -> Path:
    if "\0" in call.path["filePath"]:
        raise error("FileNotFound")
    path = (root / call.path["filePath"]).resolve()
    if not path.is_relative_to(root.resolve()) or not path.exists():
        raise error("FileNotFound")
    return path


def _time(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))


def _describe(path: Path, root: Path, url: str) -> Json:
    name, info = path.relative_to(root).as_posix(), path.stat()
    entry: Json = {"name": name, "url": f"{url}/{quote(name, safe='/')}", "isDirectory": path.is_dir()}
    if not path.is_dir():
        entry["properties"] = {
            "lastModified": _time(info.st_mtime),
            "contentLength": str(info.st_size),
            "contentType": _type(path),
            "fileMode": _mode(path),
        }
    return entry


def _type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _mode(path: Path) -> str:
    """Return a file's mode as on a node, where everybody may read what a task writes; here the folder keeps it shut."""
    return f"0o{path.stat().st_mode | 0o044:o}"


def _walk(root: Path, recursive: bool) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        yield path
        if recursive and path.is_dir() and not path.is_symlink():
            yield from _walk(path, recursive)


async def _list(call: Call, root: Path, url: str) -> Reply:
    recursive = call.query.get("recursive", "").lower() == "true"

    def describe() -> list[Json]:
        return [_describe(path, root, url) for path in _walk(root, recursive) if path.exists()]

    return call.listing(await asyncio.to_thread(describe), "files", lambda d: str(d["name"]))


def _headers(path: Path, root: Path, url: str) -> dict[str, str]:
    entry, info = _describe(path, root, url), path.stat()
    return {
        "Last-Modified": http_date(_time(info.st_mtime)),
        "ocp-batch-file-isdirectory": str(entry["isDirectory"]),
        "ocp-batch-file-url": entry["url"],
        "ocp-batch-file-mode": _mode(path),
        "Content-Type": _type(path),
    }


def _check_dates(call: Call, headers: dict[str, str]) -> None:
    changed = from_http_date(headers["Last-Modified"])
    since, until = call.date("if-modified-since"), call.date("if-unmodified-since")
    if until is not None and changed > until:
        raise error("ConditionNotMet")
    if since is not None and changed <= since:
        raise error("ConditionNotMet.304")


def _content(call: Call, root: Path, url: str) -> Reply:
    path = _file(call, root)
    headers = _headers(path, root, url)
    _check_dates(call, headers)
    if path.is_dir():
        raise error("FileNotFound")
    return Reply(200, headers=headers, file=path, span=_span(call, path.stat().st_size))


def _span(call: Call, size: int) -> tuple[int, int]:
    wanted = call.headers.get("ocp-range") or call.headers.get("range")
    if not wanted:
        return 0, size
    match = _RANGE.match(wanted)
    if match is None:
        raise error("InvalidHeaderValue", HeaderName="ocp-range", HeaderValue=wanted)
    start, end = int(match.group(1)), min(size, int(match.group(2) or size - 1) + 1)
    if start >= size or end <= start:
        raise error("InvalidRange")
    return start, end


def _properties(call: Call, root: Path, url: str) -> Reply:
    path = _file(call, root)
    headers = _headers(path, root, url)
    _check_dates(call, headers)
    size = 0 if path.is_dir() else path.stat().st_size
    return Reply(200, headers={**headers, "Content-Length": str(size)})


async def _delete(call: Call, root: Path) -> Reply:
    path = _file(call, root)
    if not path.is_dir():
        path.unlink()
    elif call.query.get("recursive", "").lower() == "true":
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
    elif any(path.iterdir()):
        raise error("OperationInvalidForCurrentState", Reason="The directory is not empty.")
    else:
        path.rmdir()
    return Reply(200)


@operation("list_task_files")
async def list_task_files(call: Call) -> Reply:
    """List a task's files."""
    return await _list(call, *_task_root(call))


@operation("list_node_files")
async def list_node_files(call: Call) -> Reply:
    """List a node's files."""
    return await _list(call, *_node_root(call))


@operation("download_task_file")
async def download_task_file(call: Call) -> Reply:
    """Send a task's file, or a range of it."""
    return _content(call, *_task_root(call))


@operation("download_node_file")
async def download_node_file(call: Call) -> Reply:
    """Send a node's file, or a range of it."""
    return _content(call, *_node_root(call))


@operation("get_task_file_properties_internal")
async def task_file_properties(call: Call) -> Reply:
    """Tell a task's file's properties."""
    return _properties(call, *_task_root(call))


@operation("get_node_file_properties_internal")
async def node_file_properties(call: Call) -> Reply:
    """Tell a node's file's properties."""
    return _properties(call, *_node_root(call))


@operation("delete_task_file")
async def delete_task_file(call: Call) -> Reply:
    """Delete a task's file."""
    return await _delete(call, _task_root(call)[0])


@operation("delete_node_file")
async def delete_node_file(call: Call) -> Reply:
    """Delete a node's file."""
    return await _delete(call, _node_root(call)[0])
