"""The worker alone: its wheel in an environment without Azure, matplotlib or Jupyter, and its Dockerfile linted."""

import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHERS = ("pyproject.toml", "constraints.txt", "README.md")
FORBIDDEN = ("azure", "batchkit", "matplotlib", "jupyter", "pyarrow", "IPython")


def run(*command: str | Path, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment in it that has the worker's wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("alone")
    source = folder / "source"
    source.mkdir()
    node = ROOT / "node"
    sources = (*node.glob("*.py"), *node.glob("*/*.py"), *node.glob("*/shipped/*.toml"))
    for path in (*sources, *(node / name for name in OTHERS)):
        (source / path.relative_to(node)).parent.mkdir(parents=True, exist_ok=True)
        (source / path.relative_to(node)).write_bytes(path.read_bytes())
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source, folder=folder)
    venv.create(folder / "env", with_pip=True)
    wheel = next(folder.glob("batchkit_node-*.whl"))
    install = (folder / "env/bin/python", "-m", "pip", "install", "--quiet", "-c", source / "constraints.txt")
    run(*install, wheel, folder=folder)
    return folder


def test_the_wheel_does_the_whole_work_alone(alone: Path) -> None:
    python = alone / "env/bin/python"
    listed = run(python, "-m", "pip", "list", "--format=json", folder=alone)
    installed = {f"{entry['name'].lower()}=={entry['version']}" for entry in json.loads(listed)}
    pinned = set((ROOT / "node/constraints.txt").read_text().split())
    assert {entry for entry in installed if not entry.startswith(("batchkit-node=", "pip=", "setuptools="))} == pinned
    planted = json.loads(run(python, "-m", "node", "generate", "--transactions", "600", "--output", "in", folder=alone))
    (alone / "rules.toml").write_text(run(python, "-m", "node", "rules", folder=alone))
    run(python, "-m", "node", "process", "in", "--output", "out", "--rules", "rules.toml", folder=alone)
    run(python, "-m", "node", "merge", "out", "--output", "summary.json", "--tables", "tables", folder=alone)
    summary = json.loads((alone / "summary.json").read_bytes())
    assert summary["validation"]["total_transactions"] == 600
    assert summary["anomalies"]["counts"]["total_mismatch"] == planted["total_mismatch"]
    tables = ["anomalies", "categories", "customers", "days", "errors", "products"]
    assert sorted(path.stem for path in (alone / "tables").iterdir()) == tables


def test_no_part_of_the_worker_brings_in_what_it_must_not(alone: Path) -> None:
    code = f"""
import importlib, pkgutil, sys, node
for module in pkgutil.walk_packages(node.__path__, "node."):
    if module.name != "node.__main__":
        importlib.import_module(module.name)
print([name for name in {FORBIDDEN!r} if name in sys.modules])
"""
    assert run(alone / "env/bin/python", "-c", code, folder=alone).strip() == "[]"


def test_the_contract_needs_the_standard_library_alone() -> None:
    code = "import sys, node.contract; print({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    found = run(sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}", folder=ROOT)
    assert eval(found) <= {"node", "__main__"}


def test_the_dockerfile_is_clean() -> None:
    run(Path(sys.executable).parent / "hadolint", ROOT / "node" / "Dockerfile", folder=ROOT)
    text = (ROOT / "node" / "Dockerfile").read_text()
    assert "ENTRYPOINT" not in text.replace("no ENTRYPOINT", "")
    assert text.count("AS build") == 1


def test_wheel_and_image_hold_every_room() -> None:
    packages = tomllib.loads((ROOT / "node" / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    rooms = {path.parent.name for path in (ROOT / "node").glob("*/__init__.py")}
    assert set(packages) == {"node", *(f"node.{room}" for room in rooms)}
    lines = (ROOT / "node" / ".dockerignore").read_text().split()
    assert {f"!{room}/*.py" for room in rooms} | {"!*.py"} <= set(lines)
