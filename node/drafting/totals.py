"""Do these columns add up? Each record's total against its parts, and against its lines."""

from itertools import product
from typing import Any

from msgspec import Struct

from node.drafting.columns import Column
from node.mapping.numbers import WRONG, Numbers
from node.mapping.paths import follow

NEAR = 0.011
MAX_LINES_TRIED = 200


class Sums(Struct):
    """What was found to agree.

    Attributes:
        agreed: 0 to 2: the share of records in which the parts give the total, and in which the lines do.
        subtotal: the subtotal column is a part of the total.
        of_lines: which of a line's discount and subtotal make the lines' sum the total's part.
    """

    agreed: float
    subtotal: bool
    of_lines: tuple[str, ...]
    records: int
    text: str = ""

    def said(self) -> str:
        """What agreed, in words."""
        return f"{self.text} in {round(100 * min(self.agreed, 1))}% of {self.records}" if self.text else ""


def check(chosen: list[Column | None], lines: list[list[Any]], numbers: Numbers, fields: dict[str, Column]) -> Sums:
    """Total, subtotal, tax and shipping as chosen, against each other and the lines."""
    count = len(lines)
    total, subtotal, tax, shipping = ([amount(numbers, one, row) for row in range(count)] for one in chosen)
    rest = [a + b for a, b in zip(tax, shipping, strict=True)]
    parts = (
        share([one - two - more for one, two, more in zip(total, subtotal, rest, strict=True)]) if chosen[1] else 0.0
    )
    by_lines, used = best_lines([one - more for one, more in zip(total, rest, strict=True)], lines, numbers, fields)
    names = [name for name, one in zip(("tax", "shipping"), chosen[2:], strict=True) if one]
    text = ""
    if max(parts, by_lines) > 0.5:
        text = " + ".join(["= subtotal" if parts >= by_lines else "= the lines", *names])
    return Sums(round(max(parts, 0) + by_lines, 2), parts > 0.9, used if by_lines > 0.5 else (), count, text)


def best_lines(
    wanted: list[float], lines: list[list[Any]], numbers: Numbers, fields: dict[str, Column]
) -> tuple[float, tuple[str, ...]]:
    """The way to add up lines that gives what is wanted most often."""
    if not any(lines):
        return 0.0, ()
    found = [(0.0, ())]
    rows = list(zip(wanted, lines, strict=True))[:MAX_LINES_TRIED]
    for use_subtotal, use_discount in product((False, True), repeat=2):
        used = tuple(name for name, use in (("subtotal", use_subtotal), ("discount", use_discount)) if use)
        if any(name not in fields for name in used) or (
            not use_subtotal and not {"quantity", "unit_price"} <= fields.keys()
        ):
            continue
        gaps = [want - sum(line_sum(line, numbers, fields, used) for line in items) for want, items in rows]
        found.append((share(gaps), used))  # type: ignore[arg-type]
    return max(found, key=lambda one: (one[0], len(one[1])))


def line_sum(line: Any, numbers: Numbers, fields: dict[str, Column], used: tuple[str, ...]) -> float:
    """One line's amount."""
    values = {name: number(numbers, follow(line, column.steps)) for name, column in fields.items()}
    if "subtotal" in used:
        return values["subtotal"]
    return values["quantity"] * values["unit_price"] - (values["discount"] if "discount" in used else 0)


def amount(numbers: Numbers, column: Column | None, row: int) -> float:
    """A number of one record; 0 where there is none."""
    return 0.0 if column is None else number(numbers, column.values[row])


def number(numbers: Numbers, value: Any) -> float:
    """A number; 0 where there is none."""
    found = numbers.one(value)
    return 0.0 if found is None or found is WRONG else float(found)


def share(gaps: list[float]) -> float:
    """How many are nothing."""
    return sum(abs(gap) <= NEAR for gap in gaps) / max(len(gaps), 1)
