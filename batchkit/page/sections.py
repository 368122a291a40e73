"""The page's sections, from a summary and a record: money, customers, products, time, what is excluded, the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from batchkit import charts, results, tables
from batchkit.page import words
from batchkit.page.parts import Section, Table, chart, kept
from batchkit.page.reading import Found
from batchkit.text import plain

TOP = 8
_FAR = pd.Timedelta(days=3653)  # from the day in the middle
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LIMITS = {
    "quantity": "a line's quantity is above 0 and at most {max_quantity}",
    "unit_price": "a line's unit price is 0 to {max_unit_price}",
    "total": "a total is above 0 and at most {max_total}",
}
_PATTERNS = {
    "high_value": "orders above {high_value}",
    "duplicate_transaction_id": "a transaction id that was there before; it still counts",
    "high_quantity": "lines of more than {high_quantity} pieces",
    "frequent_customer": "customers with more than {frequent_customer} transactions",
    "total_mismatch": "totals that differ from their parts by more than {total_mismatch}",
}


def sections(run: Found) -> list[Section]:
    """Every section that has something to show."""
    made = [_money(run), _customers(run), _products(run), _time(run), _excluded(run), _unusual(run), _job(run)]
    return [section for section in (*made, _about(run)) if section]


def _frame(table: Table) -> pd.DataFrame:
    return pd.DataFrame(list(table.rows), columns=list(table.head))


def _unit(run: Found) -> Any:
    return tables.unit(run.currencies)


def _named(values: Mapping[str, Any], name: str, head: Sequence[str]) -> Table:
    return Table(name, head, list(values.items()), frozenset({1}))


def _money(run: Found) -> Section:
    unit = _unit(run)
    by_category = run.part("analytics", "revenue_by_category")
    categories = _named(by_category, "categories", ("category", "revenue"))
    days = _named(dict(sorted(run.days.items())), "days", ("day", "revenue"))
    bins = run.rows("analytics", "order_value_histogram")
    values = Table("order-values", ("value", "orders", "revenue"), [
        (_bin(entry), entry["orders"], entry["revenue"]) for entry in bins], frozenset({1, 2}))  # fmt: skip
    first = tables.largest(_frame(categories), "category", "revenue")
    daily, stray = _daily(days)
    title = f"{first} leads" if first else "Revenue by category"
    return Section(
        "money", "Money", "Money counts valid transactions of the statuses that count, and no other." + stray,
        kept(
            chart("categories", title, categories, lambda: charts.bars(
                _frame(categories), "category", "revenue", unit=unit, top=TOP, share=True, highlight=first.names)),
            chart("days", "Revenue by day", days, lambda: charts.line(
                daily, "day", "revenue", unit=unit, mean=7 if len(daily) > 13 else 0)),
            chart("order-values", "Orders by value", values, lambda: charts.columns(
                _frame(values), "value", "orders")),
        ),
    )  # fmt: skip


def _daily(days: Table) -> tuple[pd.DataFrame, str]:
    """The days to draw, and a sentence on those far from all others, which would press the rest into a line."""
    texts = pd.Series([str(row[0]) for row in days.rows], dtype=str)
    found = pd.DataFrame({"day": pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce"),
                          "revenue": [row[1] for row in days.rows]}).dropna()  # fmt: skip
    if found.empty:
        return found, ""
    middle = found["day"].sort_values().iloc[len(found) // 2]
    near = (found["day"] - middle).abs() <= _FAR
    stray = words.count(int((~near).sum()), "day")
    return found[near], "" if near.all() else f" {stray} far from all others are in the table and not drawn."


def _bin(entry: Mapping[str, Any]) -> str:
    return f"{entry['from']:,g}+" if entry.get("to") is None else f"{entry['from']:,g}\u2013{entry['to']:,g}"


def _customers(run: Found) -> Section:
    unit = _unit(run)
    best = Table("customers", ("customer", "revenue", "orders"), [
        (r["customer_id"], r["total_revenue"], r["order_count"]) for r in run.rows("analytics", "top_customers")
    ], frozenset({1, 2}))  # fmt: skip
    points = run.rows("analytics", "customer_pareto")
    curve = Table("pareto", ("customers", "share of revenue"), [
        (p["customers"], p["revenue_percent"] / 100) for p in points], frozenset({0, 1}))  # fmt: skip
    everyone = points[-1]["customers"] if points else 0
    segments = Table("segments", ("segment", "customers", "revenue"), [
        (r["segment"], r["customers"], r["revenue"]) for r in run.rows("analytics", "segments")
    ], frozenset({1, 2}))  # fmt: skip
    return Section(
        "customers", "Customers", "",
        kept(
            chart("customers", "Best customers", best, lambda: charts.bars(
                _frame(best), "customer", "revenue", unit=unit)),
            chart("pareto", "How much depends on how many", curve, lambda: charts.pareto(
                _frame(curve), "customers", "share of revenue", finished=True, noun="customers",
                reached=run.number("analytics", "customer_classes", "A", "count")))
            if everyone >= 10 else None,
            chart("segments", "Segments", segments, lambda: charts.bars(
                _frame(segments), "segment", "revenue", unit=unit)),
        ),
    )  # fmt: skip


def _products(run: Found) -> Section:
    unit = _unit(run)
    best, many = (
        Table(name, ("product", "revenue", "quantity"), [
            (r["product"], r["revenue"], r["quantity_sold"]) for r in run.rows("analytics", part)], frozenset({1, 2}))
        for name, part in (("products", "top_products"), ("products-by-quantity", "top_products_by_quantity"))
    )  # fmt: skip
    return Section(
        "products", "Products", "",
        kept(
            chart("products", "Best products by revenue", best, lambda: charts.bars(
                _frame(best), "product", "revenue", unit=unit)),
            chart("products-by-quantity", "Most sold", many, lambda: charts.bars(
                _frame(many), "product", "quantity")),
        ),
    )  # fmt: skip


def _time(run: Found) -> Section:
    unit = _unit(run)
    hours = _named(run.part("analytics", "revenue_by_hour"), "hours", ("hour", "revenue"))
    by_weekday = run.part("analytics", "revenue_by_weekday")
    weekdays = Table("weekdays", ("weekday", "revenue"), [
        (name, by_weekday[name]) for name in WEEKDAYS if name in by_weekday], frozenset({1}))  # fmt: skip
    months = Table("months", ("month", "revenue"), _months(run), frozenset({1}))
    short = _frame(weekdays).assign(weekday=[str(row[0])[:3] for row in weekdays.rows])
    peak = tables.largest(_frame(hours), "hour", "revenue")
    return Section(
        "time", "Time", "Hours, days and months are those that stand in the data.",
        kept(
            chart("hours", f"The peak is at {peak} h" if peak else "Revenue by hour", hours, lambda: charts.columns(
                _frame(hours), "hour", "revenue", unit=unit, highlight=peak.names)),
            chart("weekdays", "Revenue by weekday", weekdays, lambda: charts.columns(
                short, "weekday", "revenue", unit=unit)),
            chart("months", "Revenue by month", months, lambda: charts.columns(
                _frame(months), "month", "revenue", unit=unit)) if 1 < len(months.rows) < 61 else None,
        ),
    )  # fmt: skip


def _months(run: Found) -> list[tuple[str, float]]:
    """Revenue by month: the report's own, else the days' sums, with the months between that have none."""
    own = run.part("analytics", "revenue_by_month")
    cents: dict[str, int] = {}
    for day, value in run.days.items():
        cents[day[:7]] = cents.get(day[:7], 0) + round(value * 100)
    return sorted(own.items()) if own else [(month, value / 100) for month, value in sorted(cents.items())]


def _excluded(run: Found) -> Section:
    counts, amounts = (run.part("validation", name) for name in ("error_counts", "error_amounts"))
    limits = run.part("rules", "limits")
    whole = run.excluded or 0
    rows = [(rule, _LIMITS.get(rule, "it must be there, and of its type").format_map(_Known(limits)), number,
             amounts.get(rule), amounts.get(rule, 0) / whole if whole > 0 else None)
            for rule, number in counts.items()]  # fmt: skip
    why = Table("rules", ("rule", "what it asks", "transactions", "money", "share of the excluded"), [
        (rule, asks, number, value, words.percent(share)) for rule, asks, number, value, share in rows
    ], frozenset({2, 3}))  # fmt: skip
    by_money = Table("excluded", ("rule", "money"), [(row[0], row[3] or 0) for row in rows], frozenset({1}))
    examples = Table("examples", ("file", "transaction", "what is wrong"), [
        (entry.get("file", ""), entry.get("transaction_id") or "", "; ".join(entry.get("errors") or []))
        for entry in run.rows("validation", "errors")])  # fmt: skip
    if not rows:
        return Section("excluded", "Excluded, and why")
    share = words.percent(whole / (whole + run.revenue)) if run.revenue and whole > 0 else ""
    total = words.count(run.number("validation", "invalid_transactions"), "transaction")
    text = f"{total} with {words.money(run.excluded, run.currencies)} are excluded"
    text += f", {share} of what is reported." if share else "."
    return Section(
        "excluded", "Excluded, and why", f"{text} One that breaks two rules counts in both.",
        kept(chart("excluded", "Money excluded, by rule", by_money, lambda: charts.bars(
            _frame(by_money), "rule", "money", unit=_unit(run)))),
        [("Each rule, and what it excludes", why), ("Examples", examples)],
    )  # fmt: skip


class _Known(dict[str, Any]):
    """Limits by name; one that the report does not have is said to be the rules' own."""

    def __missing__(self, name: str) -> str:
        return "the rules' limit"


