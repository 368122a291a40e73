"""Runs side by side: figures, rules, anomalies and time of two or more, what changed and by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from batchkit.errors import ParameterError
from batchkit.page import words
from batchkit.page.index import read
from batchkit.page.reading import Found

COLUMNS = ["part", "what"]
_FIGURES = {
    "revenue": ("analytics", "summary", "total_revenue"),
    "orders that count": ("analytics", "summary", "completed_transactions"),
    "average order": ("analytics", "summary", "average_order_value"),
    "transactions": ("validation", "total_transactions"),
    "valid": ("validation", "valid_transactions"),
    "excluded": ("validation", "invalid_amount"),
    "files": ("source", "files"),
    "bytes": ("source", "bytes"),
}


def compare(runs: Sequence[str], folder: Path) -> pd.DataFrame:
    """Compare runs of a folder, the first with each other one.

    Returns a row for each figure, rule, anomaly and time: part, what, a column for each run (numbers as they are, other
    values as text), and a column `change` of the last against the first in words. Values that no run has are left out.
    Raises ParameterError when a run is not there.
    """
    found = [_found(name, folder) for name in runs]
    rows = [row for part, make in _PARTS.items() for row in _rows(part, [make(run) for run in found])]
    ids = [str(run.record["run_id"]) for run in found]
    names = [name if name not in ids[:at] else f"{name} ({at + 1})" for at, name in enumerate(ids)]
    return pd.DataFrame(rows, columns=[*COLUMNS, *names, "change"])


def _found(name: str, folder: Path) -> Found:
    found = read(folder / name) or read(Path(name))
    if found is None:
        raise ParameterError(f"There is no run {name} in {folder}: name the folder of a run, such as those in it.")
    return found


def _rows(part: str, values: list[dict[str, Any]]) -> list[list[Any]]:
    names = dict.fromkeys(name for each in values for name in each)
    return [_row(part, name, [each.get(name) for each in values]) for name in names]


def _row(part: str, name: str, values: list[Any]) -> list[Any]:
    first, last = values[0], values[-1]
    if all(isinstance(value, int | float) for value in (first, last)):
        change = words.change(last, first) or ("new" if last != first else "no change")
    else:
        change = "no change" if first == last else "changed"
    return [part, name, *values, change]


def _figures(run: Found) -> dict[str, Any]:
    found = {name: run.number(*path) for name, path in _FIGURES.items()}
    return {name: value for name, value in found.items() if value is not None}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": value if isinstance(value, int | float | str) else str(value)
            for part, entries in values.items() if isinstance(entries, Mapping)
            for name, value in entries.items()}  # fmt: skip


def _time(run: Found) -> dict[str, Any]:
    record = run.record
    found: dict[str, Any] = {"status": record.get("status"), "data": record.get("data")}
    try:
        first, last = (datetime.fromisoformat(str(record[name])) for name in ("started_at", "ended_at"))
        found["seconds"] = round((last - first).total_seconds(), 1)
    except (KeyError, ValueError):
        pass
    tasks = record.get("tasks") or []
    return found | {"tasks": len(tasks), "machines": len({task["node"] for task in tasks if task.get("node")})}


_PARTS: dict[str, Callable[[Found], dict[str, Any]]] = {
    "figures": _figures,
    "excluded by rule": lambda run: dict(run.part("validation", "error_counts")),
    "anomalies": lambda run: dict(run.part("anomalies", "counts")),
    "rules": lambda run: _flat(run.part("rules")),
    "run": _time,
    "versions": lambda run: dict(run.record.get("versions") or {}),
}
