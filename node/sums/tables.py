"""From columns to pandas: a batch as two tables, and the texts that its codes stand for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.reading.columns import CODE, FLOAT, HASH, Columns
from node.reading.transactions import NUMBERS
from node.sums.texts import Texts
from node.sums.times import parse_times

LINE = "line_items."


@dataclass
class Batch:
    """Transactions of one or more files, and what the reading of bad records found.

    Attributes:
        transactions: a row each: `file`, `index` in its file, `line_count` (-1: no list), `day` (YYYYMMDD or 0),
            `hour`, `offset`, the amounts, and the codes of texts.
        lines: a row each: `transaction` (row number there), the numbers, and the codes of texts.
        ids: transaction ids, empty where there is none.
        id_hashes: an element each.
        timestamps: as written.
        names: column of codes, `line_items.` before a line's -> what the codes stand for; "offset" too.
        missing: dotted names of fields that are no columns -> rows of transactions that lack them.
        wrong: dotted field name -> rows of transactions where it has a wrong type.
        said: dotted field name -> row of a transaction -> what is wrong with it there.
        present: required field -> rows of transactions that have it, or need it not, and are not in its column.
        filled: amount -> rows of transactions that have it from a mapping's constant.
    """

    transactions: pd.DataFrame
    lines: pd.DataFrame
    ids: Texts
    id_hashes: npt.NDArray[np.int64]
    timestamps: Texts
    names: dict[str, list[str]]
    missing: dict[str, list[int]]
    wrong: dict[str, list[int]]
    said: dict[str, dict[int, str]]
    present: dict[str, list[int]]
    filled: dict[str, list[int]]


class Tables:
    """Makes tables of one reader's columns, batch by batch; what its codes stand for adds up."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}

    def batch(self, columns: Columns) -> Batch:
        """The tables of the next batch."""
        for name, texts in columns.names.items():
            self.names.setdefault(name, []).extend(texts)
        arrays = {name: np.frombuffer(memoryview(memory), type_of(name)) for name, memory in columns.arrays.items()}
        ids = Texts(columns.ids, arrays.pop("id_size"))
        timestamps = Texts(columns.timestamps, arrays.pop("timestamp_size"))
        hashes = arrays.pop("id_hash")
        lines = {name.removeprefix(LINE): arrays.pop(name) for name in list(arrays) if name.startswith(LINE)}
        times = parse_times(timestamps)
        moments = {"day": times.day, "hour": times.hour, "offset": times.offset}
        sales = pd.DataFrame({**places(columns), **arrays, **moments}, copy=False)
        counts = arrays["line_count"]
        owners = np.repeat(np.arange(len(counts)), np.maximum(counts, 0))
        items = pd.DataFrame({"transaction": owners, **lines}, copy=False)
        found = (columns.missing, columns.wrong, columns.said, columns.present, columns.filled)
        return Batch(sales, items, ids, hashes, timestamps, {**self.names, "offset": times.offsets}, *found)


def type_of(name: str) -> Any:
    """A column's type of number, which is the one that it was collected with."""
    if name == "id_hash":
        return HASH
    return FLOAT if name.rpartition(".")[2] in NUMBERS else CODE


def places(columns: Columns) -> dict[str, npt.NDArray[np.int64]]:
    """For each transaction, its file and its index in it."""
    runs = np.array(columns.runs, np.int64).reshape(-1, 3)
    files, firsts, counts = runs.T
    rows = np.cumsum(counts) - counts
    return {"file": np.repeat(files, counts), "index": np.arange(counts.sum()) + np.repeat(firsts - rows, counts)}
