"""Charts of any tidy DataFrame or Series; nothing here knows what the numbers mean.

Every function draws on `ax`, or on a new figure of its own, and returns the Axes; the caller closes the figure.
A Series is its index against its values; of a DataFrame the first columns are taken unless others are named.
Rows without a usable number are left out, and a table without rows becomes a calm note, never an error.
Names and titles are text: a `$` in one is a dollar. Colours, fonts and grid come from the matplotlib style in use.
"""

from collections.abc import Collection, Sequence
from math import ceil
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from batchkit.charts import canvas
from batchkit.charts.canvas import GREY, PALE, Look, Table, Unit

_BARS, _COLUMNS, _CELLS = 100, 500, 60  # at most so many bars, columns, cells a side, whatever the table holds


def bars(
    frame: Table,
    x: str = "",
    y: str = "",
    *,
    unit: Unit = "count",
    top: int | None = None,
    share: bool = False,
    highlight: Collection[str] = (),
    **look: Unpack[Look],
) -> Axes:
    """Draw y as horizontal bars by name x, the largest first; beyond the `top`, all others are one grey bar.

    There are 100 bars at most. `share` adds each bar's share of the sum, where none is below 0; `highlight` names
    the bars that keep their colour.
    """
    every = canvas.with_numbers(canvas.table(frame, x=x, y=y), "y").sort_values("y", ascending=False, kind="stable")
    data = _keep_top(every, _BARS if top is None else min(top, _BARS))
    ax = canvas.new_axes(0.9 + canvas.line_height() * max(len(data), 4), look)
    if data.empty:
        return canvas.nothing(ax)
    height = 0.74 if canvas.fits_beside(ax, data["x"]) else 0.36
    drawn = ax.barh(range(len(data)), data["y"], color=canvas.shades(data["x"], highlight), height=height)
    if len(data) < len(every):
        drawn[-1].set_color(PALE)
    said = [canvas.say(v, unit) for v in data["y"]]
    if share and (total := data["y"].sum()) and (data["y"] >= 0).all():
        said = [f"{s} · {canvas.say(v / total, 'percent')}" for s, v in zip(said, data["y"], strict=True)]
    ax.bar_label(drawn, said, padding=4, fontsize="small", color=GREY, parse_math=False)
    ax.set_ylim(len(data) - 0.4, -0.6)
    if not data["y"].any():
        ax.set_xlim(0, 1)
    if height < 0.5:
        canvas.name_above(ax, data["x"], own=look.get("ax") is None)
        return canvas.bare(ax, "x", "y")
    canvas.name_down(ax, data["x"])
    return canvas.bare(ax, "x")


def _keep_top(data: pd.DataFrame, top: int) -> pd.DataFrame:
    if len(data) <= top + 1:  # one bar for "1 other" would take as much room as its own name
        return data
    rest = pd.DataFrame({"x": [f"{len(data) - top:,} others"], "y": [data["y"].iloc[top:].sum()]})
    return pd.concat([data.head(top).astype({"x": object}), rest], ignore_index=True)


def columns(
    frame: Table,
    x: str = "",
    y: str = "",
    *,
    unit: Unit = "count",
    highlight: Collection[str] = (),
    **look: Unpack[Look],
) -> Axes:
    """Draw y as upright bars in the table's own order: hours, weekdays, the bins of a histogram.

    There is nothing to show where all are 0. More than 500 bars, thinner than a pixel, are one area.
    """
    data = canvas.with_numbers(canvas.table(frame, x=x, y=y), "y")
    ax = canvas.new_axes(3.6, look)
    if not data["y"].any():
        return canvas.nothing(ax)
    if len(data) > _COLUMNS:
        drawn = None
        ax.fill_between(range(len(data)), data["y"], step="mid", linewidth=0)
    else:
        drawn = ax.bar(range(len(data)), data["y"], color=canvas.shades(data["x"], highlight), width=0.8)
    said = [canvas.say(v, unit) for v in data["y"]]
    crowded = drawn is None or canvas.crowding(ax, said, "small") > 1
    if crowded:
        chosen = set(highlight)
        said = [text if str(name) in chosen else "" for text, name in zip(said, data["x"], strict=True)]
        canvas.scale(ax, unit)
    if drawn is not None and any(said):
        ax.bar_label(drawn, said, padding=3, fontsize="small", color=GREY, parse_math=False)
    canvas.name_across(ax, data["x"])
    ax.set_xlim(-0.6, len(data) - 0.4)
    return ax if crowded else canvas.bare(ax, "y")


