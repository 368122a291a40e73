"""`preview`: the first records as they are mapped, beside what is in the source, and what the rules say of them."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, RejectedFile, UsageError
from node.mapping.file import FIELD_NAMES, LINE, Mapping
from node.mapping.lines import Group
from node.mapping.paths import follow, nearest, parse_path
from node.mapping.sheets import Sheets
from node.mapping.words import described
from node.reading.columns import Collector, fields_of, sheet_of
from node.reading.document import Reader
from node.reading.inputs import open_input
from node.reading.plan import Plan
from node.reading.transactions import Repaired, Transaction
from node.settings import Settings
from node.sums.reasons import Reasons
from node.sums.rules import find_errors
from node.sums.tables import Tables

MAX_ROWS = 1000  # of a group_by, to find the first transactions among
MAX_LINES = 3
EVERY_FIELD = fields_of((*(f"customer.{name}" for name in CUSTOMER_FIELDS), f"{LINE}product_id"))
WHOLE = "an [escape] decodes each record whole, which takes four to eight times as long as paths alone"


def preview(path: Path, mapping: Mapping | None, settings: Settings, count: int) -> Iterator[str]:
    """Lines of text about the first records of a file.

    Raises:
        UsageError: the file is rejected, or cannot be read.
    """
    plan = Plan(settings.required.extra, mapping, whole=True)
    try:
        with open_input(path) as stream:
            reader = Reader(plan.unpacked(stream), plan.layout)
            records = list(islice(flat(reader), MAX_ROWS if mapping and mapping.group_by else count))
    except RejectedFile as error:
        at = "" if error.byte_offset is None else f" (byte {error.byte_offset})"
        raise UsageError(f"{path} is rejected: {error.reason}{at}.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    if plan.sheets and plan.sheets.group:
        records = grouped(plan.sheets, records)[:count]
    yield f"{len(records)} of the records of {path.name}"
    for row, verdict in enumerate(verdicts(plan, settings, records)):
        yield from shown(plan, records[row], row, verdict)
    yield from plan.notes
    if mapping and mapping.escape:
        yield WHOLE


def flat(reader: Reader) -> Iterator[Any]:
    """A reader's records one by one."""
    return chain.from_iterable([found] if isinstance(found, Repaired) else found for found in reader.read())


def grouped(sheets: Sheets, rows: list[Any]) -> list[Group]:
    """The first groups among some rows."""
    groups: dict[str, Group] = {}
    for index, (key, row) in enumerate(zip(sheets.keys(rows), rows, strict=True)):
        groups.setdefault(str(key), Group(index, [])).rows.append(row)
    return list(groups.values())


def verdicts(plan: Plan, settings: Settings, records: list[Any]) -> list[str]:
    """What the rules say of each record."""
    collector = Collector(plan.extra, plan.sheets)
    for index, record in enumerate(records):
        if isinstance(record, Repaired):
            collector.add_repaired(1, index, record)
        else:
            collector.add(1, index, [record])
    batch = Tables().batch(collector.take())
    reasons = Reasons(batch, settings)
    findings = find_errors(batch, settings) if records else []
    found = [
        [reasons.text(one.rule, one.field, row) for one in findings if one.rows[row]] for row in range(len(records))
    ]
    statuses = [batch.names["status"][code] for code in batch.transactions["status"]]
    return [verdict(errors, status, settings) for errors, status in zip(found, statuses, strict=True)]


def verdict(errors: list[str], status: str, settings: Settings) -> str:
    """One record's verdict."""
    if errors:
        return "invalid: " + "; ".join(errors)
    counts = status in settings.money.statuses
    return "valid, and counts as money" if counts else f"valid, but its status {status!r} does not count as money"


def shown(plan: Plan, record: Any, row: int, said: str) -> Iterator[str]:
    """One record: our fields, each with its value, the path and what stands there."""
    yield f"\nrecord {row}: {said}"
    mapping, sheets = plan.mapping, plan.sheets
    if mapping is None or sheets is None:
        transaction = record.transaction if isinstance(record, Repaired) else record
        yield from ours(transaction)
        return
    first = record.rows[0] if isinstance(record, Group) else record
    sheet = Sheets(mapping, list(every_name()), whole=True).sheet([record])
    for name in FIELD_NAMES:
        values = sheet.columns.get(name) or [None]
        where = source_of(mapping, sheets, name, first)
        if where or values[0] is not None:
            yield f"  {name:24} {described(name, values[0]):28} {where}"
    yield from lines_shown(sheet.columns, sheet.line_counts[0])


def every_name() -> Iterator[str]:
    """The dotted names of all fields."""
    yield from (prefix + name for prefix, names in EVERY_FIELD.items() for name in names)


def source_of(mapping: Mapping, sheets: Sheets, name: str, record: Any) -> str:
    """Where a field's value comes from, and what stands there; for a path that finds nothing, what is there instead."""
    if name in mapping.escape:
        return f"[escape] {mapping.escape[name]}"
    paths = mapping.fields.get(name, ())
    for path in paths:
        value = follow(record, (*sheets.prefix, *parse_path(path, name)))
        if value is not None and value != "":
            return f"{path} = {described(name, value)}"
    if paths:
        steps = (*sheets.prefix, *parse_path(paths[0], name))
        return f"{paths[0]}: nothing there; {nearest(record, steps)}"
    return "[constants]" if name in mapping.constants else ""


def ours(transaction: Transaction) -> Iterator[str]:
    """A record of our own layout."""
    columns = sheet_of([transaction], EVERY_FIELD)
    for name in FIELD_NAMES:
        values = columns.columns.get(name) or [None]
        if values[0] is not None:
            yield f"  {name:24} {described(name, values[0])}"
    yield from lines_shown(columns.columns, columns.line_counts[0])


def lines_shown(columns: dict[str, list[Any]], count: int) -> Iterator[str]:
    """The first lines of a record."""
    for row in range(min(max(count, 0), MAX_LINES)):
        values = {name: columns.get(LINE + name, [])[row : row + 1] for name in LINE_FIELDS}
        texts = [
            f"{name} {described(name, found[0])}" for name, found in values.items() if found and found[0] is not None
        ]
        yield f"  line {row + 1} of {count}: {', '.join(texts)}"
