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


def line_subtotal(factors: Factors) -> float:
    """Quantity times unit price, less the discount."""
    quantity, price, discount = factors
    return settled(quantity * price - discount, [factors], ())


def added(amounts: Sequence[float], lines: Sequence[Factors] = ()) -> float:
    """A sum of amounts and of lines."""
    return settled(fsum([*amounts, *(q * p - d for q, p, d in lines)]), lines, amounts)


def settled(value: float, lines: Sequence[Factors], amounts: Sequence[float]) -> float:
    """A sum, or the float nearest to the exact one where half a cent might be decided by a rounding."""
    cents = abs(value) * 100
    if cents < LARGE and abs(cents % 1 - 0.5) > NEAR_TIE:
        return round(value, DIGITS)
    exact = sum((decimal(q) * decimal(p) - decimal(d) for q, p, d in lines), Decimal(0))
    return float(exact + sum(map(decimal, amounts), Decimal(0)))


def decimal(value: float) -> Decimal:
    """A number as it is written."""
    return Decimal(repr(value))


def filled(values: list[Any], derived: list[Any]) -> list[Any]:
    """Values, and what was worked out where there is none."""
    return [other if value is None else value for value, other in zip(values, derived, strict=True)]