def line(frame: Table, x: str = "", y: str = "", *, unit: Unit = "count", mean: int = 0, **look: Unpack[Look]) -> Axes:
    """Draw y by day x (moments are in UTC); `mean` adds the running mean of so many days, 7 for a week."""
    data = canvas.with_moments(canvas.with_numbers(canvas.table(frame, x=x, y=y), "y"), "x")
    ax = canvas.new_axes(3.6, look)
    if data.empty:
        return canvas.nothing(ax)
    at = data["x"].to_numpy()
    (raw,) = ax.plot(at, data["y"], color="C0", marker="o" if len(data) < 3 else None)
    ax.fill_between(at, data["y"], color="C0", alpha=0.1, linewidth=0)
    smoothed = _running_mean(data, mean) if mean else np.zeros(0)
    if np.isfinite(smoothed).any():
        raw.set(linewidth=0.9, alpha=0.55)
        (smooth,) = ax.plot(at, smoothed, color="C3", linewidth=2.2)
        canvas.key(ax, {"each day": raw, f"mean of {mean} days": smooth})
    canvas.moment_axis(ax, data["x"])
    return canvas.scale(ax, unit)


def _running_mean(data: pd.DataFrame, days: int) -> Any:
    window = f"{days}D" if data["x"].dtype.kind == "M" else days
    return data.set_index("x")["y"].rolling(window, min_periods=(days + 1) // 2).mean().to_numpy()


def heat(
    frame: Table, x: str = "", y: str = "", value: str = "", *, unit: Unit = "count", **look: Unpack[Look]
) -> Axes:
    """Draw a grid of y (down) by x (across), darker for more; rows with the same x and y are summed.

    A side has 60 cells at most; the smallest of more are summed as others.
    """
    data = canvas.with_numbers(canvas.table(frame, x=x, y=y, value=value), "value")
    data = _folded(_folded(data, "x"), "y")
    across, down = canvas.levels(data["x"]), canvas.levels(data["y"])
    ax = canvas.new_axes(1.2 + 0.34 * max(len(down), 5), look)
    if data.empty:
        return canvas.nothing(ax)
    cells = _matrix(data, across, down)
    mesh = ax.pcolormesh(cells, cmap="Blues", edgecolors="white", linewidth=1.2, vmin=min(0.0, np.nanmin(cells)))
    said = ["" if np.isnan(v) else canvas.say(v, unit) for v in cells.flat]
    canvas.name_down(ax, down, np.arange(len(down)) + 0.5)
    if canvas.crowding(ax, said, "small", len(across)) > 1:
        bar = ax.figure.colorbar(mesh, ax=ax, format=canvas.formatter(unit), aspect=30, pad=0.01)
        bar.outline.set_visible(False)
    else:
        _write_cells(ax, said, mesh.to_rgba(cells))
    canvas.name_across(ax, across, np.arange(len(across)) + 0.5)
    ax.set(ylim=(len(down), 0), facecolor=canvas.FAINT)
    ax.spines[:].set_visible(False)
    return ax


def _folded(data: pd.DataFrame, role: str) -> pd.DataFrame:
    """Sum what is beyond the most levels that a side can show, the smallest ones, under one name."""
    sums = data.groupby(data[role].map(canvas.name_of))["value"].sum().abs().sort_values(ascending=False)
    if len(sums) <= _CELLS:
        return data
    others = set(sums.index[_CELLS - 1 :])
    names = [f"{len(others):,} others" if name in others else name for name in data[role].map(canvas.name_of)]
    return data.assign(**{role: pd.Series(names, index=data.index, dtype=object)})


def _matrix(data: pd.DataFrame, across: list[str], down: list[str]) -> Any:
    sums = data.groupby([data["y"].map(canvas.name_of), data["x"].map(canvas.name_of)])["value"].sum()
    return sums.unstack().reindex(index=down, columns=across).to_numpy(dtype=float)


def _write_cells(ax: Axes, said: list[str], colors: Any) -> None:
    wide = colors.shape[1]
    for i, text in enumerate(said):
        ink = canvas.ink_on(colors[i // wide, i % wide, :3])
        spot = (i % wide + 0.5, i // wide + 0.5)
        ax.text(*spot, text, ha="center", va="center", fontsize="small", color=ink, parse_math=False)


def pareto(
    frame: Table,
    x: str = "",
    y: str = "",
    *,
    finished: bool = False,
    mark: float = 0.8,
    reached: float | None = None,
    noun: str = "items",
    **look: Unpack[Look],
) -> Axes:
    """Draw the share of y's sum that its largest rows make, marked where it reaches `mark` (0 to 1).

    A `finished` table holds the curve itself: y, a cumulative share from 0 to 1, by x, such a share or a number of
    items. The mark is at `reached`, in the same unit, where that is known; else between the two points around it, at a
    whole item where items are counted, and is said to be about there.
    """
    items, total = _curve(canvas.table(frame, x=x, y=y), finished)
    count = items[-1] if (items % 1 == 0).all() and len(items) else 0
    items = items / count if count else items
    canvas_look: Look = {"xlabel": f"share of {noun}, the largest first", **look}
    ax = canvas.new_axes(4.2, canvas_look)
    if len(items) < 2 or count == 1 or total[-1] < mark:
        return canvas.nothing(ax)
    reach, known = _reach(items, total, mark, count, reached)
    ax.plot(items, total, color="C0", linewidth=2.2)
    ax.fill_between(items, total, color="C0", alpha=0.1, linewidth=0)
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=1)
    ax.plot([0, reach, reach], [mark, mark, 0], color="C3", linewidth=1, linestyle="--")
    ax.plot([reach], [mark], "o", color="C3", markersize=6)
    about = "" if known or not finished else "about "
    said = f"{about}{canvas.say(reach, 'percent')} of {canvas.clean(noun)} make {canvas.say(mark, 'percent')}"
    side = "left" if reach < 0.6 else "right"
    if canvas.measure(said) > canvas.width_of(ax) * (1 - reach if side == "left" else reach):
        said = said.replace(" make ", "\nmake ")
    ax.text(reach + (0.012 if side == "left" else -0.012), mark - 0.04, said, ha=side, va="top", parse_math=False)
    ax.text(0.6, 0.56, "if all were equal", ha="left", va="top", fontsize="small", color=GREY)
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.xaxis.set_major_formatter(canvas.formatter("percent"))
    return canvas.scale(ax, "percent")


def _reach(items: Any, total: Any, mark: float, count: float, reached: float | None) -> tuple[float, bool]:
    """Where the mark is reached, as a share of the items, and whether that is known: given, or at a point or beside."""
    if reached is not None:
        return (reached / count if count else reached), True
    found = float(np.interp(mark, total, items))
    after = int(np.searchsorted(total, mark))
    known = bool(total[after] == mark or (count and (items[after] - items[after - 1]) * count <= 1.000001))
    return (ceil(round(found * count, 6)) / count if count else found), known


def _curve(data: pd.DataFrame, finished: bool) -> tuple[Any, Any]:
    if finished:
        points = canvas.with_numbers(data, "x", "y").sort_values("x").drop_duplicates("x", keep="last")
        return np.r_[0, points["x"]], np.r_[0, points["y"]]
    values = np.sort(canvas.with_numbers(data, "y")["y"].clip(lower=0).to_numpy())[::-1]
    if not values.sum():
        return np.zeros(0), np.zeros(0)
    return np.arange(len(values) + 1), np.r_[0, values.cumsum() / values.sum()]


def steps(frame: pd.DataFrame, x: str, ys: Sequence[str], *, unit: Unit = "count", **look: Unpack[Look]) -> Axes:
    """Draw a panel for each column of `ys` over one x (moments or numbers), each value held until the next.

    Panels, not two scales in one: each series keeps an axis of its own. They are the Axes' `child_axes`.
    """
    roles = [f"y{i}" for i in range(len(ys))]
    data = canvas.table(frame, x=x, **dict(zip(roles, ys, strict=True)))
    data = canvas.with_moments(canvas.with_numbers(data, *roles), "x")
    ax = canvas.new_axes(0.9 + 1.3 * max(len(ys), 2), {**look, "xlabel": ""})
    if data.empty or not roles:
        return canvas.nothing(ax)
    canvas.bare(ax, "x", "y").spines[:].set_visible(False)
    ax.yaxis.labelpad = 32  # beside the panels' own numbers
    for i, role in enumerate(roles):
        panel = ax.inset_axes((0, 1 - (i + 0.86) / (len(ys) - 0.14), 1, 0.74 / (len(ys) - 0.14)))
        _step_panel(panel, data["x"], data[role], f"C{i}", unit)
        panel.set_title(canvas.clean(ys[i]), loc="left", fontsize="medium", color=f"C{i}", pad=4, parse_math=False)
        panel.tick_params(labelbottom=i == len(ys) - 1)
    panel.set_xlabel(canvas.clean(look.get("xlabel", "")), parse_math=False)
    return ax


def _step_panel(panel: Axes, at: canvas.Column, values: canvas.Column, color: str, unit: Unit) -> None:
    panel.step(at.to_numpy(), values, where="post", color=color)
    panel.fill_between(at.to_numpy(), values, step="post", color=color, alpha=0.12, linewidth=0)
    canvas.moment_axis(canvas.scale(panel, unit), at)
