"""The mapping file (TOML): which keys it has, what they may hold, and what is wrong with one, by name.

A user owns this file; an unknown key is an error that names the nearest.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import msgspec

from node.contract import CUSTOMER_FIELDS, FORMATS, LINE_FIELDS, TRANSACTION_FIELDS, UsageError
from node.mapping.moments import check_time
from node.mapping.paths import parse_path
from node.settings import check_names

CUSTOMER, LINE = "customer.", "line_items."
RECORD_NAMES = tuple(name for name in TRANSACTION_FIELDS if name not in ("customer", "line_items"))
FIELD_NAMES = (*RECORD_NAMES, *(CUSTOMER + name for name in CUSTOMER_FIELDS))
ALL_NAMES = (*FIELD_NAMES, *(LINE + name for name in LINE_FIELDS))
Scalar = str | int | float


class Units(msgspec.Struct, frozen=True):
    """How numbers and times are written."""

    money: str = "number"
    thousands: str = ""
    decimal: str = "."
    time: str = "rfc3339"
    zone: str = ""


class Mapping(msgspec.Struct, frozen=True):
    """A mapping file's content.

    Attributes:
        fields, lines: our name -> paths that are tried in order; a line's name is without `line_items.`.
        line_list: the path of the lines; None: one line is made of the total, or the rows of a group are the lines.
        status: theirs -> ours.
        guests: ids that stand for nobody, as texts.
        refunds: our status whose transactions are refunds; empty: negative totals are.
        escape: our name -> a JMESPath expression.
        document: the file as it was read, for the report.
    """

    format: str = "object"
    records: str = ""
    group_by: str = ""
    fields: dict[str, tuple[str, ...]] = {}
    line_list: str | None = None
    lines: dict[str, tuple[str, ...]] = {}
    units: Units = Units()
    status: dict[str, str] = {}
    guests: frozenset[str] = frozenset()
    refunds: str = ""
    constants: dict[str, Scalar] = {}
    escape: dict[str, str] = {}
    document: dict[str, Any] = {}


KEYS = ("format", "records", "group_by")
SECTIONS = ("fields", "lines", "units", "status", "guests", "signs", "constants", "escape")


def shipped_names() -> list[str]:
    """The names of the mappings that come with the worker."""
    return sorted(entry.name.removesuffix(".toml") for entry in shipped().iterdir() if entry.name.endswith(".toml"))


def shipped() -> Any:
    """The folder of the mappings that come with the worker."""
    return files("node.mapping") / "shipped"


def load_mapping(name: str) -> Mapping:
    """Read a mapping file, or the shipped one of this name.

    Raises:
        UsageError: there is none, it is no TOML, or something in it is wrong.
    """
    path = Path(name)
    try:
        if name in shipped_names() and not path.is_file():
            data = (shipped() / f"{name}.toml").read_bytes()
        else:
            data = path.read_bytes()
        return read_mapping(tomllib.loads(data.decode("utf-8-sig")))
    except FileNotFoundError:
        known = ", ".join(shipped_names())
        raise UsageError(f"There is no mapping file {name}; shipped mappings are {known}.") from None
    except OSError as error:
        raise UsageError(f"The mapping file {name} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"The mapping file {name} is not TOML: {error}.") from error
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def read_mapping(document: dict[str, Any]) -> Mapping:
    """A mapping from a file's keys and sections.

    Raises:
        UsageError: an unknown key, or a value of the wrong kind.
    """
    check_names(document, [*KEYS, *SECTIONS], "key or section")
    for name in SECTIONS:
        if not isinstance(document.get(name, {}), dict):
            raise UsageError(f"{name} must be a section, written [{name}].")
    texts = {name: text_of(name, document.get(name, ""), empty=True) for name in KEYS}
    if (chosen := texts["format"] or "object") not in FORMATS:
        check_names([chosen], list(FORMATS), "format")
    lines = dict(document.get("lines", {}))
    line_list = lines.pop("from", None)
    mapping = Mapping(
        format=chosen,
        records=path_of("records", texts["records"]),
        group_by=path_of("group_by", texts["group_by"]),
        fields=paths_of("fields", flat(document.get("fields", {})), FIELD_NAMES),
        line_list=None if line_list is None else path_of("lines.from", line_list),
        lines=paths_of("lines", lines, LINE_FIELDS),
        units=read_units(document.get("units", {})),
        status=read_status(document.get("status", {})),
        guests=read_guests(document.get("guests", {})),
        refunds=read_signs(document.get("signs", {})),
        constants=read_constants(flat(document.get("constants", {}))),
        escape=read_escape(flat(document.get("escape", {}))),
        document=document,
    )
    check_whole(mapping)
    return mapping


def check_whole(mapping: Mapping) -> None:
    """What only shows when all of it is known."""
    if not mapping.fields and not mapping.escape:
        raise UsageError('fields: nothing is mapped; write [fields] with lines like total = "their.path".')
    if any(isinstance(step, int) for step in parse_path(mapping.records, "records", True)):
        raise UsageError(f"records: the path {mapping.records!r} must lead to the whole list, not to a place in one.")
    if mapping.group_by and mapping.line_list:
        raise UsageError("lines.from: with group_by the rows of a group are its lines; leave `from` out.")


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names: TOML reads customer.email = "x" as a table in a table."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def text_of(name: str, value: Any, empty: bool = False) -> str:
    """A text."""
    if not isinstance(value, str) or not (value or empty):
        raise UsageError(f"{name} must be a text, but is {value!r}.")
    return value


def path_of(name: str, value: Any) -> str:
    """A path, which is checked."""
    text = text_of(name, value, empty=name == "records" or name == "group_by")
    parse_path(text, name, through_lists=name in ("records", "lines.from"))
    return text


def paths_of(section: str, table: dict[str, Any], known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Our names with their paths."""
    check_names(table, list(known), f"key in [{section}]")
    found = {}
    for name, value in table.items():
        paths = value if isinstance(value, list) and value else [value]
        found[name] = tuple(path_of(f"{section}.{name}", path) for path in paths)
    return found


