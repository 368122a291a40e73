"""What an input is: one rule for what is uploaded, planned and named, the same as the worker's.

An input is a regular file whose name ends in `.json`, in any case; it is not hidden, not below a hidden folder,
and no report. A mapping may add endings. Whatever else lies in a folder is left out, and named with the reason.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from batchkit.errors import ParameterError
from batchkit.text import plain

ENDING = ".json"
REPORT = ".report.json"
_NAME_LIMIT = 1024  # characters, of the storage service
_PATH_LIMIT = 3000  # bytes: a path has 4,096 on Linux, and the node's own folder comes first
_SEGMENT_LIMIT = 255  # bytes, of every common file system
_WRITING = len(".") + len(REPORT) + len(".part")  # what a report's name adds to its input's while it comes down

_OF_A_RUN = {"run.json", "report.html"}  # what a run leaves in its folder, which may lie below the data

_KINDS = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


@dataclass(frozen=True)
class LeftOut:
    """Something that is not processed: its name relative to the path that was given, and why.

    `state` is `left_out` for what is no input, `refused` for an input that cannot be processed, and `missing`
    or `changed` for one that is no longer what was uploaded.
    """

    name: str
    reason: str
    state: str = "left_out"

    def __str__(self) -> str:
        """One printable line, whatever the name holds."""
        return f"{self.state.replace('_', ' ')}: {plain(self.name)} {self.reason}"


@dataclass(frozen=True)
class Found:
    """What a path holds: inputs by their names relative to it, and all else with the reason."""

    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def why_not(name: str, endings: tuple[str, ...] = (ENDING,)) -> str | None:
    """Why a file of this name (relative, with `/`) is no input; None when it is one."""
    if any(segment.startswith(".") for segment in name.split("/")):
        return "hidden"
    lower = name.lower()
    if lower.endswith(REPORT):
        return "a report"
    return None if lower.endswith(endings) else f"not {_called(endings)}"


def report_name(name: str) -> str:
    """The name of an input's report: `a/x.JSON` gives `a/x.report.json`."""
    return _stem(name) + REPORT


def escapes(name: str) -> str | None:
    """Why a name is no plain path below a folder, or None when it is one."""
    segments = name.split("/")
    if any(ord(c) < 32 or c in "\\\x7f" or 0xD800 <= ord(c) <= 0xDFFF for c in name):
        return "holds a backslash, a control character or half a character"
    if "" in segments:
        return "begins or ends with / or holds //"
    return "holds a . or .. segment" if {".", ".."} & set(segments) else None


def unsafe(name: str) -> str | None:
    """Why a name cannot go the whole way to a node and back as a report, or None when it can."""
    segments = name.split("/")
    if reason := escapes(name):
        return reason
    if len(name) > _NAME_LIMIT:
        return f"is longer than {_NAME_LIMIT} characters"
    if len(name.encode()) > _PATH_LIMIT:
        return f"is longer than {_PATH_LIMIT} bytes, which a node's file system cannot hold"
    if any(len(segment.encode()) > _SEGMENT_LIMIT for segment in segments):
        return f"has a segment over {_SEGMENT_LIMIT} bytes"
    if len(_stem(segments[-1]).encode()) + _WRITING > _SEGMENT_LIMIT:
        return f"is too long for its report, whose name a file system holds to {_SEGMENT_LIMIT} bytes"
    return None


def find(path: Path, endings: tuple[str, ...] = (ENDING,)) -> Found:
    """The inputs of a file or of a folder and all below it; links are followed. `endings` are as a mapping has them.

    Raises ParameterError, in one line with what was found there, when there is no input.
    """
    try:
        os.lstat(path)
    except OSError as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be reached ({error.strerror})"
        raise ParameterError(f"{path} {why}. Name a file or a folder with {_called(endings)} files.") from None
    found = Found()
    entries = (
        _walk(path, "", (), endings) if os.path.isdir(path) else [(path.name, path, _problem(path.name, path, endings))]
    )
    for name, place, problem in entries:
        if problem is None:
            found.files[name] = place
        else:
            found.left_out.append(LeftOut(printable(name), *problem))
    if not found.files:
        raise ParameterError(_nothing(path, found.left_out, endings))
    return found


