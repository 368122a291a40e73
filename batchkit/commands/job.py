"""`batchkit job submit|list|status|watch|explain|logs|cancel|repair|results|delete`.

Without an id the newest job of the workbench is meant.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from batchkit.commands.connection import open_session
from batchkit.commands.output import Json, Yes, confirm, record, table
from batchkit.session import Session

app = typer.Typer(help="Jobs: submit, watch, understand, repair.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The job's id; by default the newest of ours.")]
Pool = Annotated[str, typer.Option(help="The pool; by default our newest.")]


def _job(session: Session, job_id: str) -> str:
    from batchkit.jobs import lookup

    return job_id or lookup.newest(session)


@app.command()
def submit(
    data: Annotated[str, typer.Argument(help="The data's name.")],
    job_id: Annotated[str, typer.Option("--job-id", help="Goes on with the job of that id, if it is there.")] = "",
    pool: Pool = "",
    rules: Annotated[str, typer.Option(help="A rules file.")] = "",
    mapping: Annotated[str, typer.Option(help="A mapping file, or the name of one that is shipped.")] = "",
    files_per_task: Annotated[int | None, typer.Option(help="How many files a task takes at the most.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")] = False,
) -> None:
    """Submit a job over data, and print its id."""
    from batchkit import datasets, mappings, outcome, pools
    from batchkit.jobs import planning, submission, watching

    session = open_session()
    name = job_id or submission.new_id()
    manifest = datasets.read(session, data, name)
    made = planning.plan(
        session, name, manifest, rules=planning.rules_of(rules), mapping=mappings.read(mapping),
        files_per_task=files_per_task,
    )  # fmt: skip
    plan = submission.submit(session, made, pool or pools.newest(session))
    print(plan.job_id, flush=True)
    if watch:
        watching.watch(session, plan.job_id)
        raise typer.Exit(outcome.of_job(session, plan.job_id))


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List our jobs, the newest first."""
    from batchkit.jobs import showing

    table(showing.overview(open_session()), as_json, "There is no job yet: batchkit job submit NAME")


@app.command()
def status(job_id: Id = "", as_json: Json = False) -> None:
    """Show how a job stands: its state, its tasks, its pool."""
    from batchkit.jobs import showing

    session = open_session()
    record(showing.status(session, _job(session, job_id)), as_json)


@app.command()
def watch(job_id: Id = "") -> None:
    """Watch a job until it ends; interrupting leaves it going on. The exit code is the job's."""
    from batchkit import outcome
    from batchkit.jobs import watching

    session = open_session()
    name = _job(session, job_id)
    watching.watch(session, name)
    raise typer.Exit(outcome.of_job(session, name))


@app.command()
def explain(job_id: Id = "", as_json: Json = False) -> None:
    """Say what went wrong, why tasks wait, and what to do about it."""
    from batchkit.jobs import explaining

    session = open_session()
    table(explaining.explain(session, _job(session, job_id)), as_json, "Nothing went wrong, and nothing waits.")


@app.command()
def logs(
    job_id: Annotated[str, typer.Argument(help="The job's id.")],
    task: Annotated[str, typer.Argument(help="The task's number.")],
    stdout: Annotated[bool, typer.Option("--stdout", help="Its stdout instead of its stderr.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the task has ended.")] = False,
) -> None:
    """Print what a task wrote: from its node while it runs, from the logs container after."""
    from batchkit.jobs import showing

    session, name = open_session(), "stdout.txt" if stdout else "stderr.txt"
    seen = 0
    while True:
        ended, text = showing.output(session, job_id, task, name)
        typer.echo(text[seen:], nl=False)
        seen = max(seen, len(text))
        if ended or not follow:
            return
        time.sleep(max(0.5, 5 / session.settings.speed))


@app.command()
def cancel(job_id: Id = "") -> None:
    """End a job now; what its tasks wrote so far stays."""
    from batchkit.jobs import ending

    session = open_session()
    ending.cancel(session, _job(session, job_id))


@app.command()
def repair(
    job_id: Annotated[str, typer.Argument(help="The job to repair.")],
    pool: Pool = "",
    watch: Annotated[bool, typer.Option(help="Watch the repair until it ends.")] = True,
) -> None:
    """Run what is missing or failed of a job, merge everything again, and print the repair's id."""
    from batchkit import outcome, pools
    from batchkit.jobs import repairing, watching

    session = open_session()
    made = repairing.repair(session, job_id, pool or pools.newest(session))
    if made is None:
        typer.echo(f"Nothing of {job_id} is missing: its summary is whole.", err=True)
        return
    print(made, flush=True)
    if watch:
        watching.watch(session, made)
        raise typer.Exit(outcome.of_job(session, job_id))


@app.command()
def results(
    output: Annotated[Path, typer.Option(help="The folder to write into.")],
    job_id: Id = "",
    prefix: Annotated[str, typer.Option(help="Only what is below this folder of the job's blobs.")] = "",
    form: Annotated[str, typer.Option("--format", help="json (reports), csv or parquet (tables).")] = "json",
) -> None:
    """Download a job's reports and summary, or its tables."""
    from batchkit import tabular

    session = open_session()
    files = tabular.download(session, _job(session, job_id), output, prefix, form)
    typer.echo(f"{len(files)} files are in {output}", err=True)


@app.command()
def delete(job_id: Annotated[str, typer.Argument(help="The job's id.")], yes: Yes = False) -> None:
    """Delete a job and all that it stored: plan, reports, summary, logs."""
    from batchkit.jobs import showing

    session = open_session()
    confirm(f"the job {job_id} of account {session.settings.azure.batch.account_name} with its results", job_id, yes)
    showing.delete(session, job_id)
