"""`batchkit provision plan|apply|verify|destroy`: the same calls as notebook 01's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchkit.errors import JobError, ServiceError

if TYPE_CHECKING:
    import pandas as pd

    from batchkit.session import Session

app = typer.Typer(help="From an empty subscription to a running pool, and back.", no_args_is_help=True)
Config = Annotated[
    Path | None, typer.Option("--config", help="The settings file to read, and to write what is learnt to.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Answer the question with yes.")]


@app.command()
def plan(config: Config = None) -> None:
    """Show what apply would do: changes, quota, providers, the monthly floor price. Changes nothing."""
    from batchkit import provision

    _show(provision.plan(provision.target(config)))


@app.command()
def apply(
    config: Config = None,
    yes: Yes = False,
    build: Annotated[bool, typer.Option(help="Build the worker's image.")] = True,
    worker: Annotated[Path | None, typer.Option(help="The worker's folder; by default the checkout's node.")] = None,
    pool: Annotated[bool, typer.Option(help="Make the pool, too.")] = True,
) -> None:
    """Make everything, build the image, make the pool; safe to run again."""
    from batchkit import pools, provision
    from batchkit.provision import image

    target = provision.target(config)
    if not yes:
        _show(provision.plan(target))
        typer.confirm(f"Apply this to the resource group {target.group}?", abort=True)
    session = provision.apply(target, (worker or image.WORKER) if build else None)
    if pool:
        pool_id = pools.ensure(session, pools.spec(session))
        print(f"the pool is {pool_id}")
        for older in _retired(session, pool_id):
            print(f"deleting the pool {older}: it is idle, and of an older description")


@app.command()
def verify(
    config: Config = None,
    round_trip: Annotated[bool, typer.Option(help="Run one small task on a node, too.")] = True,
) -> None:
    """Check each resource, setting and role, and run one small task; exit 1 when a line is not pass."""
    from batchkit import provision

    table = provision.verify(provision.target(config), round_trip)
    _show(table)
    failed = int((table["result"] != "pass").sum())
    if failed:
        raise JobError(f"{failed} of {len(table)} checks need something done: see the lines above.")


@app.command()
def destroy(config: Config = None, yes: Yes = False) -> None:
    """Delete what apply made, and nothing else; asks for the resource group's name."""
    from batchkit import provision

    target = provision.target(config)
    name = target.group if yes else typer.prompt(f"Type the name of the resource group ({target.group}) to delete")
    provision.destroy(target, name)


def _retired(session: Session, pool_id: str) -> list[str]:
    """The older pools that went; none where the doors are closed from here, since pools are seen inside alone."""
    from batchkit import pools

    try:
        return pools.retire(session, pool_id)
    except ServiceError as error:
        if getattr(error.__cause__, "status_code", 0) != 403:
            raise
        return []


def _show(table: pd.DataFrame) -> None:
    print(table.to_string(index=False, max_colwidth=110))
