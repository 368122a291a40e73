"""Numbers as people read them, in one format everywhere on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from batchkit.tables import amount, sums

NOTHING = "\u2013"  # where there is no figure
_MINUS = "\u2212"


def money(value: float | None, currencies: Mapping[str, float] | None) -> str:
    """A sum of money, in the currency that all of it is in; a dash where there is no one sum."""
    if value is None or _is_nan(value):
        return NOTHING
    return amount(value, currencies)


def all_money(currencies: Mapping[str, float] | None, value: float | None) -> str:
    """The whole revenue: a sum for each currency where there are several."""
    found = dict(currencies or {})
    return sums(found) if len(found) > 1 else money(value, found)


def count(value: float | None, noun: str = "", plural: str = "") -> str:
    """A number, with its noun in the right form: "1 machine", "2 machines"."""
    if value is None or _is_nan(value):
        return NOTHING
    said = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    said = said.replace("-", _MINUS)
    return f"{said} {noun if value == 1 else plural or noun + 's'}" if noun else said


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 in percent, never rounded up to all or down to nothing."""
    if share is None or _is_nan(share):
        return NOTHING
    value = 100 * share
    least = 10**-digits
    if 0 < value < least:
        return f"under {least:g}%"
    if 100 - least < value < 100:
        return f"over {100 - least:.{digits}f}%"
    return f"{value:.{digits}f}%".replace("-", _MINUS)


def change(now: float | None, before: float | None) -> str:
    """How a figure has changed, as "+3.2%"; "" where there is nothing to compare with."""
    if now is None or before is None or _is_nan(now) or _is_nan(before) or before == 0:
        return ""
    share = (now - before) / abs(before)
    if share == 0:
        return "no change"
    if abs(share) < 0.0005:
        return "under 0.1%"
    return f"{'+' if share > 0 else _MINUS}{abs(share) * 100:,.1f}%"


def points(now: float | None, before: float | None) -> str:
    """How a share of 1 has changed, in percentage points; "" where there is nothing to compare with."""
    if now is None or before is None or _is_nan(now) or _is_nan(before):
        return ""
    by = 100 * (now - before)
    if by == 0:
        return "no change"
    if abs(by) < 0.05:
        return "under 0.1 points"
    return f"{'+' if by > 0 else _MINUS}{abs(by):.1f} points"


def day(text: str) -> str:
    """A date as written, 2017-03-05, in words: 5 March 2017."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.day} {found:%B} {found.year}"


def period(days: list[str]) -> str:
    """The first and the last of some days, in words; "" for none."""
    if not days:
        return ""
    first, last = min(days), max(days)
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def moment(text: str | None) -> str:
    """A time of run.json in words, in UTC."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text or NOTHING)
    return f"{found.day} {found:%B} {found.year}, {found:%H:%M} UTC"


def instant(text: str | None) -> float | None:
    """A time of run.json in seconds since 1970, by which times sort; None where there is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def duration(first: str | None, last: str | None) -> str:
    """How long it took from one time to another; a dash where one is missing."""
    try:
        seconds = (datetime.fromisoformat(str(last)) - datetime.fromisoformat(str(first))).total_seconds()
    except (TypeError, ValueError):
        return NOTHING
    return span(seconds)


def span(seconds: float) -> str:
    """A length of time: "54 s", "3 min 5 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def size(value: float) -> str:
    """Bytes as people say them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
