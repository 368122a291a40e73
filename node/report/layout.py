"""A part as a report, in the layout that the contract fixes; `figures`, `anomalies` and `notes` make its sections."""

from datetime import UTC, datetime
from typing import Any

from node import __version__
from node.contract import MAX_WARNINGS, SCHEMA_VERSION
from node.report.amounts import Amounts
from node.report.anomalies import anomalies
from node.report.figures import analytics, ranked_column, valid_transactions
from node.report.notes import notes
from node.sums.partial import BadRecord, Part

Json = dict[str, Any]


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
    amounts = Amounts.of(part)
    report["warnings"] = warnings(part, amounts, with_file)
    report["validation"] = validation(part, amounts, with_file)
    report["analytics"] = analytics(part, amounts)
    report["anomalies"] = anomalies(part, amounts)
    return report


def warnings(part: Part, amounts: Amounts, with_file: bool) -> list[str]:
    """What the whole says of itself; then the first warnings, each with its file when there are many."""
    texts = sorted({f"{name}: {text}" if with_file and name else text for name, text in part.warnings})
    left_out = len(texts) - MAX_WARNINGS
    kept = texts if left_out <= 0 else [*texts[:MAX_WARNINGS], f"and {left_out} more warnings"]
    return [*notes(part, amounts), *kept]


def validation(part: Part, amounts: Amounts, with_file: bool) -> Json:
    """Counts, and the first errors by transaction id."""
    counts = part.counts
    total, valid = counts.get("total_transactions", 0), valid_transactions(counts)
    errors = part.tables.get("errors", {})
    return {
        "total_transactions": total,
        "valid_transactions": valid,
        "invalid_transactions": total - valid,
        "total_line_items": counts.get("total_line_items", 0),
        "invalid_amount": amounts.money(counts.get("invalid_cents", 0)),
        "unknown_fields": dict(sorted(part.unknown_fields.items(), key=lambda item: (-item[1], item[0]))),
        "error_counts": ranked_column(errors, 0),
        "error_amounts": {name: amounts.money(errors[name][1]) for name in ranked_column(errors, 0)},
        "errors": [bad_record(record, with_file) for record in part.bad_records],
    }


def bad_record(record: BadRecord, with_file: bool) -> Json:
    """One invalid transaction."""
    place: Json = {"file": record.file} if with_file else {}
    identity = record.transaction_id or None
    return {**place, "index": record.index, "transaction_id": identity, "errors": record.errors}
