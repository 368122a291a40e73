"""What a command prints: a table for people, or one JSON document; progress and questions go to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import pandas as pd
import typer

from batchkit.tables import show

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the name.")]
_ALL = 10_000


def table(rows: Sequence[Mapping[str, Any]] | pd.DataFrame, as_json: bool, nothing: str) -> None:
    """Print rows; `nothing` is what people read where there are none."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if as_json:
        document([_plain(row) for row in frame.to_dict("records")])
    else:
        print(nothing if frame.empty else show(frame, _ALL))


def record(values: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing, a value a line."""
    if as_json:
        document(_plain(dict(values)))
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        shown = ", ".join(f"{n} {v}" for n, v in value.items()) if isinstance(value, Mapping) else value
        print(f"{name.replace('_', ' '):{width}}  {'' if shown is None else shown}".rstrip())


def document(body: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(body, ensure_ascii=False, indent=2))


def confirm(what: str, name: str, yes: bool) -> None:
    """Have somebody type the name of what is to be deleted."""
    if not yes:
        typed = typer.prompt(f"This deletes {what}. Type its name ({name}) to go on", err=True)
        if typed != name:
            print("Nothing was deleted.", file=sys.stderr)
            raise typer.Exit(2)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.item() if hasattr(value, "item") else value
