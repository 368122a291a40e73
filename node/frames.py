"""A report as tidy tables: one row an observation, ready for any chart; and a merge's whole tables as CSV.

Every function takes a report (the JSON as a dict, of one file or merged) and returns a DataFrame with named columns;
a rejected report gives empty ones. Money is in currency units.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from node.contract import ANOMALY_TYPES, WEEKDAYS
from node.files import write_whole
from node.partial import Part
from node.report import anomaly_lists, money, pieces, ranked

Report = dict[str, Any]


def section(report: Report, name: str, key: str) -> Any:
    """A part of a report, empty when the report is a rejected one."""
    return (report.get(name) or {}).get(key) or {}


def pairs(values: dict[str, Any], key: str, value: str) -> pd.DataFrame:
    """A mapping as two columns, in its own order."""
    return pd.DataFrame({key: list(values), value: list(values.values())}, columns=[key, value])


def rows(values: Any, columns: list[str]) -> pd.DataFrame:
    """A list of objects as a table with at least these columns."""
    return pd.DataFrame(list(values or []), columns=columns)


def revenue_by_day(report: Report) -> pd.DataFrame:
    """Columns: day (datetime), revenue: every day from the first to the last, 0 where nothing was sold."""
    table = pairs(section(report, "analytics", "revenue_by_day"), "day", "revenue")
    table["day"] = pd.to_datetime(table["day"])
    if table.empty:
        return table
    full = pd.date_range(table["day"].min(), table["day"].max(), name="day")
    return table.set_index("day").reindex(full, fill_value=0.0).reset_index()


def revenue_by_hour(report: Report) -> pd.DataFrame:
    """Columns: hour (0 to 23), revenue."""
    values = section(report, "analytics", "revenue_by_hour")
    return pd.DataFrame({"hour": range(24), "revenue": [values.get(f"{hour:02d}", 0.0) for hour in range(24)]})


def revenue_by_weekday(report: Report) -> pd.DataFrame:
    """Columns: weekday (Monday first), revenue."""
    values = section(report, "analytics", "revenue_by_weekday")
    return pd.DataFrame({"weekday": WEEKDAYS, "revenue": [values.get(name, 0.0) for name in WEEKDAYS]})


def revenue_by_category(report: Report) -> pd.DataFrame:
    """Columns: category, revenue; the largest first."""
    return pairs(section(report, "analytics", "revenue_by_category"), "category", "revenue")


def top_customers(report: Report) -> pd.DataFrame:
    """Columns: customer_id, total_revenue, order_count."""
    columns = ["customer_id", "total_revenue", "order_count"]
    return rows(section(report, "analytics", "top_customers"), columns)


def top_products(report: Report, by: str = "revenue") -> pd.DataFrame:
    """Columns: product, revenue, quantity_sold; `by` is "revenue" or "quantity"."""
    name = "top_products_by_quantity" if by == "quantity" else "top_products"
    return rows(section(report, "analytics", name), ["product", "revenue", "quantity_sold"])


def errors_by_rule(report: Report) -> pd.DataFrame:
    """Columns: rule, transactions, amount: what each rule excludes; a transaction that breaks two counts in both."""
    table = pairs(section(report, "validation", "error_counts"), "rule", "transactions")
    amounts = section(report, "validation", "error_amounts")
    table["amount"] = [float(amounts.get(rule, 0.0)) for rule in table["rule"]]
    return table


def errors(report: Report) -> pd.DataFrame:
    """Columns: file (merged reports only), index, transaction_id, errors (one text)."""
    table = rows(section(report, "validation", "errors"), ["file", "index", "transaction_id", "errors"])
    table["errors"] = [", ".join(texts) for texts in table["errors"]]
    return table


def anomalies(report: Report) -> pd.DataFrame:
    """Columns: type, count: every type, the ones that did not occur too."""
    counts = section(report, "anomalies", "counts")
    return pd.DataFrame({"type": ANOMALY_TYPES, "count": [counts.get(name, 0) for name in ANOMALY_TYPES]})


def anomalies_by_day(report: Report) -> pd.DataFrame:
    """Columns: day (datetime), type, count: long form."""
    days = section(report, "anomalies", "by_day")
    found = [(day, name, count) for day, row in days.items() for name, count in row.items()]
    table = pd.DataFrame(found, columns=["day", "type", "count"])
    table["day"] = pd.to_datetime(table["day"])
    return table


def high_values(report: Report) -> pd.DataFrame:
    """Columns: transaction_id, total, timestamp, customer_id."""
    columns = ["transaction_id", "total", "timestamp", "customer_id"]
    return rows(section(report, "anomalies", "high_value_transactions"), columns)


def suspicious_patterns(report: Report) -> pd.DataFrame:
    """Columns: type, id (of a transaction or customer), value, limit."""
    found = section(report, "anomalies", "suspicious_patterns")
    plain = [{**row, "id": row.get("transaction_id", row.get("customer_id"))} for row in found]
    return rows(plain, ["type", "id", "value", "limit"])


def order_values(report: Report) -> pd.DataFrame:
    """Columns: from, to, label, orders, revenue: the histogram of order values, without empty ends."""
    table = rows(section(report, "analytics", "order_value_histogram"), ["from", "to", "orders", "revenue"])
    labels = [
        f"{low:,.0f}+" if pd.isna(high) else f"{low:,.0f}-{high:,.0f}"  # the last class is open
        for low, high in zip(table["from"], table["to"], strict=True)
    ]
    table.insert(2, "label", labels)
    filled = table.index[table["orders"] > 0]
    return table.loc[filled.min() : filled.max()].reset_index(drop=True) if len(filled) else table.iloc[:0]


def pareto(report: Report) -> pd.DataFrame:
    """Columns: customers_percent, customers, revenue, revenue_percent."""
    columns = ["customers_percent", "customers", "revenue", "revenue_percent"]
    return rows(section(report, "analytics", "customer_pareto"), columns)


def validation(report: Report) -> pd.DataFrame:
    """Columns: outcome ("valid", "invalid"), transactions."""
    counts = report.get("validation") or {}
    outcomes = ["valid", "invalid"]
    return pd.DataFrame(
        {"outcome": outcomes, "transactions": [counts.get(f"{name}_transactions", 0) for name in outcomes]}
    )


def whole_tables(part: Part) -> dict[str, pd.DataFrame]:
    """Every customer, product, category, day, rule and anomaly of a merge, the largest first."""
    named = {name: ranked(part.tables.get(name, {}), 0) for name in ("customers", "products", "categories", "days")}
    found = named["products"]
    return {
        "customers": table_of(named["customers"], ["customer_id", "total_revenue", "order_count", "transactions"]),
        "products": pd.DataFrame(
            [(key, money(row[0]), pieces(row[1]), row[2]) for key, row in found],
            columns=["product", "revenue", "quantity_sold", "lines"],
        ),
        "categories": pd.DataFrame(
            [(key, money(row[0]), pieces(row[1]), row[2]) for key, row in named["categories"]],
            columns=["category", "revenue", "quantity_sold", "lines"],
        ),
        "days": table_of(sorted(named["days"]), ["day", "revenue", "order_count", "transactions"]),
        "errors": pd.DataFrame(
            [(*key.split(": "), row[0], money(row[1])) for key, row in ranked(part.tables.get("error_fields", {}), 0)],
            columns=["rule", "field", "transactions", "amount"],
        ),
        "anomalies": anomaly_table(part),
    }


def table_of(found: list[tuple[str, list[int]]], columns: list[str]) -> pd.DataFrame:
    """Rows of a key, cents and counts."""
    return pd.DataFrame([(key, money(row[0]), *row[1:]) for key, row in found], columns=columns)


def anomaly_table(part: Part) -> pd.DataFrame:
    """Every anomaly, type by type: whose it is, how large, and the limit that it exceeds."""
    columns = ["type", "transaction_id", "customer_id", "value", "limit", "timestamp"]
    found = [row for rows in anomaly_lists(part, None) for row in rows]
    return pd.DataFrame(found, columns=columns)


def write_tables(part: Part, folder: Path) -> None:
    """Write the whole tables of a merge as CSV files, one a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in whole_tables(part).items():
        write_whole(folder / f"{name}.csv", table.to_csv(index=False).encode("utf-8"))
