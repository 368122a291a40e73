"""`batchkit data upload|register|list|download|delete`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batchkit.commands.connection import open_session
from batchkit.commands.output import Json, Yes, confirm, table

app = typer.Typer(help="What a job processes: uploaded files, or blobs that lie in storage.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The data's name.")]


@app.command()
def upload(
    path: Annotated[list[Path], typer.Argument(help="Files, or folders.", exists=True)],
    name: Annotated[str, typer.Option(help="The data's name; by default the folder's, and a hash of its place.")] = "",
    mapping: Annotated[str, typer.Option(help="The mapping by which it will be read: a file, or a shipped one.")] = "",
) -> None:
    """Upload what is not there already, and print the data's name."""
    from batchkit import datasets

    print(datasets.upload(open_session(), path, name, mapping=mapping).name)


@app.command()
def register(
    name: Name,
    container: Annotated[str, typer.Option(help="The container that holds the blobs.")],
    prefix: Annotated[str, typer.Option(help="Only blobs below this folder.")] = "",
    account: Annotated[str, typer.Option(help="The storage account, if it is another one.")] = "",
) -> None:
    """Make data of blobs that lie in storage already: a manifest, no byte is moved."""
    from batchkit import registering

    print(registering.register(open_session(), name, container, prefix, account).name)


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List all data."""
    from batchkit import registering

    table(registering.overview(open_session()), as_json, "There is no data yet: batchkit data upload PATH")


@app.command()
def download(name: Name, output: Annotated[Path, typer.Option(help="The folder to write into.")]) -> None:
    """Download data into a folder."""
    from batchkit import registering

    files = registering.download(open_session(), name, output)
    typer.echo(f"{len(files)} files are in {output}", err=True)


@app.command()
def delete(name: Name, yes: Yes = False) -> None:
    """Delete data; blobs that were registered only stay."""
    from batchkit import registering

    session = open_session()
    confirm(f"the data {name} of account {session.settings.azure.storage.account_name}", name, yes)
    registering.delete(session, name)
