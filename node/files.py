"""Files in and out: which inputs a call has, what their reports are called, and writing whole files only."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from node.contract import REPORT_SUFFIX, UsageError


class Input(msgspec.Struct, frozen=True):
    """A file to process: where it is, its name in reports, and its report's path below the output folder."""

    path: Path
    name: str
    report: str


def find_inputs(paths: Iterable[Path]) -> list[Input]:
    """The inputs of a call, in the order given, a folder's by name.

    Raises:
        UsageError: a path is missing, a folder has no inputs, or two inputs would write the same report.
    """
    inputs = [found for path in paths for found in inputs_of(path)]
    seen: dict[str, Input] = {}
    for item in inputs:
        twin = seen.setdefault(item.report, item)
        if twin is not item:
            raise UsageError(f"{twin.path} and {item.path} would both write {item.report}; process them apart.")
    return inputs


def inputs_of(path: Path) -> list[Input]:
    """A file itself, or a folder's *.json, not hidden and no reports."""
    if path.is_dir():
        found = sorted(walk(path), key=lambda item: item.name)
        if not found:
            raise UsageError(f"The folder {path} has no *.json to process.")
        return found
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.")
    return [named(path, path.name)]


def walk(folder: Path) -> Iterable[Input]:
    """Inputs anywhere below a folder."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(".json") and not name.endswith(REPORT_SUFFIX) and not name.startswith("."):
                path = Path(parent, name)
                yield named(path, path.relative_to(folder).as_posix())


def named(path: Path, name: str) -> Input:
    """An input by its name; a name that is not UTF-8 is made printable in the report."""
    printable = os.fsencode(name).decode("utf-8", "replace")
    return Input(path, printable, name.removesuffix(".json") + REPORT_SUFFIX)


def write_whole(path: Path, *data: bytes | memoryview) -> None:
    """Write under a temporary name and rename, so that no reader ever sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        stream = temporary.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = temporary.open("wb")
    with stream:
        stream.writelines(data)
    os.replace(temporary, path)


def encode(report: Any) -> bytes:
    """A report as indented JSON with a last line break."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
