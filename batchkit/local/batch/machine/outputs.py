"""Which files of a task an output pattern means, and what their blobs are called."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

_WILD = re.compile(r"[*?\[]")


def matches(pattern: str, path: str, task: Path) -> list[tuple[Path, str]]:
    """Return the files of a task that an output pattern matches, each with its blob's name.

    A pattern without wildcards names one file, and `path` its blob; otherwise the blob is `path` and
    the file's path below the segments before the first wildcard. Names that begin with a dot are
    skipped, and nothing outside the task's folder is ever sent.
    """
    work = task / "wd"
    segments = pattern.split("/")
    fixed = next((i for i, part in enumerate(segments) if _WILD.search(part)), None)
    base = work.joinpath(*segments[: len(segments) - 1 if fixed is None else fixed])
    found = []
    for name in sorted(glob.glob(pattern, root_dir=work, recursive=True)):
        file = work / name
        if file.is_file() and file.resolve().is_relative_to(task.resolve()):
            below = Path(os.path.normpath(file)).relative_to(os.path.normpath(base)).as_posix()
            found.append((file, path if fixed is None and path else f"{path.rstrip('/')}/{below}".lstrip("/")))
    return found
