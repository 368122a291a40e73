"""The validation rules: one small function and one table row each.

A function gets a batch's tables and the user's settings and says which rows break the rule. A rule about
`line_items.` fields answers for the rows of `lines`, every other for the rows of `transactions`. A missing number
is NaN, and no comparison with NaN is true; texts are codes, and `batch.names` says what they stand for. The first
two rules, `required` and `type`, come with the reading.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from node.settings import Limits, Settings
from node.sums.tables import Batch

Mask = npt.NDArray[np.bool_]


def wrong_timestamp(batch: Batch, settings: Settings) -> Any:
    """A timestamp that is no RFC 3339 date and time."""
    return (batch.transactions["day"] == 0) & ~marked(batch, batch.missing.get("timestamp", []))


def no_line_items(batch: Batch, settings: Settings) -> Any:
    """An empty list of line items."""
    return (batch.transactions["line_count"] == 0) & ("line_items" not in settings.required.waive)


def wrong_unit_price(batch: Batch, settings: Settings) -> Any:
    """A negative price or one above the limit."""
    price = sized(batch, settings, "unit_price")
    return (price < 0) | (price > limit(batch, settings, "max_unit_price", lines=True))


def wrong_quantity(batch: Batch, settings: Settings) -> Any:
    """A quantity of nothing, less than nothing or above the limit."""
    quantity = sized(batch, settings, "quantity")
    return (quantity <= 0) | (quantity > limit(batch, settings, "max_quantity", lines=True))


def wrong_total(batch: Batch, settings: Settings) -> Any:
    """A total of nothing, less than nothing or above the limit, unless such totals are allowed."""
    total = batch.transactions["total"]
    size = total.abs() if settings.money.refunds else total
    nothing = size < 0 if settings.money.zero else size <= 0
    return nothing | (size > limit(batch, settings, "max_total"))


def negative_subtotal(batch: Batch, settings: Settings) -> Any:
    """A transaction's subtotal below 0."""
    return (batch.transactions["subtotal"] < 0) & ~are_refunds(batch, settings)


def negative_tax(batch: Batch, settings: Settings) -> Any:
    """A tax below 0."""
    return (batch.transactions["tax"] < 0) & ~are_refunds(batch, settings)


def other_currency(batch: Batch, settings: Settings) -> Any:
    """Another currency than the one that the rules file chooses."""
    allowed = [code for code, name in enumerate(batch.names["currency"]) if not code or name == settings.money.currency]
    return ~batch.transactions["currency"].isin(allowed) & bool(settings.money.currency)


def are_refunds(batch: Batch, settings: Settings) -> Mask:
    """Transactions that give money back, as far as the rules allow any: their amounts may be negative."""
    return np.asarray(batch.transactions["total"] < 0) & settings.money.refunds


def sized(batch: Batch, settings: Settings, name: str) -> Any:
    """A number of every line, a refund's without its sign."""
    values = batch.lines[name]
    if not settings.money.refunds:
        return values
    return values.where(~are_refunds(batch, settings)[batch.lines["transaction"]], values.abs())


def limit(batch: Batch, settings: Settings, name: str, lines: bool = False) -> Any:
    """A limit for all transactions or lines, or for each when currencies have their own."""
    if not settings.currency_limits:
        return getattr(settings.limits, name)
    currencies = [settings.money.currency, *batch.names["currency"][1:]]
    by_code = [getattr(limits_of(settings, code), name) for code in currencies]
    found = np.array(by_code, np.float64)[batch.transactions["currency"]]
    return found[batch.lines["transaction"]] if lines else found


def limits_of(settings: Settings, currency: str) -> Limits:
    """The limits for a currency."""
    return settings.currency_limits.get(currency, settings.limits)


@dataclass(frozen=True)
class Rule:
    """A rule's name (what the rules file switches off), the field it is about, and its function."""

    name: str
    field: str
    breaks: Callable[[Batch, Settings], Any]


RULES = (
    Rule("timestamp", "timestamp", wrong_timestamp),
    Rule("line_items", "line_items", no_line_items),
    Rule("unit_price", "line_items.unit_price", wrong_unit_price),
    Rule("quantity", "line_items.quantity", wrong_quantity),
    Rule("total", "total", wrong_total),
    Rule("subtotal", "subtotal", negative_subtotal),
    Rule("tax", "tax", negative_tax),
    Rule("currency", "currency", other_currency),
)

RULE_NAMES = ("required", "type", *(rule.name for rule in RULES))


@dataclass(frozen=True)
class Finding:
    """Which transactions break a rule in one field."""

    rule: str
    field: str
    rows: Mask


def find_errors(batch: Batch, settings: Settings) -> list[Finding]:
    """Every rule that is on and broken by at least one transaction, field by field."""
    findings = [*missing_fields(batch, settings), *wrong_types(batch), *broken_rules(batch, settings)]
    return [finding for finding in findings if finding.rows.any() and finding.rule not in settings.rules.off]


def broken_rules(batch: Batch, settings: Settings) -> Iterator[Finding]:
    """The table's rules."""
    for rule in RULES:
        rows = np.asarray(rule.breaks(batch, settings), np.bool_)
        yield Finding(rule.name, rule.field, of_transactions(batch, rule.field, rows))


def wrong_types(batch: Batch) -> Iterator[Finding]:
    """What the reading found to be of a wrong type, or no number that counts."""
    for name, rows in batch.wrong.items():
        yield Finding("type", name, marked(batch, rows))


def missing_fields(batch: Batch, settings: Settings) -> Iterator[Finding]:
    """Required fields that are not there, null or empty; a part of a wrong type is not missing too."""
    for name in settings.required.fields():
        rows = missing(batch, name) & ~marked(batch, batch.present.get(name, []))
        for wrong, excused in batch.wrong.items():
            if wrong == "transaction" or wrong == name or name.startswith(f"{wrong}."):
                rows = rows & ~marked(batch, excused)
        yield Finding("required", name, rows)


def missing(batch: Batch, name: str) -> Mask:
    """Transactions without a field, or with a line without it."""
    if name == "line_items":
        return np.asarray(batch.transactions["line_count"] < 0)
    line_field = name.removeprefix("line_items.")
    if line_field != name and line_field in batch.lines:
        return of_transactions(batch, name, absent(batch.lines[line_field]))
    if name in batch.transactions:
        return absent(batch.transactions[name])
    if name in ("transaction_id", "timestamp", "customer.email"):
        return marked(batch, batch.missing.get(name, []))
    lacking = ~marked(batch, batch.present.get(name, []))
    return lacking & np.asarray(batch.transactions["line_count"] > 0) if line_field != name else lacking


def absent(column: Any) -> Mask:
    """Where a column has no value: NaN among numbers, code 0 among texts."""
    return np.asarray(column.isna() if column.dtype == np.float64 else column == 0)


def of_transactions(batch: Batch, name: str, rows: Mask) -> Mask:
    """A mask of transactions from one of the field's own table."""
    if not name.startswith("line_items."):
        return rows
    return marked(batch, batch.lines["transaction"].to_numpy()[rows])


def marked(batch: Batch, rows: Any) -> Mask:
    """A mask of transactions, true at the given rows."""
    mask = np.zeros(len(batch.transactions), np.bool_)
    mask[np.asarray(rows, np.int64)] = True
    return mask
