"""A report as tidy tables: one row an observation, ready for any chart.

Every function takes a report (the JSON as a dict, of one file or merged) and returns a DataFrame with named columns;
a rejected report gives empty ones. Money is in currency units; where a report has none (null), it is NaN, and what is
made of money alone, like a histogram of order values, is empty.
"""

from typing import Any

import pandas as pd

from node.contract import ANOMALY_TYPES, WEEKDAYS

Report = dict[str, Any]
MAX_DAYS = 3660  # ten years: so many rows has a table of days at the most


def section(report: Report, name: str, key: str) -> Any:
    """A part of a report, empty when the report is a rejected one."""
    return (report.get(name) or {}).get(key) or {}


def pairs(values: dict[str, Any], key: str, value: str) -> pd.DataFrame:
    """A mapping of numbers as two columns, in its own order."""
    return pd.DataFrame({key: pd.Series(list(values), dtype="str"), value: numbers(values.values())})


def numbers(values: Any) -> pd.Series:
    """Numbers, NaN for null."""
    return pd.Series([float("nan") if value is None else value for value in values], dtype="float64")


def rows(values: Any, columns: list[str], money: tuple[str, ...] = ()) -> pd.DataFrame:
    """A list of objects as a table with at least these columns."""
    table = pd.DataFrame(list(values or []), columns=columns)
    return table.assign(**{name: numbers(table[name]) for name in money})


def revenue_by_day(report: Report) -> pd.DataFrame:
    """Columns: day (datetime), revenue: every day from the first to the last, 0 where nothing was sold.

    Where these would be more than `MAX_DAYS`, they are the ten years with the most days in the report; what lies
    outside is in `stray_days`.
    """
    table = in_span(daily_revenue(report))
    if table.empty:
        return table
    full = pd.date_range(table["day"].min(), table["day"].max(), name="day")
    return table.set_index("day").reindex(full, fill_value=0.0).reset_index()


def stray_days(report: Report) -> pd.DataFrame:
    """Columns: day (datetime), revenue: the days that `revenue_by_day` leaves out, mostly none."""
    table = daily_revenue(report)
    return table[~table["day"].isin(in_span(table)["day"])].reset_index(drop=True)


def daily_revenue(report: Report) -> pd.DataFrame:
    """Columns: day (datetime), revenue: the days that the report has, in order."""
    table = pairs(section(report, "analytics", "revenue_by_day"), "day", "revenue")
    return table.assign(day=dates(table["day"])).sort_values("day", ignore_index=True)


def dates(texts: Any) -> Any:
    """Days as datetimes, from the year 1 to 9999."""
    return pd.to_datetime(pd.Series(texts, dtype="str"), format="%Y-%m-%d").astype("datetime64[s]")


