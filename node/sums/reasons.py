"""Why a transaction breaks a rule, in words: the field, its value (cut) and the limit; a person's data never."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from node.mapping.words import plain_number, shown
from node.settings import Settings
from node.sums.rules import are_refunds, limits_of
from node.sums.tables import Batch

Reason = Callable[["Reasons", int], str]


class Reasons:
    """Words for what the rules found in a batch."""

    def __init__(self, batch: Batch, settings: Settings) -> None:
        self.batch = batch
        self.settings = settings
        self.ends = np.cumsum(np.maximum(batch.transactions["line_count"].to_numpy(), 0))

    def text(self, rule: str, field: str, row: int) -> str:
        """One error of a transaction: the rule is named where the field's name does not say it."""
        said = self.batch.said.get(field, {}).get(row) if rule == "type" else None
        if said is not None:
            return f"{rule}: {field}: {said}"
        explain = EXPLAIN.get(rule)
        return f"{field}: {explain(self, row)}" if explain else f"{rule}: {field}"

    def value(self, name: str, row: int) -> float:
        """A number of a transaction."""
        return float(self.batch.transactions[name].to_numpy()[row])

    def lines(self, name: str, row: int) -> list[float]:
        """A number of each of a transaction's lines."""
        end = int(self.ends[row])
        start = end - max(int(self.batch.transactions["line_count"].to_numpy()[row]), 0)
        found: list[float] = self.batch.lines[name].to_numpy()[start:end].tolist()
        return found

    def limit(self, name: str, row: int) -> float:
        """A limit, of the transaction's currency when it has its own."""
        code = int(self.batch.transactions["currency"].to_numpy()[row])
        currency = self.batch.names["currency"][code] if code else self.settings.money.currency
        return float(getattr(limits_of(self.settings, currency), name))

    def is_refund(self, row: int) -> bool:
        """True for a transaction that gives money back, where the rules allow it."""
        return bool(are_refunds(self.batch, self.settings)[row])


def total(reasons: Reasons, row: int) -> str:
    """A total out of bounds."""
    value, largest = reasons.value("total", row), reasons.limit("max_total", row)
    size = abs(value) if reasons.settings.money.refunds else value
    if size > largest:
        return f"{plain_number(value)} {'>' if value > 0 else '< -'} max_total {plain_number(largest)}"
    return f"{plain_number(value)} {'< 0' if reasons.settings.money.zero else 'is not above 0'}"


def of_lines(name: str, row_limit: str, zero: bool, reasons: Reasons, row: int) -> str:
    """The first line with a number out of bounds; `zero` says that nothing is none."""
    largest = reasons.limit(row_limit, row)
    for value in reasons.lines(name, row):
        size = abs(value) if reasons.is_refund(row) else value
        if size > largest:
            return f"{plain_number(value)} > {row_limit} {plain_number(largest)}"
        if size < 0 or (size == 0 and not zero):
            return f"{plain_number(value)} {'< 0' if zero else 'is not above 0'}"
    return "out of bounds"


def below_zero(name: str, reasons: Reasons, row: int) -> str:
    """A negative amount."""
    return f"{plain_number(reasons.value(name, row))} < 0"


def timestamp(reasons: Reasons, row: int) -> str:
    """A text that is no timestamp."""
    return f"text {shown(reasons.batch.timestamps[row])}, expected a date and time like 2025-01-17T14:30:22Z"


def currency(reasons: Reasons, row: int) -> str:
    """Another currency than the chosen one."""
    code = int(reasons.batch.transactions["currency"].to_numpy()[row])
    return f"{shown(reasons.batch.names['currency'][code])}, expected {shown(reasons.settings.money.currency)}"


def no_lines(reasons: Reasons, row: int) -> str:
    """An empty list."""
    return "an empty list"


EXPLAIN: dict[str, Reason] = {
    "timestamp": timestamp,
    "line_items": no_lines,
    "unit_price": partial(of_lines, "unit_price", "max_unit_price", True),
    "quantity": partial(of_lines, "quantity", "max_quantity", False),
    "total": total,
    "subtotal": partial(below_zero, "subtotal"),
    "tax": partial(below_zero, "tax"),
    "currency": currency,
}


def first_rows(rows: Any, ids: Any, count: int) -> list[int]:
    """The rows whose ids are the first in order, all of those with the last such id too."""
    if len(rows) <= count:
        return list(rows)
    ranked = sorted(ids[row] for row in rows)
    last = ranked[count - 1]
    return [row for row in rows if ids[row] <= last]
