"""The charts are held by what they draw: how many marks, in which order, with which words."""

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from unittest.mock import ANY

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from batchkit import charts
from batchkit.charts import canvas

matplotlib.use("agg")
STYLE = Path(__file__).parents[2] / "notebooks" / "workbench.mplstyle"
TIMES = ("node", "created", "start", "end")
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
odd_names = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["$5 and $6", "$x^2$", r"\frac{", "_hidden", "x" * 500, "日本語", "\ud800", "a\nb\x00", ""]),
    st.sampled_from([None, math.nan, 3, 2.0]),
)
numbers = st.one_of(st.floats(-1e12, 1e12), st.sampled_from([math.nan, math.inf, None, "7", "x"]))


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Draw every chart in the notebooks' style and close it."""
    with plt.style.context(STYLE):
        yield
    plt.close("all")


def drawn(ax: Axes) -> Axes:
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.set_dpi(40)
    figure.canvas.draw()
    return ax


def names(ticks: Iterable[Text]) -> list[str]:
    return [tick.get_text() for tick in ticks]


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def blocks(ax: Axes, which: int) -> list[tuple[float, float, float]]:
    """Give (left, right, middle) of the bars of a timeline: 0 those for waiting, 1 those for running."""
    bars = [c for c in ax.collections if isinstance(c, PolyCollection)][which]
    corners = [np.asarray(path.vertices) for path in bars.get_paths()]
    return [(c[:, 0].min(), c[:, 0].max(), (c[:, 1].min() + c[:, 1].max()) / 2) for c in corners]


def test_bars_are_sorted_and_say_their_value() -> None:
    frame = pd.DataFrame({"name": ["b", "a", "c"], "revenue": [2_500.0, 1_234_567.0, 9.5]})
    ax = drawn(charts.bars(frame, "name", "revenue", unit="money"))
    assert names(ax.get_yticklabels()) == ["a", "b", "c"]
    assert words(ax) == ["$1.23M", "$2.5k", "$9.50"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the largest stands at the top"


def test_bars_beyond_the_top_are_one_sum() -> None:
    ax = drawn(charts.bars(pd.Series({"a": 50, "b": 30, "c": 15, "d": 5}), top=2, share=True))
    assert names(ax.get_yticklabels()) == ["a", "b", "2 others"]
    assert words(ax) == ["50 · 50%", "30 · 30%", "20 · 20%"]


def test_bars_never_replace_a_single_name_by_one_other() -> None:
    ax = charts.bars(pd.Series({"a": 50, "b": 30, "c": 15}), top=2)
    assert names(ax.get_yticklabels()) == ["a", "b", "c"]


@pytest.mark.parametrize(("letters", "whole"), [(40, True), (400, False)])
def test_names_too_long_for_the_side_stand_above_and_are_cut_only_where_they_do_not_fit(letters, whole) -> None:
    long = "SOFT DRINKS " + "x" * letters + " 12 PACK"
    ax = drawn(charts.bars(pd.Series({long: 2, "MILK": 1}), y="", unit="money"))
    _, _, name, short = words(ax)
    assert short == "MILK"
    assert name.startswith("SOFT DRINKS")
    assert name.endswith("12 PACK")
    assert (name == long) == whole
    assert not any(names(ax.get_yticklabels()))


@pytest.mark.parametrize("labels", [["100-200", "200-500"] * 6, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]])
def test_labels_that_fit_are_whole_however_narrow_the_chart(labels) -> None:
    _, axes = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(3, 2), layout="constrained")
    ax = drawn(
        charts.columns(pd.DataFrame({"x": labels, "y": range(1, len(labels) + 1)}), ax=axes[int(len(labels) < 12)])
    )
    shown = names(ax.get_xticklabels())
    assert all(label in labels for label in shown)
    boxes = [tick.get_window_extent() for tick in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_highlighted_bar_says_its_value_however_many_there_are() -> None:
    ax = drawn(charts.columns(pd.Series(range(1, 121)), highlight=["119"]))
    assert [text for text in words(ax) if text] == ["120"]


def test_columns_keep_the_order_of_the_table() -> None:
    ax = drawn(charts.columns(pd.Series({"Mon": 3, "Tue": 1, "Wed": 2}), highlight=["Tue"]))
    assert [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)] == [3, 1, 2]
    assert names(ax.get_xticklabels()) == ["Mon", "Tue", "Wed"]
    assert len({bar.get_facecolor() for bar in ax.patches}) == 2


