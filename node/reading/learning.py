"""Keys that the contract does not know are learned: a record that has them needs no second, loose decoding.

What is learned makes the reading quicker and changes nothing else. A value that only the loose decoding can judge, one
that is nested very deep, sends its record there.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from node.contract import MAX_DEPTH
from node.mapping.decoding import NAMEABLE
from node.reading.transactions import Customer, Document, Line, Transaction

MAX_NAMES = 100
MAX_ROUNDS = 20
PARTS = ("customer.", "line_items.", "")
Struct = type[msgspec.Struct]


class Types:
    """Our types, and the keys beside the contract's that they take.

    Attributes:
        names: part of a record -> the keys that were learned there, each with its attribute.
    """

    def __init__(self) -> None:
        self.names: dict[str, dict[str, str]] = {part: {} for part in PARTS}
        self.rounds = 0
        self.transaction: Any = Transaction
        self.document: Any = Document

    def learn(self, dotted: Iterable[str]) -> bool:
        """Take these keys from now on; False when they are too many, or known."""
        count = sum(map(len, self.names.values()))
        for name in filter(NAMEABLE.fullmatch, dotted):
            part = next(part for part in PARTS if name.startswith(part))
            if count < MAX_NAMES and self.rounds < MAX_ROUNDS:
                count += name.removeprefix(part) not in self.names[part]
                self.names[part].setdefault(name.removeprefix(part), f"unknown{count}")
        if count == sum(map(len, self.names.values())) and self.rounds >= MAX_ROUNDS:
            return False
        self.rounds += 1
        self.make()
        return True

    def make(self) -> None:
        """The types that take what was learned."""
        customer, line = self.extended("customer.", Customer), self.extended("line_items.", Line)
        fields = [("customer", customer | None, None), ("line_items", list[line] | None, None)]  # type: ignore[valid-type]
        self.transaction = self.extended("", Transaction, fields)
        self.document = msgspec.defstruct(
            "Document",
            [("transactions", list[self.transaction])],  # type: ignore[name-defined]
            bases=(Document,),
            forbid_unknown_fields=True,
            gc=False,
        )

    def extended(self, part: str, base: Struct, fields: Iterable[tuple[str, Any, Any]] = ()) -> Any:
        """A type with the keys of a part."""
        attributes = {attribute: key for key, attribute in self.names[part].items()}
        every = [*fields, *((attribute, Any, UNSET) for attribute in attributes)]
        return msgspec.defstruct(
            base.__name__, every, bases=(base,), rename=attributes, forbid_unknown_fields=True, gc=False
        )

    def count(self, records: list[Any]) -> dict[str, int]:
        """Dotted names of learned keys -> how many objects have them.

        Raises:
            TooDeep: a value must be judged by its loose decoding.
        """
        parts: dict[str, Callable[[], list[Any]]] = {
            "": lambda: records,
            "customer.": lambda: [one.customer for one in records if one.customer is not None],
            "line_items.": lambda: [line for one in records if one.line_items for line in one.line_items],
        }
        found: dict[str, int] = {}
        for part, objects in parts.items():
            for key, attribute in self.names[part].items():
                values = [value for one in objects() if (value := getattr(one, attribute, UNSET)) is not UNSET]
                if values:
                    found[part + key] = len(values)
                    check_depth(values)
        return found


class TooDeep(msgspec.ValidationError):
    """A value may be nested deeper than the contract allows."""


def check_depth(values: list[Any]) -> None:
    """Raises TooDeep for values of which one may be too deep, lists and objects that are in it counted."""
    level = [value for value in values if isinstance(value, list | dict)]
    for _ in range(MAX_DEPTH // 2):
        if not level:
            return
        inner = (one for value in level for one in (value.values() if isinstance(value, dict) else value))
        level = [one for one in inner if isinstance(one, list | dict)]
    raise TooDeep("nested too deep")
