"""The timeline: which task waited and ran when, and where, as a Gantt chart with a row of lanes.

Tasks that overlap on a lane are stacked in sub-rows: from the moment they wait while that stays readable,
and with very many tasks from the moment they run, so that a lane is then as high as it ran tasks at once.
"""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from batchkit.charts import canvas

_ROWS = 120  # tasks of which each can have a sub-row to wait in
_LABELLED = 60  # sub-rows high enough for words
_COLORS = 7  # of the style's cycle


def timeline(
    frame: pd.DataFrame,
    lane: str,
    wait_from: str,
    start: str,
    end: str,
    *,
    hue: str = "",
    label: str = "",
    **look: Unpack[canvas.Look],
) -> Axes:
    """Draw each task on its lane, a thin bar while it waits and a thick one while it runs.

    Times are moments or seconds. Colours go by `hue`, else each task takes the next; `label` is written where
    it fits. A task without an end runs until the last moment known; one without a lane or a start is only counted.
    """
    roles = {"lane": lane, "since": wait_from, "start": start, "end": end, "hue": hue, "label": label}
    every = canvas.table(frame, **{role: column for role, column in roles.items() if column})
    data = _stacked(_in_seconds(every))
    heights = data.groupby("lane", sort=False)["row"].max() + 1.7
    inches = 1.1 + float(np.clip(0.2 * heights.sum(), 1.6, 7.5))
    look["xlabel"] = look.get("xlabel", "seconds since the first") + _idle(len(every) - len(data))
    ax = canvas.new_axes(inches, look)
    if data.empty:
        return canvas.nothing(ax)
    floors = heights.cumsum() - heights
    data = data.assign(level=data["lane"].map(floors).astype(float) + data["row"] + 0.85)
    names = canvas.levels(data["hue"]) if hue else []
    data = data.assign(color=_colors(data, names))
    _draw_tasks(ax, data, names)
    if label and heights.sum() <= _LABELLED:
        _write_labels(ax, data)
    ax.hlines(floors.iloc[1:], 0, 1, transform=ax.get_yaxis_transform(), color=canvas.PALE, linewidth=0.6)
    ax.set(xlim=(0, max(float(data["end"].max()), 1e-3)), ylim=(float(heights.sum()), 0))
    canvas.name_down(ax, heights.index, at=floors + heights / 2)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
    return ax


def _idle(tasks: int) -> str:
    return f" ({tasks:,} more never started)" if tasks else ""


def _in_seconds(data: pd.DataFrame) -> pd.DataFrame:
    """Keep the tasks that started, by start, their times as seconds since the first began to wait."""
    times = pd.DataFrame({role: _seconds(data[role]) for role in ("since", "start", "end")})
    data = data.assign(**times)[data["lane"].notna() & times["start"].notna()].sort_values("start", kind="stable")
    since = data["since"].fillna(data["start"]).clip(upper=data["start"])
    end = data["end"].fillna(data[["start", "end"]].max(axis=None)).clip(lower=data["start"])
    first = since.min()
    return data.assign(since=since - first, start=data["start"] - first, end=end - first)


def _seconds(times: canvas.Column) -> canvas.Column:
    if pd.api.types.is_numeric_dtype(times):
        return times.astype(float).where(np.isfinite)
    return (canvas.moments(times) - pd.Timestamp(0, tz="UTC")).dt.total_seconds()


def _stacked(data: pd.DataFrame) -> pd.DataFrame:
    """Add the sub-row of each task, and name its lane; lanes come in the order in which they began."""
    data = data.assign(lane=data["lane"].map(canvas.name_of))
    if len(data) <= _ROWS:
        return data.assign(row=_rows(data, "since"))
    return data.assign(row=_rows(data, "start"))


def _rows(data: pd.DataFrame, begin: str) -> canvas.Column:
    """Give each task the first sub-row of its lane that is free from `begin` to its end."""
    ends: dict[str, list[float]] = {}
    rows: dict[Any, int] = {}
    ordered = data.sort_values([begin, "start"], kind="stable")
    for task, lane, since, end in zip(ordered.index, ordered["lane"], ordered[begin], ordered["end"], strict=True):
        taken = ends.setdefault(lane, [])
        rows[task] = next((row for row, until in enumerate(taken) if until <= since), len(taken))
        taken[rows[task] : rows[task] + 1] = [end]
    return pd.Series(rows, dtype=int)


def _draw_tasks(ax: Axes, data: pd.DataFrame, names: list[str]) -> None:
    _blocks(ax, data, "since", "start", 0.2, [canvas.PALE] * len(data))
    _blocks(ax, data, "start", "end", 0.84, data["color"].to_list())
    entries: dict[str, Artist] = {name: Patch(color=f"C{i}") for i, name in enumerate(names[:_COLORS])}
    waiting = Line2D([], [], color=canvas.PALE, linewidth=3, solid_capstyle="butt")
    canvas.key(ax, {"waiting": waiting} | (entries or {"running": Patch(color="C0")}))


def _blocks(ax: Axes, data: pd.DataFrame, left: str, right: str, height: float, colors: list[str]) -> None:
    """Draw a bar a task as one collection: thousands of single bars would take seconds."""
    x0, x1, y0, y1 = data[left], data[right], data["level"] - height / 2, data["level"] + height / 2
    corners = np.stack([np.stack(c, axis=1) for c in ((x0, y0), (x0, y1), (x1, y1), (x1, y0))], axis=1)
    ax.add_collection(PolyCollection(list(corners), facecolors=colors, edgecolors="face", linewidths=0.3))


def _colors(data: pd.DataFrame, names: list[str]) -> list[str]:
    """Name a colour a task: that of its hue, or one that its neighbours in the sub-row and beside it lack."""
    if names:
        return [f"C{names.index(canvas.name_of(hue)) % _COLORS}" for hue in data["hue"]]
    turns = data.groupby(["lane", "row"]).cumcount() + 2 * data["row"]
    return [f"C{turn % _COLORS}" for turn in turns]


def _write_labels(ax: Axes, data: pd.DataFrame) -> None:
    inches = 0.83 * canvas.width_of(ax) / max(float(data["end"].max()), 1e-3)
    needed = ["label", "start", "end", "level", "color"]
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "clip_on": True}
    for name, start, end, level, color in zip(*(data[c] for c in needed), strict=True):
        text = canvas.name_of(name, 20)
        if (end - start) * inches > canvas.measure(text, look["fontsize"]) + 0.03:
            ax.text((start + end) / 2, level, text, color=canvas.ink_on(to_rgb(color)), parse_math=False, **look)
