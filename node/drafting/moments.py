"""Which kind of time some values are."""

import re
from typing import Any

from node.mapping.moments import moment_reader

FORMATS = (
    "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d/%m/%Y",
    "%m/%d/%Y", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%d", "%d %b %Y %H:%M:%S", "%d %b %Y",
    "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%a %b %d %H:%M:%S %Y", "%b %d, %Y %I:%M:%S %p", "%b %d, %Y, %I:%M %p",
    "%d-%b-%Y %H:%M:%S", "%d-%b-%Y", "%d-%b-%y", "%d/%m/%y", "%m/%d/%y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M",
)  # fmt: skip
SECONDS = (10**8, 10**10)
WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?)?")


def kinds_of(values: list[Any]) -> list[str]:
    """The kinds of time that all of these values can be."""
    numbers = [number for value in values if (number := epoch(value)) is not None]
    if len(numbers) == len(values):
        scale = [name for name, factor in (("epoch_s", 1), ("epoch_ms", 1000)) if all(
            SECONDS[0] * factor <= one < SECONDS[1] * factor for one in numbers)]  # fmt: skip
        if scale:
            return scale
    return [kind for kind in ("rfc3339", *FORMATS) if all(map(moment_reader(kind, ""), values))]


def epoch(value: Any) -> float | None:
    """A number of seconds or so."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