def read_units(table: dict[str, Any]) -> Units:
    """The section [units]."""
    check_names(table, list(Units.__struct_fields__), "key in [units]")
    units = Units(**{name: text_of(f"units.{name}", value, empty=True) for name, value in table.items()})
    check_names([units.money], ["number", "minor"], "value of units.money")
    for name in ("thousands", "decimal"):
        mark = getattr(units, name)
        if len(mark) > 1 or mark.isdigit() or mark in ("-", "+") or (name == "decimal" and not mark):
            raise UsageError(f"units.{name} must be one mark, like ',', but is {mark!r}.")
    if units.thousands == units.decimal:
        raise UsageError(f"units.thousands and units.decimal are both {units.decimal!r}.")
    check_time(units.time, units.zone)
    return units


def read_status(table: dict[str, Any]) -> dict[str, str]:
    """The section [status]."""
    return {theirs: text_of(f"status.{theirs}", ours) for theirs, ours in flat(table).items()}


def read_guests(table: dict[str, Any]) -> frozenset[str]:
    """The section [guests]."""
    check_names(table, ["values"], "key in [guests]")
    values = table.get("values", [])
    if not isinstance(values, list) or any(isinstance(one, bool) or not isinstance(one, str | int) for one in values):
        raise UsageError('guests.values must be a list of ids, like [0, ""].')
    return frozenset(map(str, values))


def read_signs(table: dict[str, Any]) -> str:
    """The section [signs]: the status of refunds; empty for negative totals."""
    check_names(table, ["refunds"], "key in [signs]")
    refunds = text_of("signs.refunds", table.get("refunds", "negative"))
    return "" if refunds == "negative" else refunds


def read_constants(table: dict[str, Any]) -> dict[str, Scalar]:
    """The section [constants]."""
    check_names(table, list(ALL_NAMES), "key in [constants]")
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, get_args(Scalar)) or value != value:
            raise UsageError(f"constants.{name} must be a text or a number, but is {value!r}.")
    return table


def read_escape(table: dict[str, Any]) -> dict[str, str]:
    """The section [escape]; the expressions are checked where they are compiled."""
    check_names(table, list(FIELD_NAMES), "key in [escape]")
    return {name: text_of(f"escape.{name}", value) for name, value in table.items()}
