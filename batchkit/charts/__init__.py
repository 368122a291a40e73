"""Charts of any tidy DataFrame or Series; nothing here knows what the numbers mean."""

from batchkit.charts.gantt import timeline
from batchkit.charts.plots import bars, columns, heat, line, pareto, steps

__all__ = ["bars", "columns", "heat", "line", "pareto", "steps", "timeline"]
