"""The command line: `batchkit run`, `local`, `data`, `job`, `pool`, `provision`, `doctor`, `autoscale`.

Bad input, a wrong setting and a missing permission end in one line on stderr and an exit code: 2 when
what was asked cannot be done as asked, 1 when it failed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand

from batchkit import settings
from batchkit.autoscale import cli as autoscale_cli
from batchkit.commands import data, job, pool
from batchkit.commands.output import Json, table
from batchkit.errors import BatchkitError, ParameterError, PlanError, SettingsError
from batchkit.launch import become_local
from batchkit.provision import cli as provision_cli

LOCAL_SPEED = "60"
app = typer.Typer(
    help="JSON transaction files at scale on Azure Batch, with a local Azure to run it all on one machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(autoscale_cli.app, name="autoscale")
app.add_typer(provision_cli.app, name="provision")
app.add_typer(data.app, name="data")
app.add_typer(job.app, name="job")
app.add_typer(pool.app, name="pool")


class _WithPairs(TyperCommand):
    """A command whose -p takes a name and a value as two words; typer itself has no repeated pairs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words, joined = iter(args), []
        for word in words:
            pair = [next(words, ""), next(words, "")] if word in ("-p", "--parameter") else []
            joined += [word, "=".join(pair)] if pair else [word]
        return super().parse_args(ctx, joined)


@app.command(cls=_WithPairs)
def run(
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME VALUE", help="Set a parameter in every notebook that has it."),
    ] = None,
    notebooks: Annotated[
        Path | None,
        typer.Option(help="The folder that holds the notebooks; by default notebooks/ here, or beside batchkit."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where the run's folder is made.")] = Path("runs"),
    inside: Annotated[str, typer.Option(hidden=True, help="The id of the run that this process is a part of.")] = "",
) -> None:
    """Run the notebooks headless, in order, on real data.

    Leaves runs/<run id>/ with the executed notebooks, report.html, summary.json and run.json. A path in a parameter
    is seen from here. Unless a profile is set, it runs on a local Azure of its own, which is thrown away at the end.
    """
    # Optional for jsonschema, which comes with papermill: a grammar of IRIs that takes two seconds to build.
    sys.modules.setdefault("rfc3987_syntax", cast(ModuleType, None))
    from batchkit.headless import ahead
    from batchkit.headless import run as headless

    words = sys.argv[4:] if inside else sys.argv[2:]
    given = [(name, value) for name, _, value in (pair.partition("=") for pair in parameter or [])]
    order = ahead.order(given, notebooks, runs, words, inside)
    if not inside and "BATCHKIT_PROFILE" not in os.environ and settings.profile() == "local":
        headless.announce(order)
        again = [sys.executable, "-m", "batchkit", "run", "--inside", order.run_id, *words]
        become_local(["--speed", LOCAL_SPEED, "--", *again])
    settings.load()  # what is missing is said now, not by the first notebook
    if not inside:
        order = ahead.on_lasting_azure(order, [name for name, _ in given], words)
    raise typer.Exit(headless.run(order))


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
def local(context: typer.Context) -> None:
    """Start the local Azure, alone or around a command: batchkit local [OPTIONS] -- COMMAND."""
    become_local(sys.argv[2:])


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look for the known troubles, and say of each whether all is well or what to do; exit 1 when one is found."""
    from batchkit.provision.doctor import PASS, examine

    found = examine()
    table(found, as_json, "")
    if (found["result"] != PASS).any():
        raise typer.Exit(1)


@app.command()
def compare(
    run: Annotated[list[str], typer.Argument(help="Runs: their ids, or their folders.")],
    runs: Annotated[Path, typer.Option(help="Where the runs are.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """Show runs side by side: figures, rules, anomalies, time, and what changed."""
    from batchkit import comparing

    table(comparing.compare(run, runs), as_json, "")


def main() -> None:
    """Run the command line, and end with one line and an exit code whatever went wrong."""
    try:
        app()
    except (ParameterError, PlanError, SettingsError) as error:
        _fail(error, 2)
    except BatchkitError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        _fail("Interrupted.", 130)
    except Exception as error:
        if os.environ.get("BATCHKIT_TRACEBACK"):
            raise
        _fail(f"{type(error).__name__}: {error}. A fault of batchkit; BATCHKIT_TRACEBACK=1 shows where.", 1)


def _fail(message: object, code: int) -> None:
    print(f"batchkit: {message}", file=sys.stderr)
    sys.exit(code)
