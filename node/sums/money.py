"""Numbers as exact integers: money in cents, quantities in thousandths.

A float is read as its shortest decimal (what the file's author wrote) and rounded once, ties to even. Sums of
integers do not depend on their order, which is why any split of a data set merges to the same report.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Above this size a float holds no decimals worth a doubt, and below it the product is off by less than 2e-3.
FAST_LIMIT = 1e11
NEAR_TIE = 0.01


def to_units(values: Floats, units: int) -> Integers:
    """Round to whole 1/units (100: cents) of the shortest decimal, ties to even; missing (NaN) is 0.

    The product is off by a few units in its last place, so only values near a tie need decimal arithmetic.
    """
    scaled = np.nan_to_num(values * units, copy=False)
    rounded = np.rint(scaled)
    doubtful = (np.abs(scaled - rounded) > 0.5 - NEAR_TIE) | (np.abs(scaled) > FAST_LIMIT)
    result = rounded.astype(np.int64)
    if doubtful.any():
        result[doubtful] = [decimal_units(value, units) for value in values[doubtful].tolist()]
    return result


def decimal_units(value: float, units: int) -> int:
    """The exact rule for one value: shortest decimal, times units, nearest whole number, ties to even."""
    if value != value:
        return 0
    return int((Decimal(repr(value)) * units).to_integral_value(ROUND_HALF_EVEN))


def to_cents(values: Floats) -> Integers:
    """Whole cents of amounts in currency units."""
    return to_units(values, 100)


def to_thousandths(values: Floats) -> Integers:
    """Whole thousandths of quantities."""
    return to_units(values, 1000)


def from_units(total: int, units: int) -> float:
    """Back to a float for the report: the nearest one to the exact quotient."""
    return total / units


def average_cents(total: int, count: int) -> int:
    """Mean in whole cents, ties to even; 0 of nothing."""
    if count == 0:
        return 0
    quotient, rest = divmod(total, count)
    return quotient + (2 * rest > count or (2 * rest == count and quotient % 2 == 1))