def in_span(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the span of `MAX_DAYS` that has the most of them, the latest of several such spans."""
    days = table["day"].drop_duplicates().sort_values()
    if days.empty:
        return table
    last = days + pd.Timedelta(days=MAX_DAYS - 1)
    counts = days.searchsorted(last, side="right") - days.searchsorted(days)
    best = len(days) - 1 - counts[::-1].argmax()
    return table[table["day"].between(days.iloc[best], last.iloc[best])].reset_index(drop=True)


def revenue_by_hour(report: Report) -> pd.DataFrame:
    """Columns: hour (0 to 23), revenue."""
    values = section(report, "analytics", "revenue_by_hour")
    return pd.DataFrame({"hour": range(24), "revenue": numbers(values.get(f"{hour:02d}", 0.0) for hour in range(24))})


def revenue_by_weekday(report: Report) -> pd.DataFrame:
    """Columns: weekday (Monday first), revenue."""
    values = section(report, "analytics", "revenue_by_weekday")
    return pd.DataFrame({"weekday": WEEKDAYS, "revenue": numbers(values.get(name, 0.0) for name in WEEKDAYS)})


def revenue_by_currency(report: Report) -> pd.DataFrame:
    """Columns: currency, revenue; the largest first."""
    return pairs(section(report, "analytics", "revenue_by_currency"), "currency", "revenue")


def revenue_by_category(report: Report) -> pd.DataFrame:
    """Columns: category, revenue; the largest first."""
    return pairs(section(report, "analytics", "revenue_by_category"), "category", "revenue")


def top_customers(report: Report) -> pd.DataFrame:
    """Columns: customer_id, total_revenue, order_count."""
    columns = ["customer_id", "total_revenue", "order_count"]
    return rows(section(report, "analytics", "top_customers"), columns, money=("total_revenue",))


def top_products(report: Report, by: str = "revenue") -> pd.DataFrame:
    """Columns: product, revenue, quantity_sold; `by` is "revenue" or "quantity"."""
    name = "top_products_by_quantity" if by == "quantity" else "top_products"
    return rows(section(report, "analytics", name), ["product", "revenue", "quantity_sold"], money=("revenue",))


def errors_by_rule(report: Report) -> pd.DataFrame:
    """Columns: rule, transactions, amount: what each rule excludes; a transaction that breaks two counts in both."""
    counts, amounts = (section(report, "validation", name) for name in ("error_counts", "error_amounts"))
    table = pairs(counts, "rule", "transactions").astype({"transactions": "int64"})
    return table.assign(amount=numbers(amounts.get(rule, 0.0) for rule in table["rule"]))


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
    """Columns: day (datetime), type, count: long form; the days are bounded as those of `revenue_by_day` are."""
    days = section(report, "anomalies", "by_day")
    found = [(day, name, count) for day, row in days.items() for name, count in row.items()]
    table = pd.DataFrame(found, columns=["day", "type", "count"])
    return in_span(table.assign(day=dates(table["day"])))


def high_values(report: Report) -> pd.DataFrame:
    """Columns: transaction_id, total, timestamp, customer_id."""
    columns = ["transaction_id", "total", "timestamp", "customer_id"]
    return rows(section(report, "anomalies", "high_value_transactions"), columns, money=("total",))


def suspicious_patterns(report: Report) -> pd.DataFrame:
    """Columns: type, id (of a transaction or customer), value, limit."""
    found = section(report, "anomalies", "suspicious_patterns")
    plain = [{**row, "id": row.get("transaction_id", row.get("customer_id"))} for row in found]
    return rows(plain, ["type", "id", "value", "limit"], money=("value",))


def order_values(report: Report) -> pd.DataFrame:
    """Columns: from, to, label, orders, revenue: the histogram of order values, without empty ends."""
    found = section(report, "analytics", "order_value_histogram")
    table = rows(found, ["from", "to", "orders", "revenue"], money=("revenue",))
    labels = [
        f"{low:,.0f}+" if pd.isna(high) else f"{low:,.0f}-{high:,.0f}"  # the last class is open
        for low, high in zip(table["from"], table["to"], strict=True)
    ]
    table.insert(2, "label", labels)
    filled = table.index[table["orders"] > 0]
    kept = table.loc[filled.min() : filled.max()].reset_index(drop=True) if len(filled) else table.iloc[:0]
    return kept.astype({"orders": "int64"})


def pareto(report: Report) -> pd.DataFrame:
    """Columns: customers_percent, customers, revenue, revenue_percent."""
    columns = ["customers_percent", "customers", "revenue", "revenue_percent"]
    table = rows(section(report, "analytics", "customer_pareto"), columns, money=("revenue", "revenue_percent"))
    return table.dropna(subset=["revenue"])


def validation(report: Report) -> pd.DataFrame:
    """Columns: outcome ("valid", "invalid"), transactions."""
    counts = report.get("validation") or {}
    outcomes = ["valid", "invalid"]
    return pd.DataFrame(
        {"outcome": outcomes, "transactions": [counts.get(f"{name}_transactions", 0) for name in outcomes]}
    )


def revenue_by_month(report: Report) -> pd.DataFrame:
    """Columns: month (text), revenue."""
    return pairs(section(report, "analytics", "revenue_by_month"), "month", "revenue")


def segments(report: Report) -> pd.DataFrame:
    """Columns: segment, customers, revenue."""
    found = section(report, "analytics", "segments")
    return rows(found, ["segment", "customers", "revenue"], money=("revenue",))


def cohorts(report: Report) -> pd.DataFrame:
    """Columns: month (of the first order), later (months), customers, share (of the month's): long form, 0 included."""
    found = section(report, "analytics", "cohorts")
    table = [
        (row["month"], int(later), count, count / row["customers"])
        for row in found or []
        for later, count in {"0": row["customers"], **row["returning"]}.items()
    ]
    return pd.DataFrame(table, columns=["month", "later", "customers", "share"])


def classes(report: Report, of: str = "customer") -> pd.DataFrame:
    """Columns: class (A, B, C), count, revenue; `of` is "customer" or "product"."""
    found = section(report, "analytics", f"{of}_classes")
    plain = [{"class": name, **row} for name, row in dict(found).items()]
    return rows(plain, ["class", "count", "revenue"], money=("count", "revenue"))


def baskets(report: Report) -> pd.DataFrame:
    """Columns: from, to (NaN: open), orders: orders by their number of lines."""
    found = section(report, "analytics", "baskets")
    return rows(dict(found).get("histogram"), ["from", "to", "orders"]).astype({"orders": "int64"})


def outliers(report: Report) -> pd.DataFrame:
    """Columns: kind, id, value, median, score: what is far from the usual."""
    return rows(section(report, "anomalies", "outliers"), ["kind", "id", "value", "median", "score"])
