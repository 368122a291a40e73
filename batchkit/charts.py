"""Charts of any tidy DataFrame or Series; nothing here knows what the numbers mean.

Every function draws on `ax`, or on a new figure of its own, and returns the Axes; the caller closes the figure.
A Series is its index against its values; of a DataFrame the first columns are taken unless others are named.
Rows without a usable number are left out, and a table without rows becomes a calm note, never an error.
Names and titles are text: a `$` in one is a dollar. Colours, fonts and grid come from the matplotlib style in use.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from math import ceil
from textwrap import fill
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

Table: TypeAlias = "pd.DataFrame | pd.Series[Any]"
Column: TypeAlias = "pd.Series[Any]"
Unit = Literal["count", "money", "percent"] | Callable[[float], str]
Floats = NDArray[np.float64]

_INK, _MUTED, _PALE = "#22303c", "#5f6b76", "#c3ccd5"
_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def bars(
    frame: Table,
    x: str | None = None,
    y: str | None = None,
    *,
    unit: Unit = "count",
    top: int | None = None,
    share: bool = False,
    highlight: Collection[object] = (),
    title: str = "",
    xlabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Horizontal bars of y for each name in x, the largest first; beyond `top`, the rest is one grey bar."""
    data = _table(frame, x=x, y=y).sort_values("y", ascending=False, kind="stable")
    names, values = _keep_top([_name(n) for n in data["x"]], data["y"].to_numpy(), top)
    ax = _canvas(ax, title, 0.9 + 0.3 * max(len(names), 3), xlabel)
    if not names:
        return _nothing(ax)
    total = float(values.sum())
    labels = [_say(v, unit) + (f"  {_say(v / total, 'percent')}" if share and total else "") for v in values]
    colors = [_PALE if i >= len(data) else c for i, c in enumerate(_shades(data["x"], highlight))]
    colors = [*colors[: len(names)]]
    if len(names) < len(data) or (top is not None and len(names) > top):
        colors[-1] = _PALE
    drawn = ax.barh(range(len(names)), values, color=colors, height=0.74)
    ax.bar_label(drawn, labels, padding=4, fontsize="small", color=_MUTED, parse_math=False)
    _name_ticks(ax.yaxis, names, 34)
    ax.set(ylim=(len(names) - 0.4, -0.6))
    return _hide(ax, "x")
