"""Application packages: what a pool or a task refers to must be there, and what a node is told to unpack.

Source of the variables' names: the service's documentation of application packages (Linux nodes).
"""

from __future__ import annotations

import re

from batchkit.local.batch.state.model import Node
from batchkit.local.batch.state.orders import Package
from batchkit.local.batch.state.state import State
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json

_VARIABLE = "AZ_BATCH_APP_PACKAGE_"
_FLAT = re.compile(r"[.#-]")  # which a variable's name cannot have


def check(state: State, references: list[Json] | None) -> None:
    """Check that every package that is referred to is there and active.

    Raises:
        BatchError: InvalidApplicationPackageReferences, 409, with each that is not.
    """
    wanted, there = map(_named, references or []), state.subscription.package
    if lost := [name for name, version in wanted if there(name, version) is None]:
        said = dict.fromkeys(lost, "The specified application package does not exist.")
        raise error("InvalidApplicationPackageReferences", status=409, **said)


def for_node(state: State, node: Node, references: list[Json]) -> list[Package]:
    """Return the packages that a command finds on its node, each once however often it is referred to."""
    chosen: dict[str, Package] = {}
    for name, version in map(_named, references):
        found = state.subscription.package(name, version)
        if found is not None:
            variable = _FLAT.sub("_", f"{_VARIABLE}{found['id']}{f'_{version}' if version else ''}")
            folder = node.root / "applications" / f"{name.lower()}{found['version']}".replace("/", "_")
            chosen[variable] = Package(variable, folder / found["tag"], found["url"])
    return list(chosen.values())


def _named(reference: Json) -> tuple[str, str | None]:
    return str(reference["applicationId"]), reference.get("version")
