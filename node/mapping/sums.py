"""What is not mapped follows from what is: a line's subtotal, the lines' sum, the total, exact to the cent.

A sum of floats is kept where it cannot matter; close to half a cent it is worked out again in decimals, each number as
it is written, so that it is rounded once, like every other amount.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import fsum
from typing import Any

NEAR_TIE = 0.01
LARGE = 1e9
DIGITS = 9  # 3 * 0.1 is 0.3 again
Factors = tuple[float, float, float]  # of a line: quantity, unit price, discount


def line_subtotals(quantities: list[Any], prices: list[Any], discounts: list[Any]) -> list[Any]:
    """Quantity times unit price, less the discount, of each line that has them."""
    rows = list(zip(quantities, prices, discounts, strict=True))
    found = [None if q is None or p is None else round(q * p - (d or 0.0), DIGITS) for q, p, d in rows]
    doubtful = [
        at
        for at, value in enumerate(found)
        if value is not None and ((cents := abs(value) * 100) >= LARGE or abs(cents % 1 - 0.5) <= NEAR_TIE)
    ]
    for at in doubtful:
        quantity, price, discount = rows[at]
        found[at] = settled(0.005, [(quantity, price, discount or 0.0)], ())
    return found


def is_doubtful(value: float) -> bool:
    """True where half a cent might be decided by a rounding."""
    cents = abs(value) * 100
    return cents >= LARGE or abs(cents % 1 - 0.5) <= NEAR_TIE


def added(amounts: Sequence[float], lines: Sequence[Factors] = ()) -> float:
    """A sum of amounts and of lines."""
    return settled(fsum([*amounts, *(q * p - d for q, p, d in lines)]), lines, amounts)


def settled(value: float, lines: Sequence[Factors], amounts: Sequence[float]) -> float:
    """A sum, or the float nearest to the exact one where half a cent might be decided by a rounding."""
    if not is_doubtful(value):
        return round(value, DIGITS)
    exact = sum((decimal(q) * decimal(p) - decimal(d) for q, p, d in lines), Decimal(0))
    return float(exact + sum(map(decimal, amounts), Decimal(0)))


def decimal(value: float) -> Decimal:
    """A number as it is written."""
    return Decimal(repr(value))


def filled(values: list[Any], derived: list[Any]) -> list[Any]:
    """Values, and what was worked out where there is none."""
    return [other if value is None else value for value, other in zip(values, derived, strict=True)]
