"""runs/index.html: every run below a folder, the newest first, rewritten whole by each run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batchkit import story
from batchkit.files import write_whole
from batchkit.page import words
from batchkit.page.reading import Found
from batchkit.page.template import render
from batchkit.text import plain

NAME = "index.html"


def write_index(runs: Path) -> None:
    """Write the list of all runs. Raises OSError when it cannot be written."""
    rows = [_row(found) for found in runs_of(runs)]
    write_whole(runs / NAME, render("index.html.j2", title="Runs", rows=rows))


def runs_of(runs: Path) -> list[Found]:
    """Every run below a folder that has a run.json, the newest first."""
    folders = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    found = [run for folder in folders if (run := read(folder)) is not None]
    return sorted(found, key=lambda run: str(run.record.get("started_at")), reverse=True)


def read(folder: Path) -> Found | None:
    """A run's record and summary, the summary empty where there is none; None for a folder that is no run's."""
    record, summary = _json(folder / "run.json"), _json(folder / "summary.json")
    return Found(record, summary) if "run_id" in record else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _row(run: Found) -> dict[str, str]:
    """A run's row; what ends in `_key` is the number that its column sorts by, "" where there is none."""
    record = run.record
    orders = run.number("analytics", "summary", "completed_transactions")
    numbers = {"started": words.instant(record.get("started_at")), "revenue": run.revenue, "orders": orders,
               "excluded": run.excluded}  # fmt: skip
    return {
        "id": plain(record["run_id"]),
        "status": story.headline(record),
        "data": plain(record.get("data") or ""),
        "started": words.moment(record.get("started_at")),
        "took": words.duration(record.get("started_at"), record.get("ended_at")),
        "revenue": words.all_money(run.currencies, run.revenue) if run.summary else words.NOTHING,
        "orders": words.count(orders),
        "excluded": words.money(run.excluded, run.currencies),
        **{f"{name}_key": "" if value is None else repr(value) for name, value in numbers.items()},
    }
