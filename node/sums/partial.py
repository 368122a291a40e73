"""What can be merged: exact counts and sums of any number of inputs, with every id, customer and product in it.

Money is in whole cents and quantities in thousandths, so adding two parts is exact and has no order. A `Part` is
what a file gives, what a task writes as `task.partial`, and what a merge makes of many of them.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from node.contract import MAX_ERRORS, PARTIAL_VERSION, UsageError
from node.settings import read_settings
from node.sums.ids import Ids, read_columns

Table = dict[str, list[int]]


class Source(msgspec.Struct, gc=False):
    """An input: its name, its size, why it was rejected (None: it was processed), and its content (see `content`)."""

    name: str
    bytes: int
    rejection: str | None = None
    content: str = ""


class BadRecord(msgspec.Struct, gc=False, order=True):
    """An invalid transaction; sorted by id, then by what is wrong, and only then by its place.

    Attributes:
        broken: each rule and its field.
        errors: the same with values and limits.
    """

    transaction_id: str
    broken: list[str]
    errors: list[str]
    file: str
    index: int


class Suspect(msgspec.Struct, gc=False, order=True):
    """Something unusual: `value` in cents, thousandths or pieces, negated so that the largest sorts first."""

    negative_value: int
    id: str
    timestamp: str = ""
    customer_id: str = ""


class Part(msgspec.Struct):
    """Exact sums; each table's columns are named in `TABLES`, `ids` are those of the valid transactions.

    `visits` is of each customer with an order that counts: the last day (YYYYMMDD), then every month (YYYYMM) with one.
    """

    schema_version: int = PARTIAL_VERSION
    rules: dict[str, Any] = {}
    mapping: dict[str, Any] = {}
    sources: list[Source] = []
    warnings: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    unknown_fields: dict[str, int] = {}
    tables: dict[str, Table] = {}
    bad_records: list[BadRecord] = []
    suspects: dict[str, list[Suspect]] = {}
    visits: dict[str, list[int]] = {}
    ids: Ids = msgspec.field(default_factory=Ids)


class Heading(msgspec.Struct):
    """What every version's partial begins with."""

    schema_version: int


class IdsHeading(msgspec.Struct, gc=False):
    """What a partial says of its ids before their columns."""

    count: int
    further: dict[str, int]


# Money in cents, quantities in thousandths; "transactions" are the valid ones, "orders" those that count as money.
TABLES = {
    "customers": ("revenue", "orders", "transactions"),
    "products": ("revenue", "quantity", "lines"),
    "categories": ("revenue", "quantity", "lines"),
    "days": ("revenue", "orders", "transactions"),
    "hours": ("revenue", "orders"),
    "order_values": ("revenue", "orders"),
    "order_classes": ("orders",),
    "basket_lines": ("orders",),
    "statuses": ("transactions", "amount"),
    "currencies": ("revenue", "orders", "transactions"),
    "offsets": ("transactions",),
    "payment_methods": ("transactions",),
    "shipping_methods": ("transactions",),
    "anomaly_days": ("high_value", "high_quantity", "total_mismatch"),
    "errors": ("transactions", "invalid_cents"),
    "error_fields": ("transactions", "invalid_cents"),
}
SPARSE = ("anomaly_days", "errors", "error_fields")  # most files have few rows of these


def add_rows(table: Table, rows: Iterable[tuple[str, list[int]]]) -> None:
    """Add rows of whole numbers, key by key; a new key's row is kept as it is."""
    if not table:
        table.update(rows)
        return
    for key, values in rows:
        known = table.get(key)
        table[key] = values if known is None else [a + b for a, b in zip(known, values, strict=True)]


def add_visits(visits: dict[str, list[int]], more: dict[str, list[int]]) -> None:
    """Add customers' last days and months: the later day, and the months of both in order."""
    if not visits:
        visits.update(more)
        return
    for name, row in more.items():
        known = visits.get(name)
        if known is None:
            visits[name] = row
        elif known[1:] == row[1:]:
            visits[name] = known if known[0] >= row[0] else row
        else:
            visits[name] = [max(known[0], row[0]), *sorted({*known[1:], *row[1:]})]


def add_counts(counts: dict[str, int], more: dict[str, int]) -> None:
    """Add plain counts."""
    for key, value in more.items():
        counts[key] = counts.get(key, 0) + value


def smallest(items: list[Any], count: int) -> list[Any]:
    """The first `count` in order: what a list that is cut keeps."""
    return sorted(items)[:count]


def merge_into(target: Part, more: Part, tables: Collection[str] = TABLES) -> None:
    """Add one part to another, exactly, with these of its tables; the order of many such calls makes no difference."""
    target.sources.extend(more.sources)
    target.warnings.extend(more.warnings)
    add_counts(target.counts, more.counts)
    add_counts(target.unknown_fields, more.unknown_fields)
    for name, table in more.tables.items():
        if name in tables:
            add_rows(target.tables.setdefault(name, {}), table.items())
    target.ids.merge(more.ids)
    if more.bad_records:
        target.bad_records = smallest(target.bad_records + more.bad_records, MAX_ERRORS)
    add_visits(target.visits, more.visits)
    for name, suspects in more.suspects.items():
        target.suspects.setdefault(name, []).extend(suspects)


def encode_part(part: Part) -> Iterator[bytes | memoryview]:
    """A part as a line of JSON, then the columns of its ids; the same call gives the same bytes."""
    part.sources.sort(key=lambda source: source.name)
    part.warnings = sorted(set(part.warnings))
    for suspects in part.suspects.values():
        suspects.sort()
    yield msgspec.json.encode(part, enc_hook=heading, order="sorted") + b"\n"
    yield from part.ids.columns()


def heading(ids: Ids) -> IdsHeading:
    """What the line of JSON says of the ids."""
    ids.settle()
    return IdsHeading(len(ids), ids.further)


def decode_part(data: bytes) -> Part:
    """A part from what `encode_part` wrote.

    Raises:
        msgspec.DecodeError: it is none, or of another version of the worker.
    """
    end = data.find(b"\n") + 1
    line, columns = memoryview(data)[:end], memoryview(data)[end:]
    version = msgspec.json.decode(line, type=Heading).schema_version
    if version != PARTIAL_VERSION:
        raise msgspec.DecodeError(f"its schema version is {version}, this worker's is {PARTIAL_VERSION}")
    part = msgspec.json.decode(line, type=Part, dec_hook=lambda _, value: read_ids(value, columns))
    try:
        part.rules = read_settings(part.rules).as_dict()
    except UsageError as error:
        raise msgspec.DecodeError(str(error)) from error
    return part


def read_ids(value: Any, columns: memoryview) -> Ids:
    """The ids from their heading and their columns; raises ValueError, which msgspec reports with its place."""
    heading = msgspec.convert(value, IdsHeading)
    ids = Ids()
    ids.further = heading.further
    if heading.count:
        ids.blocks, ids.count = [read_columns(heading.count, columns)], heading.count
    return ids
