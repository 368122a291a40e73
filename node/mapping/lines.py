"""The lines of transactions: a list in each record, the rows of a group, or one line made of the total."""

from itertools import chain
from typing import Any

from msgspec import Struct

from node.mapping.decoding import Getter, Tree
from node.mapping.fields import Sheet
from node.mapping.paths import EVERY, Steps
from node.mapping.words import wrong_type

NAME = "line_items"


class Group(Struct):
    """Rows of one file that are one transaction; `index` is the first row's."""

    index: int
    rows: list[Any]


class LineList:
    """Where the lines of a record are.

    Attributes:
        base: the steps from the record to a line, as far as they are the same for the paths of a line's fields.
    """

    def __init__(self, steps: Steps) -> None:
        at = steps.index(EVERY) if EVERY in steps else len(steps)
        self.head, self.tail = steps[:at], steps[at + 1 :]
        self.base: Steps = (*self.head, EVERY, *self.tail)
        self.getter = Getter(self.head, Tree())

    def compile(self, tree: Tree) -> None:
        """Use the types that all paths together have."""
        self.getter = Getter(self.head, tree)

    def take(self, records: list[Any], sheet: Sheet) -> list[Any]:
        """The lines of all records, one behind the other; their numbers go to the sheet."""
        found = self.getter.column(records)
        nested = EVERY in self.tail
        lists = [
            value if type(value) is list and not nested else flattened(value, self.tail if nested else ())
            for value in found
        ]
        sheet.line_counts = [-1 if lines is None else len(lines) for lines in lists]
        every = list(chain.from_iterable(filter(None, lists)))
        if -1 in sheet.line_counts or not all(issubclass(kind, Struct | dict) for kind in set(map(type, every))):
            for row, (value, lines) in enumerate(zip(found, lists, strict=True)):
                if lines is None and value is not None and value != "":
                    sheet.wrong.append((NAME, row, wrong_type(NAME, value)))
                elif lines and not all(map(is_object, lines)):
                    sheet.wrong.append((NAME, row, "an element of the list is no object"))
        return every


def listed(value: Any) -> list[Any] | None:
    """A list as it is; one object where others write a list of one; None for all else."""
    if type(value) is list:
        return value
    return [value] if is_object(value) else None


def is_object(value: Any) -> bool:
    """True for an object, typed or loosely decoded."""
    return isinstance(value, Struct | dict)


def flattened(value: Any, steps: Steps) -> list[Any] | None:
    """The elements of lists in a list."""
    found = listed(value)
    if found is None or EVERY not in steps:
        return found
    at = steps.index(EVERY)
    inner = [flattened(one, steps[at + 1 :]) for one in Getter(steps[:at], Tree()).column(found)]
    return list(chain.from_iterable(filter(None, inner)))
