"""Columns of our fields out of many records: the first path that gives something, and its value as ours.

What cannot be a value of a field's kind becomes WRONG, which `Sheet.settle` names.
"""

from collections.abc import Callable, Collection
from typing import Any

from msgspec import Struct

from node.mapping.decoding import Getter
from node.mapping.file import LINE, Scalar
from node.mapping.numbers import WRONG
from node.mapping.words import wrong_type

IDS = ("transaction_id", "customer.customer_id", "line_items.product_id")
MONEY = ("subtotal", "tax", "shipping_cost", "total", "line_items.unit_price", "line_items.discount",
         "line_items.subtotal")  # fmt: skip
NUMBERS = (*MONEY, "line_items.quantity")
EXACT = 2**53  # whole floats below this are exact


class Sheet(Struct):
    """Some records as columns of our fields, None for what is missing.

    Attributes:
        size: how many transactions there are.
        columns: dotted name -> a value for each transaction, or for each line.
        line_counts: lines of each transaction, -1 without a list.
        wrong: what has a wrong type: the field, the transaction's row, and what is wrong.
        filled: amount of transactions -> rows that have it from a constant.
        excused: dotted name -> rows of transactions that need not have it.
    """

    size: int
    columns: dict[str, list[Any]] = {}
    line_counts: list[int] = []
    wrong: list[tuple[str, int, str]] = []
    excused: dict[str, list[int]] = {}
    filled: dict[str, list[int]] = {}

    def settle(self, name: str, values: list[Any], raw: list[Any], constant: Scalar | None = None) -> None:
        """Keep a column; what is WRONG is named and missing, and what is missing may have a constant."""
        if WRONG in values:
            owners = self.owners() if name.startswith(LINE) else range(self.size)
            self.wrong += [
                (name, owners[at], wrong_type(name, raw[at])) for at, value in enumerate(values) if value is WRONG
            ]
            values = [None if value is WRONG else value for value in values]
        elif constant is not None and None in values:
            if name in ("tax", "shipping_cost"):
                self.filled[name] = [row for row, value in enumerate(values) if value is None]
            values = [constant if value is None else value for value in values]
        self.columns[name] = values

    def owners(self) -> list[int]:
        """The row of each line's transaction."""
        return [row for row, count in enumerate(self.line_counts) for _ in range(count)]


class Field:
    """Where one of our fields lies.

    Attributes:
        nothing: values that stand for none, beside null, empty texts and what pandas and Odoo write for nothing.
    """

    def __init__(self, name: str, getters: list[Getter], nothing: Collection[str] = ()) -> None:
        self.name = name
        self.getters = getters
        self.nothing = nothing
        self.is_number = name in NUMBERS
        self.empty = frozenset(("", *nothing, *(int(one) for one in nothing if one.isdigit() and str(int(one)) == one)))
        self.plain = {str, int, type(None), *([float] if name in NUMBERS else [])}
        self.falsy = name not in NUMBERS and name != "status"

    def column(self, records: list[Any]) -> list[Any]:
        """The first value of its paths that is there, for each record."""
        if not self.getters:
            return [None] * len(records)
        values = self.getters[0].column(records)
        if self.is_number and len(self.getters) == 1:
            return values  # which the numbers look at themselves
        values = self.something(values)
        for getter in self.getters[1:]:
            if None not in values:
                break
            rows = [at for at, value in enumerate(values) if value is None]
            for at, value in zip(rows, self.something(getter.column([records[at] for at in rows])), strict=True):
                values[at] = value
        return values

    def something(self, values: list[Any]) -> list[Any]:
        """Values, with None for those that stand for nothing."""
        if set(map(type, values)) <= self.plain:
            return values if self.empty.isdisjoint(values) else [None if one in self.empty else one for one in values]
        return [None if self.is_nothing(value) else value for value in values]

    def is_nothing(self, value: Any) -> bool:
        """True for null, an empty text, false or NaN where a text should be, and ids that stand for nobody."""
        if value is None or value == "":
            return True
        if self.falsy and (value is False or value != value):
            return True
        return bool(self.nothing) and type(value) in (str, int, float) and id_text(value) in self.nothing


def id_text(value: Any) -> str:
    """An id as text; a whole float is a whole number."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def ids(values: list[Any]) -> list[Any]:
    """Ids: texts and whole numbers."""
    if set(map(type, values)) <= {str, int, type(None)}:
        return values
    return [one_id(value) for value in values]


def one_id(value: Any) -> Any:
    """One id; a float beyond the whole numbers that it can tell apart is none."""
    if value is None or type(value) in (str, int):
        return value
    whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    return int(value) if whole else str(value) if isinstance(value, str) else WRONG


def texts(values: list[Any]) -> list[Any]:
    """Texts; a whole number or a truth value is its text."""
    if set(map(type, values)) <= {str, type(None)}:
        return values
    return [one_text(value) for value in values]


def one_text(value: Any) -> Any:
    """One text."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return str(value).lower()
    found = one_id(value)
    return found if found is WRONG else str(found)


def upper_texts(values: list[Any]) -> list[Any]:
    """Texts in capitals: currencies."""
    return [value.upper() if isinstance(value, str) else value for value in texts(values)]


def kind_of_field(name: str) -> Callable[[list[Any]], list[Any]]:
    """What makes our values of a field that is no number and no time."""
    if name in IDS:
        return ids
    return upper_texts if name == "currency" else texts
