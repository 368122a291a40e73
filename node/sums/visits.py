"""When customers order: of each the last day and every month, from which segments and cohorts are made."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from node.sums.partial import Part, add_visits
from node.sums.tables import Batch

Integers = npt.NDArray[np.int64]


def fold_visits(batch: Batch, sales: pd.DataFrame, parts: dict[int, Part]) -> None:
    """Of each customer with orders that count, the last day and every month with one."""
    named = (sales["orders"] > 0) & (sales["customer"] > 0) & (sales["day"] > 0)
    days = sales["day"].to_numpy()[named]
    months, month_codes = np.unique(days // 100, return_inverse=True)
    names, width = batch.names["customer.customer_id"], max(len(months), 1)
    count = len(names)
    keys = (sales["file"].to_numpy()[named] * count + sales["customer"].to_numpy()[named]) * width + month_codes
    order = np.lexsort(
        (days, keys)
    )  # a file's customers together, a customer's months in order, its last day at the end
    keys, days = keys[order], days[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    owners, codes = np.divmod(keys[firsts], width)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    bounds = np.append(starts, len(owners)).tolist()
    last = np.maximum.reduceat(days, firsts[starts]).tolist() if len(starts) else []
    labels = months.tolist()
    seen = [labels[code] for code in codes.tolist()]
    files, customers = np.divmod(owners[starts], count)
    buyers = customers.tolist()
    for start, end in neighbours(files):
        rows = {names[buyers[at]]: [last[at], *seen[bounds[at] : bounds[at + 1]]] for at in range(start, end)}
        add_visits(parts[int(files[start])].visits, rows)


def neighbours(files: Integers) -> list[tuple[int, int]]:
    """Runs of the same file: the rows from start to end."""
    bounds = [0, *(np.flatnonzero(np.diff(files)) + 1).tolist(), len(files)]
    return list(pairwise(bounds)) if len(files) else []
