"""Timestamps of many transactions at once: is each one valid, which day, hour and UTC offset is it, as written.

RFC 3339, or a date and time with a space; the offset is optional. The leap second :60 exists in a minute 59.
"""

import datetime
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from node.sums.texts import Texts

Integers = npt.NDArray[np.integer[Any]]
Bytes = npt.NDArray[np.uint8]

HEAD = 19  # YYYY-MM-DDTHH:MM:SS
MAX_TEXT = 64  # a longer text would be a fraction of a second with some 40 digits
TAIL = re.compile(rb"(?:\.[0-9]+)?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?")
UTC = "+00:00"
NO_OFFSET = "none"
DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]


@dataclass(frozen=True)
class Times:
    """One element a timestamp: `day` as the number YYYYMMDD (0 when it is no timestamp), `hour` 0 to 23.

    Attributes:
        offset: which of the `offsets` it has.
        offsets: +HH:MM, -HH:MM or "none", as far as they are there.
    """

    day: Integers
    hour: Integers
    offset: Integers
    offsets: list[str] = field(default_factory=list)

    def code(self, offset: bytes | None) -> int:
        """The number of an offset."""
        name = NO_OFFSET if offset is None else UTC if offset in (b"Z", b"z", b"-00:00") else offset.decode()
        if name not in self.offsets:
            self.offsets.append(name)
        return self.offsets.index(name)


def parse_times(texts: Texts) -> Times:
    """Read timestamps; what is none gives day 0."""
    day, hour, offset = np.zeros((3, len(texts)), np.int64)
    times = Times(day, hour, offset)
    data = np.frombuffer(texts.data, np.uint8)
    for size in np.unique(texts.sizes).tolist():
        if HEAD <= size <= MAX_TEXT:
            rows = np.flatnonzero(texts.sizes == size)
            if len(rows) == len(texts):
                table = data.reshape(len(rows), size)
            else:
                table = data[(texts.ends[rows] - size)[:, None] + np.arange(size)]
            parse_same_size(table, rows, times)
    return times


def parse_same_size(table: Bytes, rows: Integers, times: Times) -> None:
    """Read timestamps of one size, a row of bytes each, into `rows` of `times`."""
    number = table[:, :HEAD] - ord("0")  # in bytes: what is no digit is 10 or more
    century, years, month, day, hour, minute, second = (
        number[:, at] * 10 + number[:, at + 1] for at in (0, 2, 5, 8, 11, 14, 17)
    )
    offset = offsets_of(table, times)
    good = has_form(table, number) & is_clock(hour, minute, second) & (offset >= 0)
    dates = np.where(good, century.astype(np.int64) * 1_000_000 + years.astype(np.int64) * 10_000, 0)
    dates += np.where(good, month.astype(np.int64) * 100 + day, 0)
    times.day[rows] = np.where(are_dates(dates), dates, 0)
    times.hour[rows] = np.where(good, hour, 0)
    times.offset[rows] = np.maximum(offset, 0)


def has_form(table: Bytes, number: Integers) -> npt.NDArray[np.bool_]:
    """Digits and separators where they belong."""
    marks = (table[:, 4] == ord("-")) & (table[:, 7] == ord("-"))
    marks &= (table[:, 13] == ord(":")) & (table[:, 16] == ord(":"))
    return np.asarray((number[:, DIGITS] <= 9).all(axis=1) & marks & np.isin(table[:, 10], list(b"Tt ")))


def is_clock(hour: Integers, minute: Integers, second: Integers) -> npt.NDArray[np.bool_]:
    """A time of day."""
    return np.asarray((hour < 24) & (minute < 60) & ((second < 60) | ((second == 60) & (minute == 59))))


def offsets_of(table: Bytes, times: Times) -> Integers:
    """The offset behind the seconds and their fraction, as its number; -1 where something else stands there."""
    size = table.shape[1] - HEAD
    if size == 0:
        return np.full(len(table), times.code(None))
    if size == 1:
        return np.where(np.isin(table[:, HEAD], list(b"Zz")), times.code(b"Z"), -1)
    tails, codes = np.unique(np.ascontiguousarray(table[:, HEAD:]).view(f"V{size}").ravel(), return_inverse=True)
    matches = [TAIL.fullmatch(tail.tobytes()) for tail in tails]
    return np.array([times.code(match[1]) if match else -1 for match in matches], np.int64)[codes]


def are_dates(dates: Integers) -> npt.NDArray[np.bool_]:
    """Days that the calendar has."""
    days, codes = np.unique(dates, return_inverse=True)
    return np.array([is_date(day) for day in days.tolist()], np.bool_)[codes]


def is_date(number: int) -> bool:
    """True when YYYYMMDD is a day of the calendar, from the year 1 on."""
    try:
        datetime.date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return False
    return True


@cache
def day_name(number: int) -> str:
    """YYYY-MM-DD of the number YYYYMMDD."""
    return f"{number // 10000:04d}-{number // 100 % 100:02d}-{number % 100:02d}"


@cache
def weekday_of(day: str) -> int:
    """0 for Monday to 6 for Sunday."""
    return datetime.date.fromisoformat(day).weekday()
