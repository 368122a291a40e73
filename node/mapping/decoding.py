"""Typed decoding: the paths of a mapping become msgspec structs, made once, that skip all else in a record.

A part that may be something else than an object in some record is decoded as what it is, so that no record fails for
it; what a path then does not find is None.
"""

import re
from contextlib import suppress
from itertools import takewhile
from operator import attrgetter
from typing import Any, Union

import msgspec

from node.mapping.paths import EVERY, Step, Steps, stepped

# A key that a struct's field can have; a part with another one is decoded as anything.
NAMEABLE = re.compile(r'[^"\\\x00-\x1f]*')
OTHERS = str | int | float | bool | None


class Tree(dict[Step, "Tree"]):
    """Paths by their steps. A place in a list and every place are the same step here.

    Attributes:
        leaf: a path ends here.
        made: the struct of its keys, once there is one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.leaf = False
        self.made: type[msgspec.Struct] | None = None

    def add(self, steps: Steps) -> None:
        """One more path."""
        node = self
        for step in steps:
            node = node.setdefault(step if isinstance(step, str) else EVERY, Tree())
        node.leaf = True

    def anything(self) -> bool:
        """True where no type can be said: a path ends here, or it is an object in one path and a list in another."""
        odd = any(isinstance(key, str) and not NAMEABLE.fullmatch(key) for key in self)
        return odd or self.leaf or not self or (EVERY in self and len(self) > 1)

    def decoded(self) -> Any:
        """The type to decode: a struct for keys, a list (or one element of it) for places, or anything."""
        if self.anything():
            return Any
        if EVERY not in self:
            return Union[(self.struct(), list[Any], OTHERS)]  # noqa: UP007 - of a type that is made here
        element = self[EVERY]
        if element.anything() or EVERY in element:
            return Union[(list[element.decoded()], OTHERS)]  # type: ignore[misc]  # noqa: UP007
        return Union[(list[element.decoded()], element.struct(), OTHERS)]  # type: ignore[misc]  # noqa: UP007

    def struct(self) -> type[msgspec.Struct]:
        """A struct of the keys, whose own names are never the keys."""
        if self.made is None:
            names = {f"f{at}": key for at, key in enumerate(self)}
            fields = [(name, self[key].decoded(), None) for name, key in names.items()]
            space = {"KEYS": {key: name for name, key in names.items()}}
            self.made = msgspec.defstruct("Part", fields, rename=names, gc=False, namespace=space)  # type: ignore[arg-type]
        return self.made


class Getter:
    """Takes one path's value out of many records at once, typed or loosely decoded ones; None where there is none."""

    def __init__(self, steps: Steps, tree: Tree) -> None:
        self.steps = steps
        self.stages = stages(steps, tree)
        names = list(takewhile(bool, (name for name, _, _ in self.stages)))
        self.take = attrgetter(".".join(names)) if names else None
        self.taken = len(names)

    def column(self, records: list[Any]) -> list[Any]:
        """The value in each record."""
        found, start = records, 0
        if self.take is not None:
            with suppress(AttributeError):  # a part is missing in one of them
                found, start = list(map(self.take, records)), self.taken
        for name, kind, step in self.stages[start:]:
            if name:
                found = [getattr(one, name) if type(one) is kind else stepped(one, step) for one in found]
            else:
                found = [one[step] if type(one) is list and one and step == 0 else stepped(one, step) for one in found]
        return found


def stages(steps: Steps, tree: Tree) -> list[tuple[str, Any, Any]]:
    """Each step: the attribute of a struct that it is (empty: none is known), the struct, the step itself."""
    found: list[tuple[str, Any, Any]] = []
    for step in steps:
        key = step if isinstance(step, str) else EVERY
        known = isinstance(step, str) and not tree.anything() and step in tree
        kind: Any = tree.struct() if known else None
        found.append((kind.KEYS[step] if known else "", kind, step))
        tree = Tree() if tree.leaf else tree.get(key, Tree())
    return found
