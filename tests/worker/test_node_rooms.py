"""The worker's rooms: who imports whom, read from the source; no circle, and no arrow upwards."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

NODE = Path(__file__).parents[2] / "node"
# From the ground up. A module imports from its own line's room, or from lines above its own.
FLOORS = [
    ("node",),
    ("node.contract",),
    ("node.files", "node.settings"),
    ("node.mapping",),
    ("node.reading",),
    ("node.sums", "node.drafting"),
    ("node.report",),
    ("node.work",),
    ("node.frames", "node.journey", "node.samples"),
    ("node.cli",),
    ("node.__main__",),
]
# What others import by name needs little: the report's tables its contract, the data what it is written with.
ALLOWED = {
    "node.frames": {"node.contract"},
    "node.journey": {"node.contract", "node.files"},
    "node.samples": {"node.samples", "node.contract", "node.files"},
}
MODULES = {
    ".".join(("node", *path.relative_to(NODE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in NODE.rglob("*.py")
    if "build" not in path.parts
}


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module of the worker that a file imports, inside functions and for types too."""
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{path}: a relative import hides who imports whom"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
            found = [name if name in MODULES else str(statement.module) for name in names]
        elif isinstance(statement, ast.Import):
            found = [alias.name for alias in statement.names]
        else:
            continue
        yield from ((name, statement) for name in found if name.split(".")[0] == "node")


ARROWS = {name: {found for found, _ in imports(path)} for name, path in MODULES.items()}


def room(name: str) -> str:
    """The room of a module, or the module itself when it stands alone."""
    return ".".join(name.split(".")[:2])


def floor(name: str) -> int:
    return next(at for at, rooms in enumerate(FLOORS) if room(name) in rooms)


def test_every_module_has_a_floor() -> None:
    assert {room(name) for name in MODULES} == {name for rooms in FLOORS for name in rooms}


@pytest.mark.parametrize("name", MODULES)
def test_no_arrow_upwards(name: str) -> None:
    wrong = [other for other in ARROWS[name] if floor(other) >= floor(name) and room(other) != room(name)]
    assert wrong == []
    if room(name) in ALLOWED:
        assert {room(other) for other in ARROWS[name]} <= ALLOWED[room(name)]


def test_no_circle() -> None:
    left = {name: {other for other in others if other != name} for name, others in ARROWS.items()}
    while left:
        free = [name for name, others in left.items() if not others & left.keys()]
        assert free, f"these import each other: {sorted(left)}"
        for name in free:
            del left[name]


@pytest.mark.parametrize("name", MODULES)
def test_an_import_inside_a_function_has_its_reason_beside_it(name: str) -> None:
    path = MODULES[name]
    lines = path.read_text().splitlines()
    top = ast.parse(path.read_text()).body
    inner = [statement.lineno for _, statement in imports(path) if statement.lineno not in {one.lineno for one in top}]
    unexplained = [number for number in inner if "#" not in lines[number - 1]]
    explained_above = [number for number in unexplained if (number - 1 in inner or "#" in lines[number - 2])]
    assert [number for number in unexplained if number not in explained_above] == []


def test_the_rooms_are_few_and_their_modules_small() -> None:
    for name, path in MODULES.items():
        assert len(path.read_text().splitlines()) <= 300, name
    assert len([path for path in NODE.glob("*/__init__.py") if "build" not in path.parts]) == 7
