"""A part as a report: rounding, averages, top lists and shares, in the layout that the contract fixes."""

import math
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from node import __version__
from node.contract import (
    ANOMALY_TYPES,
    HISTOGRAM_EDGES,
    MAX_ANOMALIES,
    MAX_CUSTOMERS,
    MAX_PRODUCTS,
    MAX_WARNINGS,
    PARETO_STEPS,
    SCHEMA_VERSION,
    WEEKDAYS,
)
from node.money import average_cents, from_units
from node.partial import TABLES, BadRecord, Part, Table
from node.times import day_name, weekday_of

Json = dict[str, Any]


def money(cents: int) -> float:
    """Currency units of whole cents: the nearest float to the exact quotient."""
    return cents / 100


def pieces(thousandths: int) -> float:
    """Pieces of whole thousandths."""
    return thousandths / 1000


def frame_of(status: str, rejection: Json | None, source: Json, seconds: float, rules: Json) -> Json:
    """The fields that every report has, processed or rejected."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "rejection": rejection,
        "source": source,
        "batch_id": None,
        "processed_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "processing_time_seconds": round(seconds, 6),
        "worker_version": __version__,
        "rules": rules,
        "warnings": [],
        "validation": None,
        "analytics": None,
        "anomalies": None,
    }


def rejected_report(source: Json, reason: str, offset: int | None, seconds: float, rules: Json) -> Json:
    """The report of a file that could not be read."""
    return frame_of("rejected", {"reason": reason, "byte_offset": offset}, source, seconds, rules)


def processed_report(part: Part, source: Json, batch_id: str | None, seconds: float, with_file: bool) -> Json:
    """The report of one file, or with `with_file` of many that were merged."""
    report = frame_of("processed", None, source, seconds, part.rules)
    report["batch_id"] = batch_id
    report["warnings"] = warnings(part, with_file)
    report["validation"] = validation(part, with_file)
    report["analytics"] = analytics(part)
    report["anomalies"] = anomalies(part)
    return report


def warnings(part: Part, with_file: bool) -> list[str]:
    """The first warnings, each with its file when there are many, and how many were left out."""
    texts = sorted(f"{name}: {text}" if with_file and name else text for name, text in part.warnings)
    left_out = len(texts) - MAX_WARNINGS
    return texts if left_out <= 0 else [*texts[:MAX_WARNINGS], f"and {left_out} more warnings"]


def validation(part: Part, with_file: bool) -> Json:
    """Counts, and the first errors by transaction id."""
    counts = part.counts
    total, valid = counts.get("total_transactions", 0), counts.get("valid_transactions", 0)
    errors = part.tables.get("errors", {})
    return {
        "total_transactions": total,
        "valid_transactions": valid,
        "invalid_transactions": total - valid,
        "total_line_items": counts.get("total_line_items", 0),
        "invalid_amount": money(counts.get("invalid_cents", 0)),
        "unknown_fields": dict(sorted(part.unknown_fields.items(), key=lambda item: (-item[1], item[0]))),
        "error_counts": ranked_column(errors, 0),
        "error_amounts": {name: money(errors[name][1]) for name in ranked_column(errors, 0)},
        "errors": [bad_record(record, with_file) for record in part.bad_records],
    }


def bad_record(record: BadRecord, with_file: bool) -> Json:
    """One invalid transaction."""
    place: Json = {"file": record.file} if with_file else {}
    identity = record.transaction_id or None
    return {**place, "index": record.index, "transaction_id": identity, "errors": record.errors}


def ranked(table: Table, column: int, count: int | None = None) -> list[tuple[str, list[int]]]:
    """A table's rows, the largest first, then by key."""
    return sorted(table.items(), key=lambda item: (-item[1][column], item[0]))[:count]


def ranked_column(table: Table, column: int) -> dict[str, int]:
    """One column of a table, the largest first."""
    return {key: row[column] for key, row in ranked(table, column)}


