"""The rooms of the local Azure and of the language: which may import which, and nothing in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The lower rooms of each room, by the folder below batchkit/local: those that it may import besides itself.
WIRE = {"wire"}
STATE = {*WIRE, "batch/state"}
MACHINE = {*STATE, "batch/machine"}
ENGINE = {*MACHINE, "batch/engine"}
ROOMS = {
    "wire": set[str](),
    "batch/state": WIRE,
    "batch/machine": STATE,
    "batch/engine": MACHINE,
    "batch/api": ENGINE,
    "resources": {*WIRE, "batch/state", "batch/engine"},
    "arm": {*WIRE, "batch/state", "batch/engine", "resources"},
    "azurite": set[str](),
}
BELOW_ALL = {"config", "tokens", "certificates"}  # what every room may know of a run
TOGETHER = {"batch", ""}  # the folders whose own modules put the rooms together


def modules(folder: str) -> dict[str, Path]:
    """Every module below a folder by its dotted name."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path) -> Iterator[tuple[str, ast.stmt, bool]]:
    """Every name that a module imports, the statement, and whether it stands inside a function."""
    tree = ast.parse(path.read_text())
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            yield from ((f"{node.module}.{alias.name}", node, id(node) in inside) for alias in node.names)


def arrows(folder: str) -> dict[str, set[str]]:
    """Which module imports which, within a folder: function-level and TYPE_CHECKING ones too."""
    known = modules(folder)
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for target, _, _ in imports(path):
            while target and target not in known:
                target = target.rpartition(".")[0]
            if target and target != name:
                graph[name].add(target)
    return graph


def circles(graph: dict[str, set[str]]) -> list[str]:
    """What is left once every module whose imports are all gone is taken away, again and again."""
    left = {name: set(targets) for name, targets in graph.items()}
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def room(module: str) -> str:
    """The room of a module of the local Azure: its folder below batchkit/local."""
    parts = module.split(".")[2:]
    names = ["/".join(parts[:length]) for length in (2, 1)]
    return next((name for name in names if name in ROOMS), "batch" if parts[:1] == ["batch"] else "")


@pytest.mark.parametrize("folder", ["batchkit/local", "batchkit/autoscale"])
def test_nothing_imports_in_a_circle(folder: str) -> None:
    assert circles(arrows(folder)) == []


def test_no_arrow_points_upwards() -> None:
    wrong = []
    for name, targets in arrows("batchkit/local").items():
        for target in targets:
            here, there = room(name), room(target)
            if here in TOGETHER or here == there or there in ROOMS[here]:
                continue
            if there == "" and target.rpartition(".")[2] in BELOW_ALL:
                continue
            if target in ("batchkit.local", "batchkit.local.batch"):  # a package's own docstring
                continue
            wrong.append(f"{name} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("folder", ["batchkit/local", "batchkit/autoscale"])
def test_an_import_inside_a_function_has_its_reason_beside_it(folder: str) -> None:
    bare = []
    for path in modules(folder).values():
        lines = path.read_text().splitlines()
        for name, node, inside in imports(path):
            beside = lines[node.lineno - 2] + lines[node.lineno - 1]
            if inside and "#" not in beside:
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert bare == []


@pytest.mark.parametrize("folder", ["batchkit/local", "batchkit/autoscale"])
def test_a_module_fits_on_a_few_screens(folder: str) -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules(folder).values()}
    assert {name: count for name, count in lines.items() if count > 300} == {}
