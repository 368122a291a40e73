"""A merge's whole tables as CSV files that a spreadsheet can open: a text in them is never a formula."""

import csv
import re
from pathlib import Path

import pandas as pd

from node.files import write_whole
from node.report.amounts import Amounts
from node.report.anomalies import anomaly_lists
from node.report.figures import pieces, ranked
from node.sums.partial import Part

# A quote before it makes a spreadsheet take it as text. One that has quotes before it already gets one more, so that
# taking one away gives every text back.
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def whole_tables(part: Part) -> dict[str, pd.DataFrame]:
    """Every customer, product, category, day, rule and anomaly of a merge, the largest first."""
    amounts = Amounts.of(part)
    tables = {name: part.tables.get(name, {}) for name in ("customers", "products", "categories", "days")}
    found = {name: ranked(table, amounts.rank) for name, table in tables.items()}
    broken = ranked(part.tables.get("error_fields", {}), 0)
    return {
        "customers": with_counts(found["customers"], amounts, ["customer_id", "total_revenue"]),
        "products": with_pieces(found["products"], amounts, "product"),
        "categories": with_pieces(found["categories"], amounts, "category"),
        "days": with_counts(sorted(found["days"]), amounts, ["day", "revenue"]),
        "errors": pd.DataFrame(
            [(*key.split(": ", 1), row[0], amounts.money(row[1])) for key, row in broken],
            columns=["rule", "field", "transactions", "amount"],
        ),
        "anomalies": anomaly_table(part, amounts),
    }


def with_counts(found: list[tuple[str, list[int]]], amounts: Amounts, names: list[str]) -> pd.DataFrame:
    """Rows of a key, its revenue, orders and valid transactions."""
    rows = [(key, amounts.money(row[0]), *row[1:]) for key, row in found]
    return pd.DataFrame(rows, columns=[*names, "order_count", "transactions"])


def with_pieces(found: list[tuple[str, list[int]]], amounts: Amounts, name: str) -> pd.DataFrame:
    """Rows of a key, its revenue, pieces and lines."""
    rows = [(key, amounts.money(row[0]), pieces(row[1]), row[2]) for key, row in found]
    return pd.DataFrame(rows, columns=[name, "revenue", "quantity_sold", "lines"])


def anomaly_table(part: Part, amounts: Amounts) -> pd.DataFrame:
    """Every anomaly, type by type: whose it is, how large, and the limit that it exceeds."""
    columns = ["type", "transaction_id", "customer_id", "value", "limit", "timestamp"]
    found = [row for rows in anomaly_lists(part, amounts, None) for row in rows]
    return pd.DataFrame(found, columns=columns)


def write_tables(part: Part, folder: Path) -> None:
    """Write the whole tables of a merge as CSV files, one a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in whole_tables(part).items():
        write_whole(folder / f"{name}.csv", as_csv(table).encode("utf-8"))


def as_csv(table: pd.DataFrame) -> str:
    """A table as CSV, its texts harmless."""
    texts, safe = table.select_dtypes(exclude="number").columns, table.copy()
    for name in texts:
        safe[name] = table[name].map(harmless)
    # Python's csv does not quote a carriage return by itself, at which a reader would break the row.
    broken = any("\r" in value for name in texts for value in safe[name] if isinstance(value, str))
    return str(safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL))


def harmless(value: object) -> object:
    """A text that no spreadsheet takes for a formula; numbers in texts stay as they are."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value
