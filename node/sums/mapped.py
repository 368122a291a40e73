"""What a mapping's paths found: one that leads nowhere is a mistake that no rule sees where a field may be missing."""

from typing import Any

import numpy as np

from node.mapping.file import LINE, Mapping
from node.sums.partial import Part, add_counts
from node.sums.rules import absent
from node.sums.tables import Batch

FOUND = "found: "
# Money that may be missing or constant, and its currency: anything else that is not found shows by itself.
OPTIONAL = ("shipping_cost", "tax", "currency", "discount")


def looked_for(mapping: dict[str, Any]) -> dict[str, Any]:
    """The fields to watch, by their columns' names, each with its paths, from a mapping as a report has it."""
    tables = ((mapping.get("fields", {}), ""), (mapping.get("lines", {}), LINE))
    return {prefix + name: table[name] for table, prefix in tables for name in OPTIONAL if name in table}


def count_found(batch: Batch, mapping: Mapping, parts: dict[int, Part]) -> None:
    """Add how many transactions, or lines, of each file have what the mapping gives them, constants left out."""
    files = batch.transactions["file"].to_numpy()
    owners = batch.lines["transaction"].to_numpy()
    for name in looked_for(mapping.document):
        of_line = name.startswith(LINE)
        table = batch.lines if of_line else batch.transactions
        there = ~absent(table[name.removeprefix(LINE)])
        there[np.asarray(batch.filled.get(name, []), np.int64)] = False
        rows = (files[owners] if of_line else files)[there]
        for file, count in zip(*np.unique(rows, return_counts=True), strict=True):
            add_counts(parts[int(file)].counts, {FOUND + name: int(count)})
