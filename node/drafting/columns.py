"""The values of a sample, path by path: what lies where, how often, and what it looks like."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from node.drafting.names import OFTEN_NOT, rank, words
from node.mapping.paths import EVERY, Steps

MAX_DEPTH = 6
MAX_PATHS = 600
ODD = re.compile(OFTEN_NOT)
NUMBER = re.compile(r"\s*[-+]?(?:[0-9][0-9.,' \u00a0]*|[.,][0-9]+)\s*")


class Column(Struct):
    """One path and its value in each record, None where there is none."""

    steps: Steps
    values: list[Any]

    @property
    def name(self) -> str:
        """Its words."""
        return words(self.steps)

    @property
    def there(self) -> list[Any]:
        """The values that are there."""
        return [one for one in self.values if one is not None and one != "" and one is not False and one == one]

    @property
    def share(self) -> float:
        """How many records have it."""
        return len(self.there) / max(len(self.values), 1)

    def all(self, test: Callable[[Any], bool]) -> bool:
        """True when there are values, and all pass."""
        return bool(self.there) and all(map(test, self.there))


def columns_of(records: list[Any]) -> list[Column]:
    """Every path to a scalar in the records; of lists, the first two elements."""
    found: dict[Steps, list[Any]] = {}
    for row, record in enumerate(records):
        for steps, value in scalars(record, ()):
            if steps in found or len(found) < MAX_PATHS:
                found.setdefault(steps, [None] * len(records))[row] = value
    return [Column(steps, values) for steps, values in found.items()]


def scalars(value: Any, steps: Steps) -> list[tuple[Steps, Any]]:
    """Paths to scalars in a value."""
    if isinstance(value, dict) and len(steps) < MAX_DEPTH:
        return [pair for key, inner in value.items() for pair in scalars(inner, (*steps, key))]
    if isinstance(value, list) and len(steps) < MAX_DEPTH:
        return [pair for at, inner in enumerate(value[:2]) for pair in scalars(inner, (*steps, at))]
    return [] if isinstance(value, dict | list) else [(steps, value)]


def lists_of(records: list[Any]) -> dict[Steps, list[list[Any]]]:
    """Paths to lists of objects in the records, through lists of one object's wrappers (`edges[].node`) too."""
    found: dict[Steps, list[list[Any]]] = {}
    for row, record in enumerate(records):
        for steps, items in object_lists(record, ()):
            found.setdefault(steps, [[] for _ in records])[row] = items
    return found


def object_lists(value: Any, steps: Steps) -> list[tuple[Steps, list[Any]]]:
    """Paths to lists of objects in a value."""
    if isinstance(value, dict) and len(steps) < MAX_DEPTH:
        return [pair for key, inner in value.items() for pair in object_lists(inner, (*steps, key))]
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return []
    if all("node" in one and isinstance(one["node"], dict) for one in value):
        return [((*steps, EVERY, "node"), [one["node"] for one in value])]
    return [(steps, value)]


def best(columns: list[Column], patterns: tuple[str, ...], test: Callable[[Column], bool]) -> list[Column]:
    """Columns whose names fit, the best first."""
    ranked = []
    for column in columns:
        at = rank(column.name, patterns)
        if at is not None and column.there and test(column):
            odd = bool(ODD.search(column.name)) + 2 * sum(isinstance(step, int) and step > 0 for step in column.steps)
            ranked.append(((odd, at, -round(column.share, 1), len(column.steps)), column))
    return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]


def is_number(value: Any) -> bool:
    """True for a number, or a text that looks like one."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value) is not None)


def is_text(value: Any) -> bool:
    """True for a text."""
    return isinstance(value, str)


def is_id(value: Any) -> bool:
    """True for what can be an id."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)
