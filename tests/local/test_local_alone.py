"""The local Azure without the workbench: the wheel with its extra `local`, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchkit.local.azurite.install import folder as azurite

ROOT = Path(__file__).parents[2]
NEVER = ("azure-batch", "azure-mgmt", "azure-identity", "jupyter", "matplotlib", "pandas", "papermill", "typer")


def run(*words: str | Path, code: int = 0) -> str:
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(words, cwd="/", env=own, capture_output=True, text=True, timeout=250)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, its extra and nothing else; Azurite is lent by this one."""
    place = tmp_path_factory.mktemp("alone")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = place / "source"  # a build leaves files in its folder
    shutil.copytree(ROOT / "batchkit", source / "batchkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(*pip, "wheel", "--no-deps", "--wheel-dir", place, source)
    run(sys.executable, "-m", "venv", "--without-pip", place / "env")
    [wheel] = place.glob("batchkit-*.whl")
    run(*pip, "--python", place / "env", "install", "-c", ROOT / ".constraints.txt", f"{wheel}[local]")
    (place / "env/share/batchkit").mkdir(parents=True)
    (place / "env/share/batchkit/azurite").symlink_to(azurite())
    return place / "env/bin"


def test_it_brings_no_batch_client_and_nothing_of_the_notebooks(alone: Path) -> None:
    listed = run(sys.executable, "-m", "pip", "--python", alone.parent, "list", "--format=json")
    names = [each["name"].lower() for each in json.loads(listed)]
    assert "azure-storage-blob" in names
    assert not [name for name in names if name.startswith(NEVER)]


def test_it_starts_around_a_command(alone: Path) -> None:
    said = run(alone / "batchkit", "local", "--speed", "1200", "--", "sh", "-c", "echo $BATCHKIT_BATCH_URL")
    assert said.startswith("https://127.0.0.1:")


def test_other_commands_say_in_a_line_what_is_missing(alone: Path) -> None:
    said = run(alone / "batchkit", "run", code=1)
    assert said == "batchkit: this command needs typer, which is not installed: pip install 'batchkit[workbench]'\n"
