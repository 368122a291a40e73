"""Data that lies in blob storage already: made by a manifest alone, listed, downloaded, deleted.

What was uploaded here lies below its own name in the input container; what was registered lies wherever it was, and is
never changed or deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobProperties

from batchkit import datasets, inputs, storage
from batchkit.datasets import MANIFEST, Input, Manifest
from batchkit.errors import BatchkitError, ParameterError, PlanError, explain
from batchkit.inputs import LeftOut, escapes
from batchkit.session import Session
from batchkit.text import plain


def register(session: Session, name: str, container: str, prefix: str = "", account: str = "") -> Manifest:
    """Make data of the blobs below a prefix: a manifest is written, and no byte is moved.

    `account` is another storage account than ours, in which the nodes' identity must be allowed to read. Raises
    ParameterError when there is no input, PlanError when the name is taken by uploaded data, and ServiceError when
    Azure refuses.
    """
    datasets.check_name(name)
    _refuse_uploaded(session, name)
    place = storage.address(session, container, account)
    folder = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    blobs = storage.listed(storage.container(session, place), folder)
    taken, left_out = [], []
    for blob in blobs.values():
        inside = blob.name.removeprefix(folder)
        reason = inputs.why_not(inside, (".json", ".json.gz", ".jsonl", ".ndjson"))
        if problem := inputs.unsafe(inside):
            left_out.append(LeftOut(inputs.printable(inside), problem, "refused"))
        elif reason:
            left_out.append(LeftOut(inputs.printable(inside), reason))
        else:
            taken.append(_input(inside, blob))
    if not taken:
        raise ParameterError(f"There is no input below {folder or 'the top'} of {place}; {len(left_out)} other blobs.")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = Manifest(name, now, place, taken, sorted(left_out, key=lambda one: one.name))
    storage.write(session.inputs, f"{name}{MANIFEST}", made.to_json())
    return made


def _input(name: str, blob: BlobProperties) -> Input:
    return Input(name, str(blob.name), int(blob.size), str(blob.etag).strip('"'))


def _refuse_uploaded(session: Session, name: str) -> None:
    known = storage.read(session.inputs, f"{name}{MANIFEST}")
    if known is not None and _is_own(session, Manifest.from_json(known)):
        raise PlanError(f"There is uploaded data called {name}. Take another name, or delete it first.")


def _is_own(session: Session, data: Manifest) -> bool:
    """Whether data was uploaded here: its blobs lie below its name."""
    mine = f"{data.name}/"
    return data.container == session.inputs.container_name and all(one.blob.startswith(mine) for one in data.inputs)


def overview(session: Session) -> list[dict[str, Any]]:
    """One row for each data set: name, files, bytes, created_at, container, left_out."""
    rows = []
    for name in datasets.names_of_all(session):
        data = datasets.read(session, name)
        rows.append({"name": name, "files": len(data.inputs), "bytes": data.size, "created_at": data.created_at,
                     "container": data.container, "left_out": len(data.left_out)})  # fmt: skip
    return rows


def download(session: Session, name: str, target: Path) -> list[Path]:
    """Download data below a folder, each file by its own name; one that is there with the same size stays.

    Raises PlanError when there is no such data, BatchkitError when a name is no path below the folder.
    """
    data = datasets.read(session, name)
    if strange := [one.name for one in data.inputs if escapes(one.name)]:
        raise BatchkitError(f"{len(strange)} files have names that are no paths here, such as {plain(strange[0])}.")
    container = storage.container(session, data.container)
    with explain(f"download {name}"):
        return storage.fetch(container, {one.blob: target / one.name for one in data.inputs})


def delete(session: Session, name: str) -> None:
    """Delete data: its manifest, and what was uploaded below its name; registered blobs stay where they are.

    Raises PlanError when there is no such data.
    """
    data = datasets.read(session, name)
    own = _is_own(session, data)
    with explain(f"delete the data {name}"):
        session.inputs.delete_blob(f"{data.name}{MANIFEST}")
    if own:
        storage.delete(session.inputs, f"{data.name}/")
