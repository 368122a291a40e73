"""For people without a clone: both wheels in an environment of their own do the main job in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from batchkit.local.azurite.install import folder as azurite

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, folder: Path) -> str:
    own = {
        k: v for k, v in os.environ.items() if not k.startswith("BATCHKIT_") and k not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    done = subprocess.run(words, cwd=folder, env=own, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheels; what they depend on, and Azurite, are lent by this one."""
    place = tmp_path_factory.mktemp("wheels")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in names:
        if name.startswith(("batchkit/", "node/", "notebooks/")) or name in ("pyproject.toml", "README.md", "LICENSE"):
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / "source" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", place, place / "source", place / "source/node", folder=place)
    run(sys.executable, "-m", "venv", "--without-pip", place / "env", folder=place)
    run(*pip, "--python", place / "env", "install", "--no-deps", *place.glob("*.whl"), folder=place)
    [site] = place.glob("env/lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files, the checkout's, do not count
    (place / "env/share/batchkit/azurite").symlink_to(azurite())
    return place / "env/bin/python"


@pytest.mark.longer  # `make wheels`
def test_the_main_job_runs_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    code = "import batchkit, node; print(batchkit.__file__, node.__file__)"
    for path in run(python, "-c", code, folder=tmp_path).split():
        assert Path(path).is_relative_to(python.parents[1])
    run(python.parent / "batchkit", "run", "-p", "data", "synthetic", folder=tmp_path)
    [record] = tmp_path.glob("runs/*/run.json")
    found = json.loads(record.read_text())
    assert (found["status"], found["exit_code"]) == ("succeeded", 0)
    assert (record.parent / "report.html").exists()


@pytest.mark.longer  # `make wheels`
def test_the_image_can_be_built_from_what_was_installed(python: Path, tmp_path: Path) -> None:
    code = "from batchkit.provision import image; print(image.WORKER); image.pack(image.WORKER)"
    worker = Path(run(python, "-c", code, folder=tmp_path).strip())
    assert worker.is_relative_to(python.parents[1])
    names = {"Dockerfile", ".dockerignore", "pyproject.toml", "constraints.txt", "README.md"}
    assert names <= {path.name for path in worker.iterdir()}


def test_where_there_are_no_posix_signals_the_local_azure_says_what_it_needs(tmp_path: Path) -> None:
    code = "import signal; del signal.SIGHUP; from batchkit.launch import become_local; become_local([])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()) == (1, [
        "batchkit: the local Azure needs Linux, macOS or WSL. Against Azure itself everything else works here."
    ])  # fmt: skip


def test_the_commands_load_without_what_windows_lacks(tmp_path: Path) -> None:
    code = """import os, signal, sys
for name in ("SIGHUP", "SIGKILL", "pthread_sigmask"): delattr(signal, name)
for name in ("fork", "execv"): delattr(os, name)
import batchkit.headless.run, batchkit.headless.notebooks, batchkit.cli, batchkit.provision.applying
from node.work.children import children
with children() as child: print(list(child([1, 2, 3])))
"""
    assert run(sys.executable, "-c", code, folder=tmp_path) == "[1, 2, 3]\n"