def find_all(paths: Sequence[Path], endings: tuple[str, ...] = (ENDING,)) -> Found:
    """The inputs of several files and folders together, by their names relative to each.

    Raises ParameterError when one holds none, or two inputs have one name.
    """
    if len(paths) == 1:
        return find(paths[0], endings)
    found = Found()
    for path in paths:
        more = find(path, endings)
        if twice := sorted(found.files.keys() & more.files.keys()):
            raise ParameterError(f"Two inputs are called {printable(twice[0])}: upload the folders under two names.")
        found.files.update(more.files)
        found.left_out.extend(more.left_out)
    return found


def summarise(left_out: list[LeftOut]) -> str:
    """What was left out, counted by reason: "2 hidden, 1 not *.json"."""
    counts = Counter(entry.reason for entry in left_out)
    shown = [f"{count} {reason}" for reason, count in counts.most_common(6)]
    return ", ".join(shown + ([f"{len(counts) - 6} other reasons"] if len(counts) > 6 else []))


def printable(name: str) -> str:
    """A name as text that can be stored and shown, also when its bytes are no UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _walk(
    folder: Path, prefix: str, above: tuple[tuple[int, int], ...], endings: tuple[str, ...]
) -> Iterator[tuple[str, Path, tuple[str, str] | None]]:
    """Every name below a folder with its place and, when it is no input, the reason and the state."""
    try:
        here = folder.stat()
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        yield prefix or ".", folder, (f"a folder that cannot be read ({error.strerror})", "left_out")
        return
    if prefix and {entry.name for entry in entries} >= _OF_A_RUN:
        yield prefix, folder, ("a run's folder", "left_out")
        return
    above = (*above, (here.st_dev, here.st_ino))
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if os.path.isdir(entry) and not entry.name.startswith("."):
            inside = entry.stat()
            if (inside.st_dev, inside.st_ino) in above:
                yield name, entry, ("a link back to a folder above it", "left_out")
                continue
            if why_not(name, endings) is None:
                yield name, entry, ("a folder named like an input; what is in it counts", "left_out")
            yield from _walk(entry, f"{name}/", above, endings)
        else:
            yield name, entry, _problem(name, entry, endings)


def _problem(name: str, path: Path, endings: tuple[str, ...]) -> tuple[str, str] | None:
    """Why a place that is no folder to walk is no input, and the state that this gives; None when it is one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return ("a link to nothing" if os.path.islink(path) else f"not there ({error.strerror})"), "left_out"
    kind = next((kind for test, kind in _KINDS.items() if test(mode)), None)
    if reason := kind or why_not(name, endings):
        return ("a hidden folder" if stat.S_ISDIR(mode) else reason), "left_out"
    if not os.access(path, os.R_OK):
        return "may not be read: give the user that runs this the permission", "refused"
    return None


def _nothing(path: Path, left_out: list[LeftOut], endings: tuple[str, ...]) -> str:
    there = f"found: {summarise(left_out)}" if left_out else "it is empty"
    rule = f"Inputs are {_called(endings)} files, not hidden and no reports."
    if os.path.isdir(path):
        return f"The folder {path} holds no input ({there}). {rule}"
    return f"{path} is no input: {left_out[0].reason}. {rule}"


def _called(endings: tuple[str, ...]) -> str:
    return " or ".join(f"*{ending}" for ending in endings)


def _stem(name: str) -> str:
    """An input's name without `.json` in any case; another ending stays, so that two inputs keep two reports."""
    return name[: -len(ENDING)] if name.lower().endswith(ENDING) else name
