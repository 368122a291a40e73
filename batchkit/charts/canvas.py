"""What every chart stands on: the table behind it, the empty Axes, numbers and names as words, quiet axes.

`batchkit.charts` holds the charts themselves. Text from data is always drawn as it is, never as mathematics,
and a character that the font cannot draw becomes an empty box, so that no name can spoil a picture.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import ceil
from typing import Any, Literal, TypeAlias, TypedDict
from unicodedata import east_asian_width

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FuncFormatter, MaxNLocator

Column: TypeAlias = "pd.Series[Any]"
Table: TypeAlias = "pd.DataFrame | pd.Series[Any]"
Unit: TypeAlias = Literal["count", "money", "percent"] | Callable[[float], str]

GREY, PALE, FAINT, INK = "#5f6b76", "#c3ccd5", "#f5f7f9", "#11181f"
_SPARE = 0.83  # of the room for a text is used, as the reader's font may be wider than the one measured with
_GAP = 0.12  # inches between texts side by side
_READABLE = "m" * 8  # of a name that is cut, so much must be left
_TITLE = 160  # characters
_FIRST_DAY, _LAST_DAY = -719162.0, 2932896.0  # of the calendar, as matplotlib counts: 1970-01-01 is 0
_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, ""))


class Look(TypedDict, total=False):
    """What every chart takes besides its data: a title that says the finding, axis labels, where to draw."""

    title: str
    xlabel: str
    ylabel: str
    ax: Axes | None


def table(frame: Table, **roles: str) -> pd.DataFrame:
    """Copy the columns named by `roles` ("": the next in order) under their roles' names.

    Raises ValueError for a column that is not there; a frame without rows may lack any.
    """
    if isinstance(frame, pd.Series) or len(frame.columns) == 1:
        frame = pd.DataFrame({"name": frame.index, "value": frame.to_numpy().ravel()})
    if frame.empty:
        return pd.DataFrame({role: pd.Series(dtype=float) for role in roles})
    return pd.DataFrame({role: _column(frame, name, i) for i, (role, name) in enumerate(roles.items())})


def _column(frame: pd.DataFrame, name: str, place: int) -> Column:
    if name in frame.columns:
        return frame[name].reset_index(drop=True)
    if name or place >= len(frame.columns):
        has = ", ".join(map(str, frame.columns))
        raise ValueError(f"the table has no column {name or f'number {place + 1}'!r}; it has: {has}")
    return frame.iloc[:, place].reset_index(drop=True)


def with_numbers(data: pd.DataFrame, *roles: str) -> pd.DataFrame:
    """Turn `roles` into float64 and keep only the rows where each of them is finite."""
    numbers = {
        role: pd.to_numeric(data[role], errors="coerce").to_numpy(dtype=float, na_value=np.nan) for role in roles
    }
    data = data.assign(**numbers)
    return data[~data[list(roles)].isin([np.inf, -np.inf, np.nan]).any(axis=1)]


def with_moments(data: pd.DataFrame, role: str) -> pd.DataFrame:
    """Turn `role` into numbers, if it holds numbers, else into UTC moments; keep and sort the rows that have one."""
    if pd.api.types.is_numeric_dtype(data[role]):
        return with_numbers(data, role).sort_values(role, kind="stable")
    found = moments(data[role]).dt.tz_localize(None)
    return data.assign(**{role: found}).dropna(subset=[role]).sort_values(role, kind="stable")


def moments(column: Column) -> Column:
    """Read dates, datetimes and ISO 8601 texts as UTC moments; anything else is no moment."""
    if column.dtype == object:  # pandas would read a number as nanoseconds since 1970
        dated = [None if isinstance(value, int | float) else value for value in column]
        column = pd.Series(dated, index=column.index, dtype=object)
    return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")


def new_axes(height: float, look: Look) -> Axes:
    """Give the caller's Axes, or those of a new figure `height` inches high, their title and labels."""
    ax = look.get("ax")
    title = _wrapped(look.get("title", ""), ax)
    if ax is not None:
        ax.set_title(title, loc="left", parse_math=False)
    else:
        figure = plt.figure(figsize=(plt.rcParams["figure.figsize"][0], height), layout="constrained")
        figure.suptitle(title, x=0.006, ha="left", parse_math=False)
        ax = figure.subplots()
    ax.set_xlabel(clean(look.get("xlabel", "")), parse_math=False)
    ax.set_ylabel(clean(look.get("ylabel", "")), parse_math=False)
    return ax


def _wrapped(title: str, ax: Axes | None) -> str:
    size = plt.rcParams["figure.titlesize" if ax is None else "axes.titlesize"]
    room = plt.rcParams["figure.figsize"][0] if ax is None else width_of(ax)
    parts = [_lines(name_of(part, _TITLE), room * _SPARE, size) for part in title.splitlines()[:4]]
    return "\n".join(line for lines in parts for line in lines)


