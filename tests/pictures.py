"""Draw the README's picture from a run's summary and tasks: make pictures (after make run)."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from batchkit import charts, results
from node import frames

ROOT = Path(__file__).parent.parent


def draw(run: Path, target: Path) -> None:
    """One picture of four charts: revenue by department, by day, what the rules exclude, the job's timeline."""
    plt.style.use(ROOT / "notebooks/workbench.mplstyle")
    summary = json.loads((run / "summary.json").read_text())
    tasks = pd.DataFrame(json.loads((run / "run.json").read_text())["tasks"])
    for column in ("created", "started", "ended"):
        tasks[column] = pd.to_datetime(tasks[column])
    tasks["machine"] = "machine " + (pd.factorize(tasks["node"])[0] + 1).astype(str).astype(object)
    figure, axes = plt.subplots(2, 2, figsize=(15, 9), layout="constrained")
    categories, days = frames.revenue_by_category(summary), frames.revenue_by_day(summary)
    first = categories.iloc[0]
    title = f"{first['category'].title()} takes {first['revenue'] / categories['revenue'].sum():.0%} of the revenue"
    bars: dict[str, Any] = {"unit": "money", "top": 9, "share": True, "highlight": [first["category"]]}
    charts.bars(categories, "category", "revenue", title=title, ax=axes[0, 0], **bars)
    total = summary["analytics"]["summary"]["total_revenue"]
    title = f"A year of baskets: ${total / 1e6:.2f}M, day by day"
    charts.line(days, "day", "revenue", unit="money", mean=7, title=title, ax=axes[0, 1])
    hours = frames.revenue_by_hour(summary)
    charts.columns(hours, "hour", "revenue", unit="money", title="Revenue by hour", ax=axes[1, 0])
    timeline = results.timeline(tasks.assign(node=tasks["machine"]))
    title = f"{len(tasks)} tasks on {tasks['node'].nunique()} machines, started from none"
    charts.timeline(timeline, "node", "waited_from", "started", "ended", label="task", title=title, ax=axes[1, 1])
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=75)


if __name__ == "__main__":
    runs = sorted(path for path in (ROOT / "runs").glob("*") if (path / "summary.json").exists())
    if not runs:
        sys.exit("There is no run yet: make run first.")
    draw(runs[-1], ROOT / "docs/results.png")
