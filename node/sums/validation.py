"""Validation of a batch: apply the rules, count what they find, and say which transactions are valid."""

import numpy as np
import numpy.typing as npt

from node.contract import MAX_ERRORS
from node.settings import Settings
from node.sums.money import to_cents
from node.sums.partial import BadRecord, Part, add_counts, add_rows, smallest
from node.sums.reasons import Reasons, first_rows
from node.sums.rules import Finding, find_errors
from node.sums.tables import Batch

Mask = npt.NDArray[np.bool_]


def validate(batch: Batch, settings: Settings, parts: dict[int, Part]) -> Mask:
    """Add a batch's validation to the parts of its files; returns a mask of the valid transactions."""
    findings = find_errors(batch, settings)
    valid = np.ones(len(batch.transactions), np.bool_)
    for finding in findings:
        valid &= ~finding.rows
    count_invalid(batch, valid, parts)
    count_rules(batch, findings, parts)
    list_errors(batch, findings, valid, settings, parts)
    return valid


def count_invalid(batch: Batch, valid: Mask, parts: dict[int, Part]) -> None:
    """Money of the invalid transactions, and all line items."""
    table = batch.transactions
    cents = np.where(valid, 0, to_cents(table["total"].to_numpy()))
    for file, rows in table.groupby("file", sort=False).indices.items():
        counts = {
            "total_transactions": len(rows),
            "total_line_items": int(np.maximum(table["line_count"].to_numpy()[rows], 0).sum()),
            "invalid_cents": exact_sum(cents[rows]),
        }
        add_counts(parts[int(str(file))].counts, counts)


def exact_sum(values: npt.NDArray[np.int64]) -> int:
    """A sum that cannot overflow."""
    return sum(values.tolist())


def count_rules(batch: Batch, findings: list[Finding], parts: dict[int, Part]) -> None:
    """Transactions that break each rule, and their money; one that breaks it in two fields counts once."""
    broken: dict[str, Mask] = {}
    for finding in findings:
        broken[finding.rule] = broken.get(finding.rule, False) | finding.rows
        count_table("error_fields", f"{finding.rule}: {finding.field}", finding.rows, batch, parts)
    for rule, mask in broken.items():
        count_table("errors", rule, mask, batch, parts)


def count_table(name: str, key: str, mask: Mask, batch: Batch, parts: dict[int, Part]) -> None:
    """Add how many transactions a mask holds, and their cents, to a table of each file."""
    table = batch.transactions[mask]
    cents = to_cents(table["total"].to_numpy())
    for file, rows in table.groupby("file", sort=False).indices.items():
        add_rows(parts[int(str(file))].tables.setdefault(name, {}), [(key, [len(rows), exact_sum(cents[rows])])])


def list_errors(batch: Batch, findings: list[Finding], valid: Mask, settings: Settings, parts: dict[int, Part]) -> None:
    """Keep each file's first invalid transactions, by id; who finishes the file names it."""
    table = batch.transactions
    reasons = Reasons(batch, settings)
    for file, bad in table[~valid].groupby("file", sort=False).indices.items():
        part = parts[int(str(file))]
        rows = first_rows(np.flatnonzero(~valid)[bad].tolist(), batch.ids, MAX_ERRORS)
        part.bad_records += [bad_record(batch, findings, reasons, row) for row in rows]
        part.bad_records = smallest(part.bad_records, MAX_ERRORS)


def bad_record(batch: Batch, findings: list[Finding], reasons: Reasons, row: int) -> BadRecord:
    """One invalid transaction and all that is wrong with it."""
    broken = sorted((finding.rule, finding.field) for finding in findings if finding.rows[row])
    errors = [reasons.text(rule, field, row) for rule, field in broken]
    short = [f"{rule}: {field}" for rule, field in broken]
    return BadRecord(batch.ids[row], short, errors, "", int(batch.transactions["index"].to_numpy()[row]))
