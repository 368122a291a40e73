"""Times of other layouts as RFC 3339: with a space, `+0000`, ` UTC`, a date alone, epochs, or a format of one's own."""

import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from node.contract import UsageError
from node.settings import check_names

KINDS = ("rfc3339", "epoch_s", "epoch_ms")
PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
FORM = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[Tt ]+(\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?\s*"
    r"([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?\s*",
    re.ASCII,
)
OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
Moment = Callable[[Any], str | None]


def check_time(kind: str, zone: str) -> None:
    """Refuse a kind of time or a zone that there is not.

    Raises:
        UsageError: it is none.
    """
    if "%" not in kind:
        check_names([kind], list(KINDS), "value of units.time (or a format like %d/%m/%Y %H:%M)")
    zone_of(zone)


def zone_of(name: str) -> datetime.tzinfo | None:
    """A zone by its name, or by its offset from UTC."""
    if not name:
        return None
    offset = OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return datetime.timezone(datetime.timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return datetime.UTC if name in ("UTC", "Z") else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        check_names([name], sorted(zoneinfo.available_timezones()), "time zone in units.zone")
        raise UsageError(f"units.zone: the time zone {name!r} cannot be read.") from None


def moment_reader(kind: str, zone_name: str) -> Moment:
    """A function from a value to RFC 3339; it gives None for what is no such time."""
    zone = zone_of(zone_name)
    if kind in ("epoch_s", "epoch_ms"):
        divisor = 1 if kind == "epoch_s" else 1000
        return lambda value: from_epoch(value, divisor, zone or datetime.UTC)
    if kind == "rfc3339":
        return lambda value: from_text(value, zone)
    return lambda value: from_format(value, kind, zone)


def from_epoch(value: Any, divisor: int, zone: datetime.tzinfo) -> str | None:
    """Seconds or thousandths since 1970, a number or its text."""
    try:
        if isinstance(value, bool):
            return None
        number = float(value) if isinstance(value, str) else value
        moment = EPOCH + datetime.timedelta(milliseconds=number * 1000 / divisor)
        return moment.astimezone(zone).isoformat().replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError):
        return None


def from_text(value: Any, zone: datetime.tzinfo | None) -> str | None:
    """A date and time in one of the usual forms, or a date alone."""
    if not isinstance(value, str):
        return None
    if PLAIN.fullmatch(value):
        return value
    match = FORM.fullmatch(value)
    if match is None:
        return None
    day, minute, second, fraction, offset = match.groups()
    text = f"{day}T{minute or '00:00'}{second or ':00'}" + (f".{fraction}" if fraction else "")
    if offset:
        return text + written_offset(offset)
    return text if zone is None else localised(text, zone)


def written_offset(offset: str) -> str:
    """An offset as RFC 3339 writes it."""
    if offset[0] not in "+-":
        return "Z"
    digits = offset[1:].replace(":", "")
    return f"{offset[0]}{digits[:2]}:{digits[2:] or '00'}"


def localised(text: str, zone: datetime.tzinfo) -> str | None:
    """A local time with its offset; of an hour that comes twice, the first is meant."""
    try:
        moment = datetime.datetime.fromisoformat(text[:19]).replace(tzinfo=zone)
    except ValueError:
        return None
    return text + moment.isoformat()[19:].replace("+00:00", "Z")


def from_format(value: Any, form: str, zone: datetime.tzinfo | None) -> str | None:
    """A text in a strptime format."""
    try:
        moment = datetime.datetime.strptime(value, form)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return moment.isoformat().replace("+00:00", "Z")