def analytics(part: Part) -> Json:
    """Everything about the valid transactions."""
    tables = {name: part.tables.get(name, {}) for name in part.tables}
    days = dict(sorted(tables.get("days", {}).items()))
    buyers = {key: row for key, row in tables.get("customers", {}).items() if row[1]}
    return {
        "summary": summary(part.counts),
        "top_customers": [
            {"customer_id": key, "total_revenue": money(row[0]), "order_count": row[1]}
            for key, row in ranked(buyers, 0, MAX_CUSTOMERS)
        ],
        "top_products": [product(*item) for item in ranked(tables.get("products", {}), 0, MAX_PRODUCTS)],
        "top_products_by_quantity": [product(*item) for item in ranked(tables.get("products", {}), 1, MAX_PRODUCTS)],
        "revenue_by_category": {key: money(row[0]) for key, row in ranked(tables.get("categories", {}), 0)},
        "revenue_by_day": {key: money(row[0]) for key, row in days.items() if row[1]},
        "revenue_by_hour": {key: money(row[0]) for key, row in sorted(tables.get("hours", {}).items()) if row[1]},
        "revenue_by_weekday": by_weekday(days),
        "order_value_histogram": histogram(tables.get("order_values", {})),
        "customer_pareto": pareto(buyers),
        "status_breakdown": ranked_column(tables.get("statuses", {}), 0),
        "payment_methods": ranked_column(tables.get("payment_methods", {}), 0),
        "shipping_methods": ranked_column(tables.get("shipping_methods", {}), 0),
    }


def summary(counts: dict[str, int]) -> Json:
    """Sums and averages of the completed transactions."""
    orders = counts.get("completed", 0)
    revenue, tax, shipping = (counts.get(name, 0) for name in ("revenue", "tax", "shipping"))
    return {
        "total_transactions": counts.get("valid_transactions", 0),
        "completed_transactions": orders,
        "total_revenue": money(revenue),
        "total_tax": money(tax),
        "total_shipping": money(shipping),
        "average_order_value": money(average_cents(revenue, orders)),
        "average_tax": money(average_cents(tax, orders)),
        "average_shipping": money(average_cents(shipping, orders)),
    }


def product(name: str, row: list[int]) -> Json:
    """One product of a top list."""
    return {"product": name, "revenue": money(row[0]), "quantity_sold": pieces(row[1])}


def by_weekday(days: Table) -> dict[str, float]:
    """Revenue by the day of the week, Monday first, of the weekdays that have orders."""
    cents: dict[int, int] = {}
    for day, row in days.items():
        if row[1]:
            weekday = weekday_of(day)
            cents[weekday] = cents.get(weekday, 0) + row[0]
    return {WEEKDAYS[at]: money(value) for at, value in sorted(cents.items())}


def histogram(table: Table) -> list[Json]:
    """Orders and revenue by order value; `from` is in the class, `to` is not, and the last class is open."""
    edges = [*HISTOGRAM_EDGES, None]
    rows = [table.get(f"{at:02d}", [0, 0]) for at in range(len(HISTOGRAM_EDGES))]
    return [
        {"from": edges[at], "to": edges[at + 1], "orders": row[1], "revenue": money(row[0])}
        for at, row in enumerate(rows)
    ]


def pareto(customers: Table) -> list[Json]:
    """The share of revenue that the best 10%, 20% … of the customers bring."""
    revenues = sorted((row[0] for row in customers.values()), reverse=True)
    sums = [0, *accumulate(revenues)]
    total = sums[-1]
    steps = []
    for step in range(1, PARETO_STEPS + 1) if revenues else ():
        count = math.ceil(len(revenues) * step / PARETO_STEPS)
        cents = sums[count]
        share = round(100 * cents / total, 2) if total else 0.0
        percent = 100 * step // PARETO_STEPS
        steps.append(
            {"customers_percent": percent, "customers": count, "revenue": money(cents), "revenue_percent": share}
        )
    return steps


