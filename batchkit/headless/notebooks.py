"""Runs one notebook headless and says in words what ended it; the executed notebook is kept as the record.

The kernel is this very Python, whatever kernels a person has installed. Its sockets lie in a short folder of this
user alone, since a port would be open to the whole machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets import default
from traitlets.config import Config

from batchkit import errors
from batchkit.headless.record import Trouble

WRONG = ("ParameterError", "PlanError", "SettingsError")  # what was asked cannot be done as asked
_OURS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
_LONGEST_BASE = 70  # bytes: a socket's whole path takes 107, and the rest needs some 30
_INLINE = "module://matplotlib_inline.backend_inline"  # charts go into the notebook, whatever the environment says


class OwnKernel(AsyncKernelManager):
    """Starts this program's own Python; what it says beside the cells' output, such as how it ended, is dropped."""

    @default("kernel_spec_manager")
    def _own_python(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])

    async def _async_start_kernel(self, **options: Any) -> None:
        await super()._async_start_kernel(**{"stdout": DEVNULL, "stderr": DEVNULL} | options)

    start_kernel = _async_start_kernel


def execute(path: Path, target: Path, values: Mapping[str, Any]) -> Trouble | None:
    """Run a notebook with its parameters in its own folder; return what went wrong, or None.

    Raises KeyboardInterrupt when a signal came; also then the notebook at `target` shows where it was.
    """
    os.environ["MPLBACKEND"] = _INLINE
    try:
        with private_folder() as folder:
            _run(path, target, dict(values), folder)
    except PapermillExecutionError as failure:
        return _raised(path, target, failure)
    except KeyboardInterrupt:
        _mark(path, target, "Interrupted", "a signal ended the run here", [])
        raise
    except Exception as failure:
        lines = [] if isinstance(failure, DeadKernelError) else traceback.format_exception(failure)
        _mark(path, target, type(failure).__name__, str(failure), lines)
        return _broke(path, target, failure)
    return None


def _run(path: Path, target: Path, values: dict[str, Any], folder: Path) -> None:
    settings = {"connection_file": f"{folder}/k.json"}
    if os.name == "posix":  # Windows' kernels speak over loopback ports alone
        settings |= {"transport": "ipc", "ip": f"{folder}/k"}
    papermill.execute_notebook(
        _literal(path),
        _literal(target),
        values,
        kernel_name="python3",
        cwd=str(path.parent),
        progress_bar=False,
        config=Config(KernelManager=settings | {"shutdown_wait_time": 1.0}),
        kernel_manager_class=OwnKernel,
        stdout_file=sys.stdout,
        stderr_file=sys.stderr,
    )


def _literal(path: Path) -> str:
    """The path as papermill takes it, which formats parameters into braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder of this user alone that can be written to and whose path a socket can have.

    Raises BatchkitError when the machine has none.
    """
    for base in _bases():
        try:
            folder = tempfile.TemporaryDirectory(prefix="batchkit-", dir=base)
            Path(folder.name, "probe").write_bytes(bytes(4096))  # a full disk still makes folders
        except OSError:
            continue
        with folder as name:
            yield Path(name)
        return
    raise errors.BatchkitError(
        "No folder for a kernel's sockets: each of TMPDIR, XDG_RUNTIME_DIR, /tmp and /dev/shm is full, closed to "
        "this user, or has too long a path. Set TMPDIR to a short path with some space."
    )


def _bases() -> list[str]:
    if os.name != "posix":
        return [tempfile.gettempdir()]
    named = [os.environ.get(name, "") for name in ("TMPDIR", "XDG_RUNTIME_DIR")]
    return [base for base in [*named, "/tmp", "/dev/shm"] if base and len(os.fsencode(base)) <= _LONGEST_BASE]  # noqa: S108  # a new folder in it


def _raised(path: Path, target: Path, failure: PapermillExecutionError) -> Trouble:
    what = f"Notebook {path.stem} stopped"
    if failure.ename in _OURS:  # which says itself what to do
        return Trouble(what, str(failure.evalue), wrong=failure.ename in WRONG)
    return Trouble(what, f"{failure.ename}: {failure.evalue}", f"see where in {target}")


def _broke(path: Path, target: Path, failure: Exception) -> Trouble:
    what = f"Notebook {path.stem} stopped"
    if isinstance(failure, errors.BatchkitError):
        return Trouble(what, str(failure))
    if isinstance(failure, DeadKernelError) or "Kernel died" in str(failure):
        why = "its kernel, which runs the cells, was killed: by somebody, or by the system when memory ran out"
        return Trouble(what, why, "free some memory or take a larger machine if that was it, and run it again")
    if isinstance(failure, OSError):
        why = f"{failure.filename or target}: {failure.strerror or failure}"
        return Trouble(what, why, "free some space or mend the folder's permissions, and run it again")
    return Trouble(what, f"{type(failure).__name__}: {failure}", f"see where in {target}")


def _mark(path: Path, target: Path, name: str, value: str, lines: list[str]) -> None:
    """Write what ended the notebook into its record, at the cell that ran, where papermill itself did not."""
    with suppress(OSError):
        notebook = _read(target) or nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        begun = [cell for cell in cells if cell.metadata.get("papermill", {}).get("start_time")] or cells[:1]
        for cell in begun[-1:]:
            cell.outputs.append(nbformat.v4.new_output("error", ename=name, evalue=value, traceback=lines or [value]))
        nbformat.write(notebook, target)


def _read(path: Path) -> Any:
    """The notebook; None when it is not there, or only half of it."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError):
        return None
