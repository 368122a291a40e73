"""What the engine asks of a machine, and what it hears: the seam at which a test puts a machine of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from batchkit.local.wire.formats import Json


@dataclass(frozen=True)
class Package:
    """An application package that a command needs: the variable that says where it lies, its folder, its zip file."""

    variable: str
    folder: Path
    url: str


@dataclass
class Order:
    """One command to carry out on a node.

    Attributes:
        node: the node's folder.
        folder: the task's own folder below it.
        body: of the task, start task or special task; it is read and never changed.
        env: the task's variables; the machine adds its own PATH, HOME and LANG beneath them.
        label: the task as a fault plan names it, `job/task`.
        pool: the pool's id.
        identities: the resource ids of the pool's identities, in lower case.
        registries: the container registries that the pool knows.
        packages: application packages, unpacked on the node before the command unless they are already.
        started: called when the command's files are there and it begins.
    """

    node: Path
    folder: Path
    body: Json
    env: Mapping[str, str]
    label: str = ""
    pool: str = ""
    identities: frozenset[str] = frozenset()
    registries: list[Json] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    started: Callable[[], None] = field(default=lambda: None)


@dataclass
class Outcome:
    """How a command ended: its exit code, or why it has none; `container` is what a container task tells of it."""

    exit_code: int | None = None
    failure: Json | None = None
    container: Json | None = None


@dataclass
class Result(Outcome):
    """How an order ended; `before` and `after` say which step failed, if one did."""

    before: bool = False
    after: bool = False

    @property
    def good(self) -> bool:
        """Whether everything went well."""
        return self.exit_code == 0 and self.failure is None


class Machine(Protocol):
    """What runs commands for nodes and keeps their folders."""

    def make_node(self, node: Path) -> None:
        """Make a node's folders; what is there already stays."""

    async def remove(self, folder: Path) -> None:
        """Delete a folder with all below it; one that is gone already is fine."""

    async def send(self, output: Json, folder: Path, identities: frozenset[str]) -> Json | None:
        """Send files as a task's in `folder` are; return the failureInfo when one could not be sent."""

    async def carry_out(self, order: Order) -> Result:
        """Carry out an order; a cancel ends its process and its transfers."""
