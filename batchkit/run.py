"""The notebooks, headless: papermill runs them in order and the run's folder keeps all that they made.

A run leaves `runs/<run id>/` with each executed notebook, `report.html`, `summary.json` and `run.json`,
also when a part of it failed; then the exit code says so and the notebook holds its traceback.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from batchkit import jobs, results, session
from batchkit.errors import BatchkitError, ParameterError
from batchkit.page import write_page

PACKAGES = ["batchkit", "batchkit-node", "azure-batch", "azure-identity", "azure-mgmt-batch", "azure-storage-blob",
            "pandas", "papermill"]  # fmt: skip


def choose_id(parameters: Mapping[str, Mapping[str, Any]]) -> str:
    """The run's id, which is the job's too: the `job_id` that a person gave, to go on with that job, or a new one.

    Raises ParameterError when it is none that Batch would take.
    """
    given = [str(values["job_id"]) for values in parameters.values() if values.get("job_id")]
    if given and not re.fullmatch(jobs.ID, given[0]):
        raise ParameterError(f"job_id {given[0]!r} is not 1 to 64 letters, digits, - and _. Name the job otherwise.")
    return given[0] if given else jobs.new_id()


def run(run_id: str, notebooks: list[Path], parameters: Mapping[str, Mapping[str, Any]], runs: Path) -> bool:
    """Run the notebooks in order, each with its own parameters, and report; True when every part succeeded.

    `parameters` holds a mapping for each notebook's file name. A notebook that fails ends the run, and what
    there is by then is still written.
    """
    folder = runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"run_id": run_id, "started_at": _now(), "versions": {p: version(p) for p in PACKAGES}}
    record["notebooks"] = []
    for path in notebooks:
        _say(f"\n{path.stem}")
        mine = parameters[path.name]
        values = {**mine, "job_id": run_id} if "job_id" in mine else dict(mine)
        record["notebooks"].append(_execute(path, folder, values))
        if record["notebooks"][-1]["error"]:
            break
    record |= _gather(record, folder)
    _write_json(folder / "run.json", record | {"ended_at": _now()})
    write_page([folder / entry["notebook"] for entry in record["notebooks"]], folder / "report.html")
    _tell(record, folder)
    return bool(record["succeeded"])


def _execute(path: Path, folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    started, error = _now(), None
    with TemporaryDirectory(prefix="batchkit-") as sockets:  # of this user alone; a port is open to the whole machine
        kernel = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        try:
            papermill.execute_notebook(
                path,
                folder / path.name,
                values,
                cwd=path.parent,
                progress_bar=False,
                config=kernel,
                stdout_file=sys.stdout,
                stderr_file=sys.stderr,
            )
        except PapermillExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}"
    return {"notebook": path.name, "parameters": values, "started_at": started, "ended_at": _now(), "error": error}


def _gather(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    errors = [f"{entry['notebook']}: {entry['error']}" for entry in record["notebooks"] if entry["error"]]
    gathered: dict[str, Any] = {"job_id": record["run_id"], "tasks": [], "missing": []}
    try:
        connection = session.connect()
        ran = results.tasks(connection, record["run_id"])
        gathered["tasks"] = json.loads(ran.to_json(orient="records", date_format="iso"))
        failed = ran[ran["result"] != "success"]
        errors += [f"task {row['task']}: {row['reason'] or row['state']}" for row in failed.to_dict("records")]
        became = results.inputs(connection, record["run_id"])
        gathered["inputs"] = became.to_dict("records")
        gathered["missing"] = became.loc[became["state"].isin(["missing", "changed"]), "name"].tolist()
        errors += [f"no report for {name}" for name in gathered["missing"]]
        _write_json(folder / "summary.json", results.summary(connection, record["run_id"]))
    except BatchkitError as error:
        errors.append(str(error))
    return gathered | {"errors": errors, "succeeded": not errors}


def _tell(record: dict[str, Any], folder: Path) -> None:
    for error in record["errors"]:
        _say(f"FAILED  {error}")
    made = [folder / name for name in ("report.html", "summary.json", "run.json") if (folder / name).exists()]
    _say("\n" + "\n".join(str(path) for path in made))


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(document, indent=2, default=str) + "\n")
    part.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
