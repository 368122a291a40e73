"""A job's results as files: its reports and summary, or its tables as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from batchkit import storage
from batchkit.errors import JobError, ParameterError
from batchkit.inputs import escapes
from batchkit.session import Session

FORMATS = ("json", "csv", "parquet")
_OF_THE_MERGE = ("partials", "merged", "tables")  # left out unless they are asked for


def download(session: Session, job_id: str, target: Path, prefix: str = "", form: str = "json") -> list[Path]:
    """Download what a job left below a folder, and return the files.

    `form` json is its reports, summary and plan; csv and parquet are the tables of its merge. `prefix` narrows it to a
    folder of the job's blobs, as `reports/2024`. Raises ParameterError for another form, JobError where nothing is.
    """
    if form not in FORMATS:
        raise ParameterError(f"There is no format {form!r}: take one of {', '.join(FORMATS)}.")
    below = f"{job_id}/" if form == "json" else f"{job_id}/tables/"
    wanted = f"{below}{prefix.strip('/')}"
    hidden = () if prefix or form != "json" else tuple(f"{below}{folder}/" for folder in _OF_THE_MERGE)
    there = [name for name in storage.listed(session.outputs, below) if name.startswith(wanted)]
    names = [name for name in there if not (name.startswith(hidden) or escapes(name.removeprefix(below)))]
    if not names:
        raise JobError(f"There is nothing of job {job_id} below {wanted}. `batchkit job explain {job_id}` says why.")
    files = storage.fetch(session.outputs, {name: target / name.removeprefix(below) for name in names})
    return [_as_parquet(path) for path in files] if form == "parquet" else files


def _as_parquet(path: Path) -> Path:
    """Write a table as Parquet beside its CSV, which goes."""
    made = path.with_suffix(".parquet")
    try:
        pd.read_csv(path).to_parquet(made, index=False)
    except ImportError:
        raise ParameterError("Parquet needs pyarrow: pip install pyarrow, or take --format csv.") from None
    path.unlink()
    return made
