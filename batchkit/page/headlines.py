"""The five figures that stand first, each with its change against the previous run over data of the same name."""

from __future__ import annotations

from dataclasses import dataclass

from batchkit.page import words
from batchkit.page.reading import Found


@dataclass(frozen=True)
class Headline:
    """A figure: what it is called, how it is written, what stands beside it, and its change, "" where there is none."""

    name: str
    value: str
    note: str = ""
    change: str = ""


def headlines(run: Found, before: Found | None) -> list[Headline]:
    """Revenue, orders, average order, customers who come back, and what the rules exclude."""
    if not run.summary.get("analytics"):
        return []
    return [
        _revenue(run, before),
        _orders(run, before),
        _average(run, before),
        _valid(run, before),
        _excluded(run, before),
    ]


def _against(run: Found, before: Found | None, *path: str) -> str:
    return words.change(run.number(*path), before.number(*path)) if before else ""


def _in_same_money(run: Found, before: Found | None) -> Found | None:
    """The run before, where its sums are of the same currencies; None else: euros are no change of dollars."""
    return before if before is not None and set(before.currencies) == set(run.currencies) else None


def _revenue(run: Found, before: Found | None) -> Headline:
    change = _against(run, _in_same_money(run, before), "analytics", "summary", "total_revenue")
    return Headline("Revenue", words.all_money(run.currencies, run.revenue), words.period(list(run.days)), change)


def _orders(run: Found, before: Found | None) -> Headline:
    path = ("analytics", "summary", "completed_transactions")
    return Headline("Orders that count", words.count(run.number(*path)), "", _against(run, before, *path))


def _average(run: Found, before: Found | None) -> Headline:
    path = ("analytics", "summary", "average_order_value")
    median = run.number("analytics", "order_value", "median")
    note = f"half are below about {words.money(median, run.currencies)}" if median else ""
    change = _against(run, _in_same_money(run, before), *path)
    return Headline("Average order", words.money(run.number(*path), run.currencies), note, change)


def _valid(run: Found, before: Found | None) -> Headline:
    total = run.number("validation", "total_transactions")
    note = f"of {words.count(total, 'transaction')}" if total is not None else ""
    share = _valid_share(run)
    return Headline("Valid", words.percent(share), note, words.points(share, _valid_share(before) if before else None))


def _valid_share(run: Found) -> float | None:
    found, total = run.number("validation", "valid_transactions"), run.number("validation", "total_transactions")
    return found / total if found is not None and total else None


def _excluded(run: Found, before: Found | None) -> Headline:
    part, money = run.excluded, run.revenue
    whole = (part or 0) + (money or 0)
    share = (
        f"{words.percent(part / whole)} of what is reported"
        if part and part > 0 and money is not None and whole > 0
        else ""
    )
    change = _against(run, _in_same_money(run, before), "validation", "invalid_amount")
    return Headline("Excluded by the rules", words.money(part, run.currencies), share, change)
