"""Tables and figures for a notebook's cells: what comes from data is text, short, and never a false claim.

`show` is a table as people read it; `largest` finds what a title may say, and says nothing where nothing leads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from batchkit.charts.canvas import Unit, name_of, say
from batchkit.text import plain

_TEXT_LIMIT = 200  # characters of a cell
_NAMELESS = "Unknown"  # the report's word for money whose currency is not named
_NAME_LIMIT = 60  # characters of a name in a title


@dataclass(frozen=True)
class Largest:
    """The one row that leads, as titles say it: its name, and its share of the sum, cut to a thousandth.

    False when nothing leads; the share is NaN then, and where a row is below 0.
    """

    name: Any = None
    share: float = math.nan

    def __bool__(self) -> bool:
        return self.name is not None

    def __format__(self, how: str) -> str:
        return format(self.name if how else name_of(self.name, _NAME_LIMIT), how)

    @property
    def names(self) -> list[str]:
        """What a chart highlights: the name, or nothing."""
        return [str(self.name)] if self else []


class Shown:
    """A table that is shown without its index, its texts as text, in HTML and in a terminal."""

    def __init__(self, frame: pd.DataFrame, more: int) -> None:
        self._frame = frame
        self._more = f"and {more:,} more" if more else ""

    def _repr_html_(self) -> str:
        # Only columns in their own order and no style: a Styler would pass a name's markup on as it is.
        if self._frame.empty:
            return "<p>none</p>"
        html = self._frame.to_html(index=False, escape=True, border=0, justify="left", na_rep="")
        return f"{html}\n<p>{escape(self._more)}</p>" if self._more else str(html)

    def __repr__(self) -> str:
        if self._frame.empty:
            return "none"
        return "\n".join(filter(None, [self._frame.to_string(index=False, na_rep=""), self._more]))


def show(frame: pd.DataFrame, rows: int = 20) -> Shown:
    """Show the first `rows` of a table and how many more there are; every cell as one short line of text."""
    head = frame.head(rows)
    texts = {column: [_text(value) for value in head[column]] for column in head.columns}
    return Shown(pd.DataFrame(texts, columns=head.columns, dtype=object), len(frame) - len(head))


def largest(frame: pd.DataFrame, name: str, value: str) -> Largest:
    """Find the row with the largest value; none leads when there is none above 0, or when several share the place."""
    values = pd.to_numeric(frame[value], errors="coerce").dropna()
    first = values[values == values.max()]
    if len(first) != 1 or not first.iloc[0] > 0:
        return Largest()
    share = math.nan if (values < 0).any() else math.floor(1000 * (first.iloc[0] / values.sum()) + 1e-6) / 1000
    return Largest(frame[name].loc[first.index[0]], share)


def amount(value: float | None, by_currency: Mapping[str, float] | None = None) -> str:
    """Write an exact sum of money, in the currency that all of it is in; where there is no one sum, say so."""
    currencies = dict(by_currency or {})
    if value is not None and not pd.isna(value):
        return _in(value, _only(currencies))
    return "no one sum: several currencies" if len(currencies) > 1 else "none"


def sums(by_currency: Mapping[str, float]) -> str:
    """Write the sum of each currency, the largest first as they come."""
    return ", ".join(_in(value, code) for code, value in by_currency.items())


def unit(by_currency: Mapping[str, float] | None) -> Unit:
    """How a chart writes money: in dollars, with another currency's code, or plain where no currency is named."""
    code = _only(dict(by_currency or {}))
    return "money" if code == "USD" else lambda value: f"{say(value, 'count')} {code}".rstrip()


def _in(value: float, code: str) -> str:
    if code == "USD":
        return f"${value:,.2f}".replace("$-", "\u2212$")
    return f"{value:,.2f} {'' if code == _NAMELESS else code}".rstrip()


def _only(currencies: Mapping[str, float]) -> str:
    """The one currency that all money is in; "" where there are several, or none is named."""
    named = [code for code in currencies if code != _NAMELESS]
    return named[0] if len(named) == len(currencies) == 1 else ""


def _text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    return plain(value, _TEXT_LIMIT)