def anomalies(part: Part) -> Json:
    """How many of each type, on which days, and the largest."""
    found = dict(zip(ANOMALY_TYPES, anomaly_lists(part, MAX_ANOMALIES), strict=True))
    high = [high_value(row) for row in found.pop("high_value")]
    patterns = [pattern(row) for rows in found.values() for row in rows]
    return {
        "counts": anomaly_counts(part),
        "by_day": by_day(part),
        "high_value_transactions": high,
        "suspicious_patterns": patterns,
    }


def high_value(row: Json) -> Json:
    """What the list of the largest transactions says of one."""
    return {
        "transaction_id": row["transaction_id"],
        "total": row["value"],
        "timestamp": row["timestamp"],
        "customer_id": row["customer_id"],
    }


def pattern(row: Json) -> Json:
    """What the list of patterns says of an anomaly: whose it is, how large, and the limit."""
    owner = "customer_id" if row["type"] == "frequent_customer" else "transaction_id"
    return {name: row[name] for name in ("type", owner, "value", "limit")}


def anomaly_counts(part: Part) -> dict[str, int]:
    """How many of each type; of an id that occurs n times, n - 1 are repeated."""
    return {
        **{name: part.counts.get(name, 0) for name in ANOMALY_TYPES},
        "duplicate_transaction_id": sum(part.ids.repeats().values()) - len(part.ids.repeats()),
        "frequent_customer": len(frequent(part)),
    }


def frequent(part: Part) -> dict[str, int]:
    """Customers with more transactions than the limit."""
    limit = part.rules["anomalies"]["frequent_customer"]
    return {key: row[2] for key, row in part.tables.get("customers", {}).items() if row[2] > limit}


def anomaly_lists(part: Part, count: int | None) -> list[list[Json]]:
    """The largest of each type, in the order of ANOMALY_TYPES; all of them for None."""
    limits = part.rules["anomalies"]
    return [
        suspects("high_value", part, 100, limits["high_value"], count),
        largest("duplicate_transaction_id", "transaction_id", part.ids.repeats(), 1, count),
        suspects("high_quantity", part, 1000, limits["high_quantity"], count),
        largest("frequent_customer", "customer_id", frequent(part), limits["frequent_customer"], count),
        suspects("total_mismatch", part, 100, limits["total_mismatch"], count),
    ]


def largest(kind: str, key: str, values: dict[str, int], limit: float, count: int | None) -> list[Json]:
    """The largest of what was counted by key."""
    top = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:count]
    return [{"type": kind, key: name, "value": value, "limit": limit} for name, value in top]


def suspects(kind: str, part: Part, units: int, limit: float, count: int | None) -> list[Json]:
    """The largest single transactions or lines of a type."""
    return [
        {
            "type": kind,
            "transaction_id": item.id,
            "value": from_units(-item.negative_value, units),
            "limit": limit,
            "timestamp": item.timestamp,
            "customer_id": item.customer_id,
        }
        for item in sorted(part.suspects.get(kind, []))[:count]
    ]


def by_day(part: Part) -> dict[str, dict[str, int]]:
    """Anomalies on each day that has any; a repeated id counts on its later days, a customer has no day."""
    days: dict[str, dict[str, int]] = {}
    for day, row in part.tables.get("anomaly_days", {}).items():
        days[day] = dict(zip(TABLES["anomaly_days"], row, strict=True))
    for day, count in repeats_by_day(part).items():
        days.setdefault(day, {})["duplicate_transaction_id"] = count
    names = [name for name in ANOMALY_TYPES if name != "frequent_customer"]
    return {day: {name: row.get(name, 0) for name in names} for day, row in sorted(days.items())}


def repeats_by_day(part: Part) -> dict[str, int]:
    """All transactions of a day less the ids that are seen for the first time on it."""
    if not part.ids.repeats():
        return {}
    repeated = {day: row[2] for day, row in part.tables.get("days", {}).items()}
    for first, count in part.ids.first_days().items():
        repeated[day_name(first)] = repeated.get(day_name(first), 0) - count
    return {day: count for day, count in repeated.items() if count > 0}
