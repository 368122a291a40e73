"""`batchkit pool create|list|show|monitor|mend|delete`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from batchkit.commands.connection import open_session
from batchkit.commands.output import Json, Yes, confirm, document, record, table
from batchkit.session import Session

app = typer.Typer(help="Pools: the machines that run jobs.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The pool's id; by default our newest.")]


def _pool(session: Session, pool_id: str) -> str:
    from batchkit import pools

    return pool_id or pools.newest(session)


@app.command()
def create(
    max_nodes: Annotated[int, typer.Option(help="The most machines.")] = 10,
    spot_nodes: Annotated[int, typer.Option(help="How many of them may be Spot.")] = 0,
    tasks_per_node: Annotated[int, typer.Option(help="Pending tasks for one machine.")] = 3,
    keep_warm: Annotated[float, typer.Option(help="Keep one machine for so many minutes.")] = 0,
    fixed: Annotated[int, typer.Option(help="So many machines, without autoscaling.")] = -1,
) -> None:
    """Make the pool, or bring the formula of the one that is there up to date; print its id."""
    from batchkit import pools

    session = open_session()
    sizes = {"max_nodes": max_nodes, "spot_nodes": spot_nodes, "tasks_per_node": tasks_per_node}
    print(pools.ensure(session, pools.spec(session, **sizes), keep_warm, fixed if fixed >= 0 else None))


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List our pools, the newest first; the others are marked as older."""
    from batchkit import pool_views

    table(pool_views.overview(open_session()), as_json, "There is no pool yet: batchkit pool create")


@app.command()
def show(pool_id: Id = "", as_json: Json = False) -> None:
    """Show what a pool is and does now."""
    from batchkit import pool_views

    session = open_session()
    record(pool_views.snapshot(session, _pool(session, pool_id)), as_json)


@app.command()
def monitor(
    pool_id: Id = "",
    as_json: Json = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks, by the service's clock.")] = 30,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
) -> None:
    """Show nodes, pending tasks and the formula's evaluations, a line a look, until interrupted."""
    from batchkit import pool_views

    session = open_session()
    name = _pool(session, pool_id)
    while True:
        seen = pool_views.snapshot(session, name)
        if as_json:
            document(seen)
        else:
            print(pool_views.line(seen), flush=True)
        if once:
            return
        time.sleep(max(0.5, every / session.settings.speed))


@app.command()
def mend(pool_id: Annotated[str, typer.Argument(help="The pool's id.")]) -> None:
    """Enable a pool's autoscaling again, which can stay stuck after quota or sample errors."""
    from batchkit import pools

    print(pools.mend(open_session(), pool_id))


@app.command()
def delete(pool_id: Annotated[str, typer.Argument(help="The pool's id.")], yes: Yes = False) -> None:
    """Delete a pool; its machines go, jobs and results stay."""
    from batchkit import pools

    session = open_session()
    confirm(f"the pool {pool_id} of account {session.settings.azure.batch.account_name}", pool_id, yes)
    pools.delete(session, pool_id)
