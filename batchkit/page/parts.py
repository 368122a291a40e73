"""What a page is made of: sections, charts with their tables, and tables that sort and download."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes

from batchkit.charts.vector import svg
from batchkit.text import plain

_ROWS, _CELL = 200, 120


@dataclass(frozen=True)
class Table:
    """A table: a name for its file, the heads, the rows as they are. `numbers` are the columns that are numbers."""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numbers: frozenset[int] = frozenset()

    @property
    def shown(self) -> list[list[tuple[str, str]]]:
        """The rows that stand on the page: each cell as text, and what it sorts by."""
        return [[(_written(cell), _key(cell)) for cell in row] for row in self.rows[:_ROWS]]

    @property
    def more(self) -> int:
        """How many rows do not stand on the page; they are in the download."""
        return max(len(self.rows) - _ROWS, 0)

    @property
    def link(self) -> str:
        """The whole table as a file in a link. What a spreadsheet would take for a formula is given a quote first."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.head)
        writer.writerows([_safe(cell) for cell in row] for row in self.rows)
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.getvalue().encode()).decode()


@dataclass(frozen=True)
class Chart:
    """A chart with its title, what a screen reader says of it, and its table."""

    name: str
    title: str
    description: str
    drawing: str
    table: Table


@dataclass(frozen=True)
class Section:
    """A part of the page: an anchor, a title, a sentence, charts, tables, and terms with their meaning."""

    name: str
    title: str
    text: str = ""
    charts: list[Chart] = field(default_factory=list)
    tables: list[tuple[str, Table]] = field(default_factory=list)
    terms: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.charts or self.tables or self.terms)


def chart(name: str, title: str, table: Table, draw: Callable[[], Axes], say: str = "") -> Chart | None:
    """Draw a chart of a table; None where the table has no rows."""
    if not table.rows:
        return None
    description = say or _description(table)
    return Chart(name, title, description, svg(name, title, description, draw), table)


def kept(*charts: Chart | None) -> list[Chart]:
    """The charts that have something to show."""
    return [one for one in charts if one is not None]


def _description(table: Table) -> str:
    """What is in a chart, for who does not see it: its first rows, and how many there are."""
    label, value = table.head[0], table.head[-1] if len(table.head) < 3 else table.head[1]
    at = table.head.index(value)
    first = "; ".join(f"{_written(row[0])}: {_written(row[at])}" for row in table.rows[:3])
    return f"{value} by {label}, {len(table.rows):,} in all. First: {first}. The table below has all."


def _written(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell.is_integer() else f"{cell:,.2f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return plain(cell, _CELL)


def _key(cell: Any) -> str:
    return repr(cell) if isinstance(cell, int | float) else ""


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
