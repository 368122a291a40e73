"""Paths: `a.b[0].c`, `a."b.c"`, and where lists are walked through, `edges[].node`."""

import difflib
import re
from typing import Any, Final

from msgspec import Struct

from node.contract import UsageError

EVERY: Final = None  # the step `[]`
Step = str | int | None
Steps = tuple[Step, ...]

STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^.\[\]"]+)|\[(-?[0-9]{0,6})\]')
MAX_TOLD = 60


def parse_path(text: str, name: str, through_lists: bool = False) -> Steps:
    """A path's steps: a key, a place in a list, or every element of one.

    Raises:
        UsageError: it is no path; `name` says whose it is.
    """
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if steps and text[position] != "[":
            if text[position] != ".":
                raise UsageError(f"{name}: the path {text!r} needs a dot before {text[position:]!r}.")
            position += 1
        match = STEP.match(text, position)
        if match is None or (match.lastindex != 3 and text[position : position + 1] == "["):
            raise UsageError(f'{name}: the path {text!r} is not like a.b[0]."c d" at {text[position:]!r}.')
        steps.append(step_of(match))
        position = match.end()
    if EVERY in steps and not through_lists:
        raise UsageError(f"{name}: the path {text!r} must lead to one value; [] walks lists in `records` and `from`.")
    return tuple(steps)


def step_of(match: re.Match[str]) -> Step:
    """One step."""
    quoted, bare, place = match.groups()
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted)
    return bare if bare is not None else (int(place) if place and place != "-" else EVERY)


def written(steps: Steps) -> str:
    """Steps as a path is written."""
    text = ""
    for step in steps:
        if isinstance(step, str):
            key = step if STEP.fullmatch(step) and '"' not in step else '"' + re.sub(r'(["\\])', r"\\\1", step) + '"'
            text += f".{key}" if text else key
        else:
            text += "[]" if step is EVERY else f"[{step}]"
    return text


def follow(value: Any, steps: Steps) -> Any:
    """What a path leads to in a decoded value or in a typed record; None when there is nothing."""
    for step in steps:
        value = stepped(value, step)
        if value is None:
            return None
    return value


def stepped(value: Any, step: Step) -> Any:
    """One step into a value."""
    if isinstance(step, str):
        if isinstance(value, dict):
            return value.get(step)
        name = getattr(value, "KEYS", {}).get(step) if isinstance(value, Struct) else None
        return getattr(value, name) if name else None
    if isinstance(step, int) and isinstance(value, list):
        return value[step] if -len(value) <= step < len(value) else None
    return None


def nearest(value: Any, steps: Steps) -> str:
    """What is there instead of what a path looks for: how far it leads, and what stands there."""
    for at, step in enumerate(steps):
        found = value[0] if step is EVERY and isinstance(value, list) and value else stepped(value, step)
        if found is None:
            return f"{written(steps[:at]) or 'the record'} {holds(value, step)}"
        value = found
    return f"{written(steps)} is there"


def holds(value: Any, step: Step) -> str:
    """What a value holds, the nearest name first."""
    if isinstance(value, dict):
        if step in value:
            return f"has null as {step!r}"
        if not value:
            return "is an empty object"
        return f"has {shortened(nearest_name(str(step), list(value)))}"
    if isinstance(value, list):
        return f"is a list of {len(value)}" + ("" if isinstance(step, int) else f"; {step!r} needs [0] before it")
    return f"is {kind_of(value)}"


def nearest_name(name: str, names: list[str]) -> list[str]:
    """Names with the nearest one first."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return [*near, *(other for other in names if other not in near)]


def shortened(names: list[str]) -> str:
    """The first few names."""
    said = ", ".join(repr(name[:MAX_TOLD]) for name in names[:5])
    return f"{said} and {len(names) - 5} more" if len(names) > 5 else said


def kind_of(value: Any) -> str:
    """The kind of a decoded value, for people."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    kinds = ((str, "a text"), (int | float, "a number"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a value")