def test_many_columns_leave_out_labels_that_would_collide() -> None:
    ax = drawn(charts.columns(pd.Series({f"{i * 100}-{i * 100 + 100}": i for i in range(60)})))
    assert len(ax.patches) == 60
    assert 5 < len(ax.get_xticks()) < 20
    assert not words(ax)


def test_line_sorts_days_and_adds_the_weekly_mean() -> None:
    days = pd.date_range("2017-01-01", periods=30).strftime("%Y-%m-%d")
    ax = drawn(charts.line(pd.Series(range(30), index=days).iloc[::-1], mean=7))
    raw, mean = (np.asarray(line.get_ydata(), dtype=float) for line in ax.lines)
    assert raw.tolist() == list(range(30))
    assert mean[-1] == np.mean(range(23, 30))
    assert np.isnan(mean[:3]).all(), "a mean of fewer than half the days is none"


def test_heat_sums_cells_and_keeps_the_order_of_weekdays() -> None:
    rows = [("Tue", 10, 1.0), ("Mon", 9, 2.0), ("Tue", 10, 4.0)]
    ax = drawn(charts.heat(pd.DataFrame(rows, columns=["day", "hour", "n"]), "hour", "day", "n"))
    (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
    assert np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), np.nan).tolist() == [[ANY, 5], [2, ANY]]
    assert names(ax.get_yticklabels()) == ["Tue", "Mon"]
    assert names(ax.get_xticklabels()) == ["9", "10"]


def test_pareto_marks_where_most_of_the_sum_is_reached() -> None:
    ax = drawn(charts.pareto(pd.Series([80, 10, 5, 5]), noun="customers"))
    assert "25% of customers make 80%" in words(ax)


def test_a_known_place_of_the_mark_is_not_guessed_between_the_points() -> None:
    curve = pd.DataFrame({"customers": [100, 500, 1000], "share": [0.5, 0.82, 1.0]})
    assert "43.6% of people make 80%" in words(charts.pareto(curve, finished=True, reached=436, noun="people"))
    assert "about 47.5% of people make 80%" in words(charts.pareto(curve, finished=True, noun="people"))


def test_pareto_takes_a_finished_curve() -> None:
    curve = pd.DataFrame({"customers": [0.1, 0.5, 1.0], "revenue": [0.6, 0.8, 1.0]})
    ax = drawn(charts.pareto(curve, "customers", "revenue", finished=True))
    assert "50% of items make 80%" in words(ax), "the curve has a point there, so it is no guess"


def test_steps_give_each_series_an_axis_of_its_own() -> None:
    frame = pd.DataFrame({"t": [0, 60, 120], "nodes": [0, 10, 0], "pending": [300, 150, 0]})
    ax = drawn(charts.steps(frame, "t", ["nodes", "pending"], xlabel="seconds"))
    assert [panel.get_title(loc="left") for panel in ax.child_axes if isinstance(panel, Axes)] == ["nodes", "pending"]
    assert [panel.lines[0].get_drawstyle() for panel in ax.child_axes] == ["steps-post"] * 2
    assert ax.child_axes[-1].get_xlabel() == "seconds"


def tasks(n: int, nodes: int, every: float = 1.0) -> pd.DataFrame:
    start = 10 + np.arange(n) * every
    columns = {"id": range(n), "node": [f"node-{i % nodes}" for i in range(n)], "created": 0.0}
    return pd.DataFrame({**columns, "start": start, "end": start + 5})


def test_timeline_shows_each_wait_and_run_on_its_lane() -> None:
    ax = drawn(charts.timeline(tasks(6, 2), *TIMES, label="id"))
    assert names(ax.get_yticklabels()) == ["node-0", "node-1"]
    assert [b[:2] for b in blocks(ax, 0)] == [(0, 10 + i) for i in range(6)]
    assert [b[:2] for b in blocks(ax, 1)] == [(10 + i, 15 + i) for i in range(6)]
    assert words(ax) == list("012345")


@given(st.integers(1, 200), st.integers(1, 5), st.floats(0.0, 3.0))
@few
def test_tasks_that_overlap_on_a_lane_never_cover_each_other(n: int, nodes: int, every: float) -> None:
    ax = charts.timeline(tasks(n, nodes, every), *TIMES)
    rows: dict[float, list[tuple[float, float]]] = {}
    for left, right, level in blocks(ax, 1):
        rows.setdefault(round(level, 3), []).append((left, right))
    for row in rows.values():
        row.sort()
        assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(row))
    plt.close("all")


