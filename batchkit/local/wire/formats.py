"""How the service writes times, durations, ETags and names, and reads them back.

Times on the wire have seven digits and a Z, headers are RFC 1123, durations ISO 8601.
All times are UTC and real, whatever the service's clock is divided by.
"""

from __future__ import annotations

import itertools
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import isodate

from batchkit.local.wire.clock import now

Json = dict[str, Any]

UNLIMITED = "P10675199DT2H48M5.4775807S"
_UNLIMITED_DAYS, _YEAR_DAYS, _MONTH_DAYS = 10_675_199, 365, 30
_ticks = itertools.count()


def stamp(moment: datetime | None = None) -> str:
    """Return a time as the service writes it in bodies: 2025-01-02T03:04:05.1234560Z."""
    return (moment or now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def moment(text: str) -> datetime:
    """Read a body's time.

    Raises:
        ValueError: the text is not an ISO 8601 time.
    """
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    parsed = datetime.fromisoformat(trimmed)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def http_date(text: str) -> str:
    """Return a body's time as a header writes it (whole seconds)."""
    return format_datetime(moment(text).replace(microsecond=0), usegmt=True)


def from_http_date(text: str) -> datetime:
    """Read a header's RFC 1123 date.

    Raises:
        ValueError: the text is not such a date.
    """
    parsed = parsedate_to_datetime(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)  # `-0000`: UTC, of an unknown place


def seconds(duration: str) -> float:
    """Return the seconds of an ISO 8601 duration, for example 300.0 for PT5M.

    Raises:
        ValueError: the text is not a duration.
    """
    return _length(duration).total_seconds()


def _length(duration: str) -> timedelta:
    """Read a duration as .NET does: a year counts 365 days, a month 30."""
    try:
        length: Any = isodate.parse_duration(duration)
    except (ValueError, OverflowError):
        length = None
    if length is None or duration[0] != "P" or duration[-1] not in "YMWDHMS":
        raise ValueError(f"{duration} is not an ISO 8601 duration")
    if isinstance(length, isodate.Duration):
        days = float(length.years) * _YEAR_DAYS + float(length.months) * _MONTH_DAYS
        return timedelta(days=days, seconds=length.tdelta.total_seconds())
    return timedelta(seconds=length.total_seconds())


def normal_duration(duration: str) -> str:
    """Return a duration as the service gives it back: P1279DT12H30M5S for P3Y6M4DT12H30M5S.

    Raises:
        ValueError: the text is not a duration.
    """
    if duration == UNLIMITED:
        return duration
    length = _length(duration)
    if length.days >= _UNLIMITED_DAYS:
        return UNLIMITED
    hours, rest = divmod(length.seconds, 3600)
    minutes, whole = divmod(rest, 60)
    fraction = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    spoken = ((hours, f"{hours}H"), (minutes, f"{minutes}M"), (whole or fraction, f"{whole}{fraction}S"))
    times = "".join(text for value, text in spoken if value)
    days = f"{length.days}D" if length.days else ""
    return f"P{days}T{times}" if times else f"P{days}" if days else "PT0S"


def limit(text: str | None) -> float | None:
    """Return a constraint's seconds, None when it is absent or the service's unlimited."""
    value = seconds(text) if text else 0.0
    return value if 0 < value < 365 * 86400 * 100 else None


def new_etag() -> str:
    """Return an ETag that no other object of this run has."""
    return f"0x8D{(time.time_ns() // 1000 + next(_ticks)) & 0xFFFFFFFFFFFFF:013X}"


def touch(doc: Json) -> None:
    """Give a document a new ETag and modification time."""
    doc["eTag"] = new_etag()
    doc["lastModified"] = stamp()
