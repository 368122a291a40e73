"""The parts of a summary that the page reads, each as it is there or empty: a summary may be of any data, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A run: its record (run.json) and its summary, empty where there is none."""

    record: Report
    summary: Report

    def part(self, *path: str) -> Any:
        """A part of the summary, {} where it is not there."""
        value: Any = self.summary
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
            if value is None:
                return {}
        return value

    def rows(self, *path: str) -> list[Report]:
        """A list of the summary, empty where there is none."""
        value = self.part(*path)
        return list(value) if isinstance(value, list) else []

    def number(self, *path: str) -> float | None:
        """A number of the summary, None where it is not there."""
        value = self.part(*path)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def currencies(self) -> dict[str, float]:
        """Revenue by currency."""
        return dict(self.part("analytics", "revenue_by_currency"))

    @property
    def revenue(self) -> float | None:
        """The revenue, None where there is no one sum."""
        return self.number("analytics", "summary", "total_revenue")

    @property
    def excluded(self) -> float | None:
        """The money in transactions that the rules exclude."""
        return self.number("validation", "invalid_amount")

    @property
    def days(self) -> dict[str, float]:
        """Revenue by day, as written."""
        return dict(self.part("analytics", "revenue_by_day"))

    def states(self) -> dict[str, int]:
        """How many inputs are in each state."""
        found: dict[str, int] = {}
        for entry in self.record.get("inputs") or []:
            found[entry["state"]] = found.get(entry["state"], 0) + 1
        return found
