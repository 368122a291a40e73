"""The rooms of the local Azure and of the language: which may import which, and nothing in a circle."""

from pathlib import Path

import pytest
from house import arrows, circles, imports, modules

ROOT = Path(__file__).parents[2]
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
