"""The house rules: who may import whom, how large a room may be, and which names are public."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from house import arrows, circles

ROOT = Path(__file__).parents[2]
AZURE_FREE = {"azure", "msal"}


def modules(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "build" not in p.parts)


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def breaches(folder: str, forbidden: tuple[str, ...], but: str = "") -> list[str]:
    files = [p for p in modules(folder) if not but or (ROOT / but) not in p.parents]
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]


def test_node_knows_nothing_of_azure_or_batchkit():
    assert not breaches("node", ("azure", "batchkit"))


def test_the_contract_needs_the_standard_library_alone():
    names = {name.split(".")[0] for name in imported(ROOT / "node/contract.py")}
    assert names <= set(sys.stdlib_module_names) | {"__future__"}


def test_batchkit_imports_neither_the_worker_nor_the_local_azure():
    files = [p for p in modules("batchkit") if (ROOT / "batchkit/local") not in p.parents]
    found = {(p.name, name) for p in files for name in imported(p) if name.split(".")[0] == "node"}
    assert not found
    assert not breaches("batchkit", ("batchkit.local",), but="batchkit/local")


def test_the_language_knows_nothing_of_azure():
    assert not breaches("batchkit/autoscale", ("azure", "batchkit.local"))


def test_the_local_azure_shares_nothing_with_batchkit_but_the_language():
    allowed = ("batchkit.local", "batchkit.autoscale")
    found = {
        (path.name, name)
        for path in modules("batchkit/local")
        for name in imported(path)
        if name.startswith("batchkit") and not name.startswith(allowed)
    }
    assert not found
    azure = {n for p in modules("batchkit/local") for n in imported(p) if n.startswith("azure.")}
    assert all(name.startswith(("azure.storage.blob", "azure.core")) for name in azure), azure


@pytest.mark.parametrize("module", ["batchkit", "batchkit.autoscale"])
def test_importing_the_language_brings_in_no_azure(module):
    code = f"import sys, {module}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = out.stdout.split()
    assert not [name for name in loaded if name.split(".")[0] in AZURE_FREE or name.startswith("batchkit.local")]


# The core is settings, session, errors, storage, pools, jobs and results; beside it are these rooms: what the data is,
# charts and tables, the run without a person, the command line, scaling, provisioning, and what stands for Azure.
BESIDE = {"inputs.py", "datasets.py", "charts", "tables.py", "headless", "outcome.py", "cli.py", "launch.py"}
BESIDE |= {"autoscale", "provision", "local", "commands", "registering.py", "tabular.py", "pool_views.py"}
BESIDE |= {"page", "comparing.py", "story.py"}
BESIDE |= {"repairing.py", "explaining.py", "showing.py"}


@pytest.mark.parametrize(("folder", "most"), [("", 2500), ("provision", 1800)])
def test_batchkit_is_thin(folder, most):
    files = [p for p in modules(f"batchkit/{folder}") if not (BESIDE - {folder}) & set(p.relative_to(ROOT).parts)]
    lines = {str(path): len(path.read_text().splitlines()) for path in files}
    assert sum(lines.values()) <= most, lines
    assert max(lines.values()) <= 300, lines


def test_batchkit_has_no_circle():
    assert circles(arrows("batchkit")) == []


ORDER = [
    "text",
    "errors",
    "settings",
    "session",
    "inputs",
    "storage",
    "datasets",
    "jobs",
    "results",
    "outcome",
    "headless",
    "cli",
]


def test_no_arrow_of_batchkit_points_upwards():
    """Each room knows those before it in the order of the story, and none behind it."""
    place = {f"batchkit.{name}": at for at, name in enumerate(ORDER)}
    wrong = []
    for name, targets in arrows("batchkit").items():
        here = place.get(".".join(name.split(".")[:2]))
        for target in targets:
            there = place.get(".".join(target.split(".")[:2]))
            wrong += [f"{name} imports {target}"] if None not in (here, there) and there > here else []
    assert wrong == []


def test_public_names():
    import batchkit

    assert batchkit.__all__ == ["BatchkitError", "Session", "connect"]
    for name in batchkit.__all__:
        assert getattr(batchkit, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = batchkit.nothing_here


def test_the_folder_tree_is_the_architecture():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines()}
    files = {"README.md", "CONTRIBUTING.md", "environment.yml", "pyproject.toml", "Makefile", "CHANGELOG.md", "LICENSE",
             "azure-pipelines.yml"}  # fmt: skip
    folders = {"notebooks", "batchkit", "node", "tests", "benchmarks", "docs"}
    assert {name for name in top if not name.startswith(".")} <= files | folders
