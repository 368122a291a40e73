"""Numbers of other layouts: in texts with marks, and money in minor units, which have digits by currency (ISO 4217)."""

import re
from collections.abc import Sequence
from math import isnan
from types import NoneType
from typing import Any

from node.contract import MAX_NUMBER
from node.mapping.file import Units

NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
DIGITS = dict.fromkeys(NO_DIGITS.split(), 0) | dict.fromkeys(THREE_DIGITS.split(), 3) | {"CLF": 4, "UYW": 4}
USUAL_DIGITS = 2
# No words like nan, no underscores, no digits of other scripts: all of which float() reads.
PLAIN_TEXTS = re.compile(r"[-+0-9.eE\n]*")
WRONG = object()  # stands for a value that is no number


class Numbers:
    """Reads columns of numbers as these units write them."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.plain = units.thousands == "" and units.decimal == "."
        mark = "[ \u00a0\u202f]" if units.thousands == " " else re.escape(units.thousands)
        grouped = rf"[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}" if mark else "[0-9]+"
        decimal = rf"(?:{re.escape(units.decimal)}[0-9]+)?"
        self.mark = re.compile(mark)
        self.form = re.compile(rf"\s*([-+]?)\s*((?:{grouped}|[0-9]+){decimal}|{re.escape(units.decimal)}[0-9]+)\s*")

    def column(self, values: list[Any]) -> list[Any]:
        """Floats, None for what is missing, and WRONG for what is no number of at most 10^12."""
        kinds = set(map(type, values))
        if NoneType in kinds:
            if len(kinds) == 1:
                return values
            found = iter(self.column([value for value in values if value is not None]))
            return [None if value is None else next(found) for value in values]
        if kinds <= {int, float}:
            return values if within(values) else [self.one(value) for value in values]
        if self.plain and kinds == {str} and PLAIN_TEXTS.fullmatch("\n".join(values)):
            try:
                numbers: list[Any] = list(map(float, values))
            except ValueError:
                pass
            else:
                return numbers if within(numbers) else [sized(value) for value in numbers]
        return [self.one(value) for value in values]

    def one(self, value: Any) -> Any:
        """One value."""
        if value is None or value == "":
            return None
        if type(value) in (int, float):
            return sized(value)
        return sized(self.from_text(value)) if isinstance(value, str) else WRONG

    def from_text(self, text: str) -> Any:
        """A number from a text; a mark that does not stand before three digits is no mark of thousands."""
        match = self.form.fullmatch(text)
        if match is None:
            exponent = self.plain and PLAIN_TEXTS.fullmatch(text.strip())
            try:
                return float(text) if exponent else WRONG
            except ValueError:
                return WRONG
        digits = self.mark.sub("", match[2]) if self.units.thousands else match[2]
        return float(match[1] + digits.replace(self.units.decimal, "."))


def within(values: Sequence[float]) -> bool:
    """True when all are finite and not too large."""
    return not values or (min(values) >= -MAX_NUMBER and max(values) <= MAX_NUMBER and not isnan(sum(values)))


def sized(value: Any) -> Any:
    """A number when its size is allowed."""
    return value if value is None or value is WRONG or abs(value) <= MAX_NUMBER else WRONG


def major_units(values: list[Any], currencies: Sequence[str | None]) -> list[Any]:
    """Amounts in minor units as amounts in currency units; the quotient is the float nearest to the decimal."""
    if len(set(currencies)) == 1:
        divisor = divisor_of(currencies[0])
        return values if divisor == 1 else [value / divisor if is_number(value) else value for value in values]
    return [
        value / divisor_of(currency) if is_number(value) else value
        for value, currency in zip(values, currencies, strict=True)
    ]


def divisor_of(currency: str | None) -> int:
    """How many minor units make one of a currency."""
    return int(10 ** DIGITS.get(currency or "", USUAL_DIGITS))


def is_number(value: Any) -> bool:
    """True for a value that was read."""
    return value is not None and value is not WRONG
