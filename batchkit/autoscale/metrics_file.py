"""Reads a metrics file: JSON, a variable's name to its current value or to [seconds ago, value] samples.

A current value counts as steady: it is what the metric was for a whole day, so every window is full
of it. A metric that the file does not name has no samples and is 0.
"""

from __future__ import annotations

import difflib
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

from batchkit.autoscale.dialect import DEFAULT
from batchkit.autoscale.evaluate import parse_time
from batchkit.autoscale.names import DEALLOCATION, DEDICATED, LOW_PRIORITY, WRITABLE, Names
from batchkit.autoscale.operators import TypeMismatch
from batchkit.autoscale.results import Targets
from batchkit.autoscale.samples import PERIOD_SECONDS, Series

_STEADY_SECONDS = 86_400


class MetricsError(Exception):
    """A metrics file or a time that can't be used."""


def parse_moment(text: str) -> datetime:
    """Return the moment that an ISO or RFC 1123 date names; raise MetricsError for anything else."""
    try:
        return parse_time(text)
    except TypeMismatch:
        raise MetricsError(f"--at {text!r} is no time. Write it like 2026-01-31T08:00:00Z.") from None


def read_metrics(file: Path | None, now: datetime) -> tuple[dict[str, Series], Targets]:
    """Return the metrics and the present targets that a file names; none without a file.

    Raises:
        MetricsError: no such file, no JSON object, an unknown name, or a value of the wrong form.
    """
    if file is None:
        return {}, Targets()
    metrics: dict[str, Series] = {}
    targets = {DEDICATED: 0, LOW_PRIORITY: 0}
    for name, value in _load(file).items():
        full = _full_name(name)
        if full in targets:
            targets[full] = int(_number(name, value))
        else:
            metrics[full] = _series(name, value, now)
    return metrics, Targets(targets[DEDICATED], targets[LOW_PRIORITY])


def _load(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise MetricsError(f"The metrics file {file} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise MetricsError(f"The metrics file {file} is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise MetricsError(f"The metrics file {file} must hold one JSON object: names to values or samples.")
    return found


def _full_name(name: str) -> str:
    names = Names(DEFAULT)
    dollar = name if name.startswith("$") else f"${name}"
    full = names.service(dollar)
    if full is not None and full != DEALLOCATION:
        return WRITABLE.get(full, full)
    known = [each for each in (*names.metrics, *WRITABLE) if each != DEALLOCATION]
    near = difflib.get_close_matches(dollar, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise MetricsError(f"There is no metric {name!r}.{hint}")


def _series(name: str, value: object, now: datetime) -> Series:
    if not isinstance(value, list):
        number = _number(name, value)
        steps = range(int(_STEADY_SECONDS / PERIOD_SECONDS), -1, -1)
        return Series([(now - timedelta(seconds=step * PERIOD_SECONDS), number) for step in steps], number)
    samples = [_sample(name, each, now) for each in value]
    return Series(sorted(samples, key=lambda sample: sample[0]))


def _sample(name: str, sample: object, now: datetime) -> tuple[datetime, float]:
    if not isinstance(sample, list) or len(sample) != 2:
        raise MetricsError(f"A sample of {name} is [seconds ago, value], not {json.dumps(sample)}.")
    ago, value = (_number(name, each) for each in sample)
    try:
        return now - timedelta(seconds=ago), value
    except OverflowError:
        raise MetricsError(f"A sample of {name} is {ago:g} seconds ago: that is out of range.") from None


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(float(value)):
        raise MetricsError(f"{name} is a number or a list of samples, not {json.dumps(value)}.")
    return float(value)
