"""What is unusual among the valid transactions, as a report's `anomalies`: counts, days, and the largest."""

from typing import Any

from node.contract import ANOMALY_TYPES, MAX_ANOMALIES
from node.report.amounts import Amounts
from node.report.analysis import outliers
from node.report.figures import buyers_of
from node.sums.money import from_units
from node.sums.partial import TABLES, Part
from node.sums.times import day_name

Json = dict[str, Any]


def anomalies(part: Part, amounts: Amounts) -> Json:
    """How many of each type, on which days, and the largest."""
    found = dict(zip(ANOMALY_TYPES, anomaly_lists(part, amounts, MAX_ANOMALIES), strict=True))
    high = [high_value(row) for row in found.pop("high_value")]
    patterns = [pattern(row) for rows in found.values() for row in rows]
    return {
        "counts": anomaly_counts(part),
        "by_day": by_day(part),
        "high_value_transactions": high,
        "outliers": outliers(part, amounts, buyers_of(part)),
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


def anomaly_lists(part: Part, amounts: Amounts, count: int | None) -> list[list[Json]]:
    """The largest of each type, in the order of ANOMALY_TYPES; all of them for None."""
    mixed = amounts.mixed
    limits = part.rules["anomalies"]
    return [
        suspects("high_value", part, None if mixed else 100, limits["high_value"], count),
        largest("duplicate_transaction_id", "transaction_id", part.ids.repeats(), 1, count),
        suspects("high_quantity", part, 1000, limits["high_quantity"], count),
        largest("frequent_customer", "customer_id", frequent(part), limits["frequent_customer"], count),
        suspects("total_mismatch", part, None if mixed else 100, limits["total_mismatch"], count),
    ]


def largest(kind: str, key: str, values: dict[str, int], limit: float, count: int | None) -> list[Json]:
    """The largest of what was counted by key."""
    top = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:count]
    return [{"type": kind, key: name, "value": value, "limit": limit} for name, value in top]


def suspects(kind: str, part: Part, units: int | None, limit: float, count: int | None) -> list[Json]:
    """The largest single transactions or lines of a type; without units, their values mean nothing: then by id."""
    found = part.suspects.get(kind, [])
    order = sorted(found) if units else sorted(found, key=lambda item: (item.id, item.timestamp, item.customer_id))
    return [
        {
            "type": kind,
            "transaction_id": item.id,
            "value": from_units(-item.negative_value, units) if units else None,
            "limit": limit,
            "timestamp": item.timestamp,
            "customer_id": item.customer_id,
        }
        for item in order[:count]
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