def test_timeline_reads_moments_and_counts_what_never_started() -> None:
    frame = tasks(4, 2)
    frame["end"] = frame["end"].mask(frame["id"] == 2)
    frame["start"] = frame["start"].mask(frame["id"] == 3)
    zero = pd.Timestamp("2026-01-01T10:00:00Z")
    moments = frame.assign(**{c: zero + pd.to_timedelta(frame[c], unit="s") for c in TIMES[1:]})
    ax = drawn(charts.timeline(moments, *TIMES))
    assert [b[:2] for b in blocks(ax, 1)] == [(10, 15), (11, 16), (12, 16)]
    assert "1 more never started" in ax.get_xlabel()


def test_timeline_colours_by_hue() -> None:
    ax = charts.timeline(tasks(4, 2).assign(result=["ok", "ok", "failed", "ok"]), *TIMES, hue="result")
    legend = ax.get_legend()
    assert legend is not None
    assert names(legend.get_texts()) == ["waiting", "ok", "failed"]


EMPTY = pd.DataFrame()
CALLS: dict[str, Callable[[pd.DataFrame], Axes]] = {
    "bars": lambda frame: charts.bars(frame, "x", "y", top=3, share=True),
    "columns": lambda frame: charts.columns(frame, "x", "y"),
    "line": lambda frame: charts.line(frame, "x", "y", mean=7),
    "heat": lambda frame: charts.heat(frame, "x", "x", "y"),
    "pareto": lambda frame: charts.pareto(frame, "x", "y"),
    "steps": lambda frame: charts.steps(frame, "x", ["y"]),
    "timeline": lambda frame: charts.timeline(frame, "x", "y", "y", "y", hue="x", label="x"),
}


@pytest.mark.parametrize("chart", CALLS)
@pytest.mark.parametrize(
    "frame", [EMPTY, pd.DataFrame({"x": [], "y": []}), pd.DataFrame({"x": ["a"], "y": [math.nan]})]
)
def test_nothing_is_said_calmly(chart: str, frame: pd.DataFrame) -> None:
    assert words(drawn(CALLS[chart](frame))) == ["nothing to show"]


@pytest.mark.parametrize("chart", CALLS)
@given(rows=st.lists(st.tuples(odd_names, numbers), max_size=20))
@few
def test_no_name_and_no_number_spoils_a_chart(chart: str, rows: list[tuple[object, object]]) -> None:
    drawn(CALLS[chart](pd.DataFrame(rows, columns=["x", "y"], dtype=object)))
    plt.close("all")


@given(st.lists(st.dates(), min_size=1, max_size=5))
@few
def test_any_dates_have_an_axis(days: list[object]) -> None:
    drawn(charts.line(pd.DataFrame({"day": days, "n": 1.0}), mean=2))
    plt.close("all")


@given(st.text())
@few
def test_titles_and_names_are_text(text: str) -> None:
    ax = charts.bars(pd.Series([1.0], index=[text]), title=text, xlabel=text)
    drawn(ax)
    figure = ax.get_figure(root=True)
    assert figure is not None
    texts = [*ax.get_yticklabels(), *ax.texts, ax.xaxis.label, *figure.texts]
    assert not any(artist.get_parse_math() for artist in texts)
    plt.close("all")


def test_charts_stand_side_by_side_on_given_axes() -> None:
    _figure, places = plt.subplots(1, 2)
    ax = charts.columns(pd.Series([1, 2]), title="Two of $3", ax=places[1])
    assert ax is places[1]
    assert ax.get_title(loc="left") == "Two of $3"
    assert len(plt.get_fignums()) == 1


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"no column 'revnue'; it has: day, revenue"):
        charts.line(pd.DataFrame({"day": ["2017-01-01"], "revenue": [1]}), "day", "revnue")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "count", "0"),
        (999.6, "count", "1k"),
        (999_950, "count", "1M"),
        (12_000, "count", "12k"),
        (-1_200_000, "money", "\u2212$1.2M"),
        (0.5, "money", "$0.50"),
        (99.999, "money", "$100"),
        (3.2e15, "money", "$3,200T"),
        (0.327, "percent", "32.7%"),
        (1, "percent", "100%"),
        (0.0002, "percent", "0.020%"),
        (90, lambda seconds: f"{seconds / 60} min", "1.5 min"),
    ],
)
def test_numbers_are_written_as_people_say_them(value: float, unit: canvas.Unit, text: str) -> None:
    assert canvas.say(value, unit) == text


def test_importing_the_charts_chooses_no_backend() -> None:
    code = (
        "import batchkit.charts, matplotlib as m; print(m.rcParams._get('backend') is m.rcsetup._auto_backend_sentinel)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert run.stdout == "True\n", run.stderr