def _lines(text: str, inches: float, size: float | str) -> list[str]:
    """Break a text between words into lines that fit; a word that is longer than a line is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}", size) <= inches:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, inches, size))
    return lines


def nothing(ax: Axes) -> Axes:
    """Say that there is nothing to show, and take no more room for it than that needs."""
    ax.set_axis_off()
    figure = ax.get_figure(root=True)
    if figure is not None and not any(other.axison for other in figure.axes):
        figure.set_figheight(1.0)
    ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color=GREY)
    return ax


def say(value: float, unit: Unit) -> str:
    """Write a number as people say it: 12k, $1.2M, 3.4% (a percentage is a share, 0 to 1)."""
    if callable(unit):
        return clean(unit(value))
    if unit == "percent":
        return (
            f"{value * 100:.{1 if abs(value) >= 0.0005 or not value else 3}f}".removesuffix(".0").replace("-", "\u2212")
            + "%"
        )
    cents = unit == "money" and abs(value) < 100 and round(value, 2) % 1 != 0
    digits = f"{abs(value):.2f}" if cents else _short(abs(value))
    return ("\u2212" if value < 0 and digits != "0" else "") + ("$" if unit == "money" else "") + digits


def _short(value: float) -> str:
    size, letter = next(((s, c) for s, c in _SCALES if abs(value) >= s * 0.9995), (1.0, ""))
    number = value / size
    return (f"{number:.3g}" if 1e-4 <= abs(number) < 999.5 or abs(number) >= 1e9 else f"{number:,.0f}") + letter


def name_of(value: object, limit: int = 200) -> str:
    """Turn a name from data into a drawable text of at most `limit` characters, its middle left out."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return "(none)"
    whole = isinstance(value, float) and value.is_integer()
    text = clean(f"{value:.0f}" if whole else str(value)) or "(empty)"
    return text if len(text) <= limit else _shortened(text, limit)


def _shortened(text: str, limit: int) -> str:
    tail = limit // 3
    return f"{text[: limit - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def clean(text: str) -> str:
    """One line of characters that can be drawn: all of them where the reader's own fonts draw, as in an SVG."""
    visible = [c for c in text if c.isspace() or c.isprintable()]
    if plt.rcParams["svg.fonttype"] != "none":
        visible = [c if c.isspace() or _has_glyph(c, *plt.rcParams["font.family"]) else "\u25a1" for c in visible]
    return " ".join("".join(visible).split())


def _font(*families: str) -> Any:
    return get_font(findfont(FontProperties(family=list(families))))


@lru_cache(maxsize=4096)
def _has_glyph(character: str, *families: str) -> bool:
    return bool(_font(*families).get_char_index(ord(character)) != 0)


@lru_cache(maxsize=4096)
def _advance(character: str, *families: str) -> float:
    """The width of a character in ems; one that the measuring font lacks is as wide as its kind is elsewhere."""
    if not _has_glyph(character, *families):
        return 1.0 if east_asian_width(character) in "WF" else 0.7
    font = _font(*families)
    font.set_size(100, 72)
    return float(font.load_char(ord(character)).linearHoriAdvance / 65536 / 100)


def measure(text: str, size: float | str = "medium") -> float:
    """The width of a line of text in inches."""
    points = FontProperties(size=size).get_size_in_points()
    families = plt.rcParams["font.family"]
    return sum(_advance(character, *families) for character in text) * points / 72


def fit(text: str, inches: float, size: float | str = "medium") -> str:
    """The text, its middle left out where it does not fit into so many inches."""
    if measure(text, size) <= inches:
        return text
    longest = max((n for n in range(4, len(text)) if measure(_shortened(text, n), size) <= inches), default=4)
    return _shortened(text, longest)


def levels(names: Column) -> list[str]:
    """Name each distinct value once: numbers and categories in their order, other names as they come."""
    ordered = pd.api.types.is_numeric_dtype(names) or isinstance(names.dtype, pd.CategoricalDtype)
    return list(dict.fromkeys(map(name_of, names.sort_values() if ordered else names)))


def shades(names: Column, highlight: Iterable[str]) -> list[str]:
    """Colour the highlighted names, or all when none is."""
    chosen = set(highlight)
    return ["C0" if not chosen or str(name) in chosen else PALE for name in names]


def crowding(ax: Axes, labels: list[str], size: float | str, in_a_row: int = 0) -> int:
    """Say how many places a label takes of those side by side: 1 when all of them fit."""
    widest = max((measure(label, size) for label in labels), default=0) / _SPARE + _GAP
    return max(ceil(widest * (in_a_row or len(labels)) / width_of(ax)), 1)


