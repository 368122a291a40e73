"""`batchkit autoscale evaluate`: what a formula gives, for metrics that a file names, with no pool at all."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from batchkit.autoscale.errors import FormulaError
from batchkit.autoscale.formula import Formula
from batchkit.autoscale.metrics_file import MetricsError, parse_moment, read_metrics

app = typer.Typer(help="The autoscale formula language of Azure Batch.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `evaluate` a command of its own although it is the only one."""


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The formula's text.")],
    metrics: Annotated[
        Path | None,
        typer.Option(help='JSON: {"$PendingTasks": 7} or {"$PendingTasks": [[60, 7], [90, 5]]} (seconds ago, value).'),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The moment to evaluate at; now by default.")] = None,
) -> None:
    """Evaluate a formula and print the results as the service would."""
    raise typer.Exit(run(file, metrics, at))


def run(file: Path, metrics: Path | None = None, at: str | None = None) -> int:
    """Evaluate the formula in `file` and print its results.

    Returns:
        0, or 1 after printing the formula's error (code, line, column), or 2 when an argument is wrong.
    """
    try:
        moment = parse_moment(at) if at else datetime.now(UTC)
        given, targets = read_metrics(metrics, moment)
        text = file.read_text(encoding="utf-8")
    except MetricsError as error:
        return _fail(f"error: {error}", 2)
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"error: {file} can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}.", 2)
    try:
        print(Formula(text).evaluate(given, moment, targets).results)
    except FormulaError as error:
        place = f"line {error.line}, column {error.column}"
        return _fail(f"{error.code} at {place}: {error.message}", 1)
    return 0


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
