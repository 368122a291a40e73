"""The inputs of a call: files as named, folders walked by the contract's rule, and what else lies there, by kind.

Nothing is opened here but folders, so a pipe or a device cannot make the walk wait.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

import msgspec

from node.contract import INPUT_ENDINGS, RUN_FILES, RejectedFile, UsageError, kind_left_out, left_out, report_name

Identity = tuple[int, int] | None  # of a folder: its device and number, whatever it is called
WALKED = "folder named like an input, walked as a folder"
MAX_KINDS = 12
NO_WAITING = getattr(os, "O_NONBLOCK", 0)


class Input(msgspec.Struct, frozen=True):
    """A file to process: where it is, its name in reports, and its report's path below the output folder."""

    path: Path
    name: str
    report: str


class Found(msgspec.Struct):
    """What a call is about: its inputs, in order, and how many of each kind were left out."""

    inputs: list[Input] = []
    others: Counter[str] = msgspec.field(default_factory=Counter)

    def left_out_line(self) -> str:
        """What was left out, by kind, in one line; empty when nothing was."""
        others = +self.others
        walked = others.pop(WALKED, 0)
        parts = [f"left out: {counted(others)}"] if others else []
        return "; ".join([*parts, f"{walked} {WALKED}"] if walked else parts)


def counted(kinds: Counter[str]) -> str:
    """Kinds with their numbers, the most frequent first."""
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[MAX_KINDS:])
    named = [f"{count} {kind}" for kind, count in ranked[:MAX_KINDS]]
    return ", ".join([*named, f"{rest} of other kinds"] if rest else named)


def find_inputs(paths: Iterable[Path], output: Path | None = None, endings: tuple[str, ...] = INPUT_ENDINGS) -> Found:
    """The inputs of a call, in the order given, a folder's by name; nothing in `output` is one.

    Raises:
        UsageError: a path is missing, cannot be read or is no file, a folder has no inputs, or two inputs would write
            the same report.
    """
    found = Found()
    for path in paths:
        found.inputs += inputs_of(path, found.others, output, endings)
    seen: dict[str, Input] = {}
    for item in found.inputs:
        first = seen.setdefault(item.report, item)
        if first is not item:
            raise UsageError(f"{first.path} and {item.path} would both write {item.report}; process them apart.")
    return found


def inputs_of(path: Path, others: Counter[str], output: Path | None, endings: tuple[str, ...]) -> list[Input]:
    """A file itself, or what a folder has."""
    mode = mode_of(path)
    if stat.S_ISDIR(mode):
        return inputs_of_folder(path, others, output, endings)
    kind = kind_left_out(mode)
    if kind:
        raise UsageError(f"{path} is a {kind}, which cannot be read twice; write what it gives to a file first.")
    return [named(path, path.name)]


def mode_of(path: Path) -> int:
    """The kind of file that a path leads to."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        hint = " Standard input is not read: write it to a file first." if str(path) == "-" else ""
        raise UsageError(f"There is no file or folder {path}.{hint}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def inputs_of_folder(folder: Path, others: Counter[str], output: Path | None, endings: tuple[str, ...]) -> list[Input]:
    """A folder's inputs by name; it must have one."""
    walk = Walk(folder, identity(output) if output else None, endings)
    try:
        found = sorted(walk.inputs(), key=lambda item: item.name)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be read: {error.strerror}.") from None
    others.update(walk.others)
    if not found:
        holds = f"; it holds {counted(+walk.others)}" if +walk.others else ""
        raise UsageError(f"The folder {folder} has no {' or '.join('*' + end for end in endings)} to process{holds}.")
    return found


def identity(path: Path) -> Identity:
    """What tells a folder from all others, whatever it is called; None where there is none yet."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Walk:
    """A walk through one folder; links are followed, but not back into a folder that is being walked.

    Attributes:
        waiting: folders to be walked, each with its name before its files' and the identities of it and all above.
        others: kind -> how many were left out.
    """

    def __init__(self, root: Path, output: Identity, endings: tuple[str, ...]) -> None:
        self.waiting: list[tuple[Path, str, tuple[Identity, ...]]] = [(root, "", (identity(root),))]
        self.output = None if output == identity(root) else output
        self.endings = endings
        self.others: Counter[str] = Counter()

    def inputs(self) -> Iterator[Input]:
        """Inputs anywhere below the folder.

        Raises:
            OSError: the folder itself cannot be read.
        """
        while self.waiting:
            folder, prefix, above = self.waiting.pop()
            try:
                names = os.listdir(folder)
            except OSError as error:
                if not prefix:
                    raise
                self.others[f"unreadable folder ({prefix[:-1]}: {error.strerror})"] += 1
                continue
            if prefix and RUN_FILES.issubset(names):
                self.others["folder of a run"] += 1
                continue
            for name in names:
                yield from self.entry(folder / name, prefix + name, above)

    def entry(self, path: Path, name: str, above: tuple[Identity, ...]) -> Iterator[Input]:
        """A file, when it is an input; a folder waits for its turn."""
        reason = left_out(name, self.endings)
        try:
            mode = path.stat().st_mode
        except OSError as error:
            self.others[reason or why_unknown(path, error)] += 1
            return
        if stat.S_ISDIR(mode):
            self.folder(path, name, above)
            return
        reason = reason or kind_left_out(mode)
        if reason:
            self.others[reason] += 1
        else:
            yield named(path, name)

    def folder(self, path: Path, name: str, above: tuple[Identity, ...]) -> None:
        """A folder waits to be walked, unless it is hidden, the output, or a loop."""
        place = identity(path)
        if path.name.startswith("."):
            self.others["hidden folder"] += 1
        elif place is not None and place == self.output:
            self.others["folder of the reports"] += 1
        elif place in above:
            self.others["link back to a folder above it"] += 1
        else:
            self.others[WALKED] += left_out(name, self.endings) is None
            self.waiting.append((path, f"{name}/", (*above, place)))


def why_unknown(path: Path, error: OSError) -> str:
    """Why a file cannot be asked what it is."""
    if not path.is_symlink():
        return f"unreadable ({error.strerror})"
    return "link to itself" if error.errno == errno.ELOOP else "dangling link"


def named(path: Path, name: str) -> Input:
    """An input by its name; the bytes of a name that are not UTF-8 are written out in the report."""
    return Input(path, os.fsencode(name).decode("utf-8", "backslashreplace"), report_name(name))


def open_input(path: Path) -> BufferedReader:
    """Open a regular file to read, and nothing else: what became a pipe since it was found does not make us wait.

    Raises:
        RejectedFile: it is no regular file any more.
        OSError: it cannot be opened.
    """
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | NO_WAITING))  # noqa: SIM115 - returned
    kind = kind_left_out(os.fstat(stream.fileno()).st_mode)
    if kind:
        stream.close()
        raise RejectedFile(f"the file has become a {kind}")
    return stream