def width_of(ax: Axes) -> float:
    """The inches between the sides of the Axes, as laid out with what is on them so far."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return max(float(ax.get_window_extent().width) / ax.figure.dpi, 0.1)


def name_across(ax: Axes, names: Iterable[object], at: Iterable[float] | None = None) -> None:
    """Name the places along the x axis: all of them whole, else cut where much is left of them, else as many as fit."""
    size = plt.rcParams["xtick.labelsize"]
    texts = [name_of(name) for name in names]
    every = crowding(ax, texts, size)
    room = (width_of(ax) / max(len(texts), 1) - _GAP) * _SPARE
    if every > 1:
        texts = [fit(text, room if room > measure(_READABLE, size) else width_of(ax) / 4, size) for text in texts]
        every = crowding(ax, texts, size)
    _set_names(ax.xaxis, texts, at, every)


def name_down(ax: Axes, names: Iterable[object], at: Iterable[float] | None = None) -> None:
    """Name the places along the y axis, in a third of the figure's width at the most."""
    room, size = side_room(ax), plt.rcParams["ytick.labelsize"]
    _set_names(ax.yaxis, [fit(name_of(name), room, size) for name in names], at)


def fits_beside(ax: Axes, names: Iterable[object]) -> bool:
    """Say whether all names fit beside the y axis whole."""
    room, size = side_room(ax), plt.rcParams["ytick.labelsize"]
    return all(measure(name_of(name), size) <= room for name in names)


def name_above(ax: Axes, names: Iterable[object], own: bool) -> None:
    """Name horizontal bars above each, which takes two lines a bar: in a figure of its `own` it is made as high."""
    texts, figure, size = list(names), ax.get_figure(root=True), plt.rcParams["ytick.labelsize"]
    if own and figure is not None:
        figure.set_figheight(0.9 + 1.8 * line_height() * max(len(texts), 2))
    room = width_of(ax) * _SPARE
    for place, name in enumerate(texts):
        text = fit(name_of(name), room, size)
        ax.text(0, place - 0.24, text, transform=ax.get_yaxis_transform(), va="bottom", ha="left", fontsize=size,
                color=_label_color(), parse_math=False, in_layout=False)  # fmt: skip


def _label_color() -> str:
    """The colour of names beside an axis, which a style may leave to that of its ticks."""
    color = str(plt.rcParams["ytick.labelcolor"])
    return str(plt.rcParams["ytick.color"]) if color == "inherit" else color


def line_height() -> float:
    """The inches that a line of a chart's text takes, with the space to the next."""
    return float(plt.rcParams["font.size"]) / 36


def ink_on(color: Any) -> str:
    """White or black text, whichever is read more easily on a colour (three numbers from 0 to 1)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color[:3]]
    return "#fefefe" if sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)) < 0.179 else INK


def side_room(ax: Axes) -> float:
    """How many inches a name beside the y axis may take."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return min(width_of(ax), float(figure.get_figwidth())) * 0.36 * _SPARE


def _set_names(axis: Axis, texts: list[str], at: Iterable[float] | None, every: int = 1) -> None:
    places = list(range(len(texts)) if at is None else at)
    axis.set_ticks(places[::every], texts[::every], parse_math=False)
    axis.set_tick_params(length=0)


def scale(ax: Axes, unit: Unit) -> Axes:
    """Give the y axis its unit, few ticks and quiet lines, from zero up unless there is something below."""
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=unit == "count", steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(formatter(unit))
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.margins(x=0)
    if ax.dataLim.y0 >= 0:
        ax.set_ylim(0, ax.dataLim.y1 * 1.04 or 1)
    return ax


def formatter(unit: Unit) -> FuncFormatter:
    """Write an axis's numbers in `unit`."""
    return FuncFormatter(lambda value, _place: say(value, unit))


def moment_axis(ax: Axes, moments: Column) -> None:
    """Write the x axis as dates that name the year once, if it holds moments."""
    if moments.dtype.kind == "M":
        first, last = (float(date2num(moments.iloc[place])) for place in (0, -1))  # type: ignore[no-untyped-call]
        if first == last:  # matplotlib would show years around a day, or go beyond the calendar's end
            ax.set_xlim(max(first - 1, _FIRST_DAY), min(last + 1, _LAST_DAY))
            ax.set_xticks([first], [f"{moments.iloc[0]:%Y-%m-%d}"])
            return
        locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def bare(ax: Axes, *which: Literal["x", "y"]) -> Axes:
    """Take away an axis that the labels on the marks make needless."""
    for axis in which:
        ax.tick_params(axis=axis, **{"length": 0, f"label{'bottom' if axis == 'x' else 'left'}": False})
        ax.spines["bottom" if axis == "x" else "left"].set_visible(False)
    return ax


def key(ax: Axes, entries: Mapping[str, Artist]) -> None:
    """Put the key above the right end of the Axes, where no data is."""
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 0.99), "borderaxespad": 0.2}
    if title := ax.get_title(loc="left"):
        ax.set_title(title, loc="left", pad=26, parse_math=False)
    legend = ax.legend(list(entries.values()), [clean(name) for name in entries], ncols=min(len(entries), 6), **place)
    for text in legend.get_texts():
        text.set_parse_math(False)