def _unusual(run: Found) -> Section:
    counts = run.part("anomalies", "counts")
    limits = _Known(run.part("rules", "anomalies"))
    kinds = Table("unusual", ("kind", "what makes it so", "number"), [
        (name.replace("_", " "), _PATTERNS.get(name, name).format_map(limits), number)
        for name, number in counts.items() if number], frozenset({2}))  # fmt: skip
    outliers = Table("outliers", ("kind", "which", "value", "usual", "how far"), [
        (r.get("kind"), r.get("id"), r.get("value"), r.get("median"), r.get("score"))
        for r in run.rows("anomalies", "outliers")], frozenset({2, 3, 4}))  # fmt: skip
    listed = Table("patterns", ("kind", "which", "value", "limit"), [
        (str(r["type"]).replace("_", " "), r.get("transaction_id") or r.get("customer_id"), r.get("value"),
         r.get("limit")) for r in run.rows("anomalies", "suspicious_patterns")], frozenset({2, 3}))  # fmt: skip
    found = [("What is unusual", kinds), ("Far from the usual", outliers), ("The first of each kind", listed)]
    return Section("unusual", "Unusual", "All of these are valid, and count.", [],
                   [(title, table) for title, table in found if table.rows])  # fmt: skip


def _job(run: Found) -> Section:
    ran = pd.DataFrame(run.record.get("tasks") or [], columns=results.TASK_COLUMNS)
    for name in ("created", "started", "ended"):
        ran[name] = pd.to_datetime(ran[name], utc=True, errors="coerce")
    line = results.timeline(ran)
    names = {node: f"machine {number}" for number, node in enumerate(dict.fromkeys(line["node"]), 1)}
    line["node"] = line["node"].map(names)
    tasks = Table("tasks", ("task", "machine", "waited s", "ran s", "result"), [
        (t["task"], names.get(t["node"], ""), _seconds(t["created"], t["started"]), _seconds(t["started"], t["ended"]),
         plain(t["reason"]) or t["result"]) for t in ran.to_dict("records")], frozenset({2, 3}))  # fmt: skip
    files = Table(
        "files",
        ("file", "state", "reason"),
        [(e["name"], str(e["state"]).replace("_", " "), e.get("reason", "")) for e in run.record.get("inputs") or []],
    )
    machines = words.count(len(names), "machine")
    return Section(
        "job", "How the job ran", f"{words.count(len(tasks.rows), 'task')} on {machines}." if tasks.rows else "",
        kept(chart("timeline", "Each task, waiting and at work", tasks, lambda: charts.timeline(
            line, "node", "waited_from", "started", "ended")) if len(line) else None),
        [("What became of each file", files)] if files.rows else [],
    )  # fmt: skip


def _seconds(first: Any, last: Any) -> float | None:
    return None if pd.isna(first) or pd.isna(last) else round((last - first).total_seconds(), 1)


def _about(run: Found) -> Section:
    rules = [(f"{part}.{name}", value if isinstance(value, int | float | str) else ", ".join(map(str, value)) or "none")
             for part, entries in (run.part("rules") or {}).items() if isinstance(entries, Mapping)
             for name, value in entries.items()]  # fmt: skip
    versions = list((run.record.get("versions") or {}).items())
    found = [("The rules that were used", Table("rules-used", ("rule", "value"), rules)),
             ("Versions", Table("versions", ("package", "version"), versions))]  # fmt: skip
    terms = [
        ("Revenue", "the sum of the totals of valid transactions whose status counts."),
        ("Valid", "all that is required is there, and no limit is passed."),
        ("Excluded", "transactions that break a rule; their totals are summed apart and are in no other figure."),
        ("Rejected", "a file that cannot be read as what it says it is."),
        ("Refused", "a file whose name cannot go to a machine and back."),
        ("Left out", "what lies beside the data and is no input."),
    ]
    return Section("about", "About these figures", "", [], [(t, table) for t, table in found if table.rows], terms)
