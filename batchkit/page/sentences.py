"""What a person would say about the figures, computed: each sentence is true of the data, or is not there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from batchkit.page import words
from batchkit.page.reading import Found
from batchkit.text import plain

MOST = 5
_RULES = {
    "quantity": "a quantity out of its limits",
    "unit_price": "a price out of its limits",
    "total": "a total out of its limits",
    "customer": "no customer",
    "currency": "another currency",
}
_FEW_DAYS, _FEW_CUSTOMERS = 14, 10


def sentences(run: Found) -> list[str]:
    """Three to five sentences, as far as there are as many true ones."""
    found = (make(run) for make in _ALL)
    return [text for text in found if text][:MOST]


def _category(run: Found) -> str:
    found = {name: value for name, value in run.part("analytics", "revenue_by_category").items() if value > 0}
    if len(found) < 2 or any(v < 0 for v in run.part("analytics", "revenue_by_category").values()):
        return ""
    (name, first), (_, second) = sorted(found.items(), key=lambda item: -item[1])[:2]
    whole = sum(found.values())
    return f"{plain(name, 60)} leads with {words.percent(first / whole)} of the lines' sum." if first > second else ""


def _best_day(run: Found) -> str:
    days = {day: value for day, value in run.days.items() if value > 0}
    if len(days) < 2:
        return ""
    best = max(days, key=lambda day: days[day])
    if list(days.values()).count(days[best]) > 1:
        return ""
    try:
        weekday = f"{date.fromisoformat(best):%A} "
    except ValueError:
        weekday = ""
    return f"The best day was {weekday}{words.day(best)} with {words.money(days[best], run.currencies)}."


def _halves(run: Found) -> str:
    """The second half of the days against the first, where there are enough of them to say so."""
    days = sorted(run.days)
    if len(days) < _FEW_DAYS or len(run.currencies) > 1:
        return ""
    half = len(days) // 2
    first, last = (sum(run.days[day] for day in part) for part in (days[:half], days[-half:]))
    if first <= 0 or last == first:
        return ""
    word = "more" if last > first else "less"
    share = words.percent(abs(last - first) / first)
    return f"The last {half:,} days with orders brought {share} {word} than the first {half:,}."


def _customers(run: Found) -> str:
    points = run.rows("analytics", "customer_pareto")
    if not points:
        return ""
    tenth = next((point for point in points if point["customers_percent"] == 10), None)
    everyone = points[-1]["customers"]
    if tenth is None or everyone < _FEW_CUSTOMERS or len(run.currencies) > 1:
        return ""
    share = words.percent(tenth["revenue_percent"] / 100)
    first = words.count(tenth["customers"], "best customer")
    return f"The {first} of {everyone:,} bring {share} of the revenue."


def _repeat(run: Found) -> str:
    everyone, again = (run.number("analytics", "repeat", name) for name in ("customers", "repeat_customers"))
    if not everyone or again is None or everyone < _FEW_CUSTOMERS:
        return ""
    return f"{words.percent(again / everyone)} of the customers ordered more than once."


def _excluded(run: Found) -> str:
    counts = run.part("validation", "error_counts")
    amounts = run.part("validation", "error_amounts")
    if not counts or not run.excluded or run.excluded < 0:
        return ""
    text = f"The rules exclude {words.money(run.excluded, run.currencies)}"
    rule = max(amounts or {}, key=lambda name: amounts[name], default="")
    if not rule or amounts[rule] <= run.excluded / 2:
        return f"{text}."
    why = _RULES.get(rule, f"the rule {plain(rule, 40)}")
    return f"{text}, most of it for {why}, in {words.count(counts.get(rule), 'transaction')}."


_ALL: tuple[Callable[[Found], str], ...] = (_category, _best_day, _halves, _customers, _excluded, _repeat)
