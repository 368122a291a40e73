"""What `batchkit run` settles before anything starts: the notebooks, their parameters, the data, the rules.

Whatever is wrong with them is a ParameterError, one line, while there is still nothing to clean up.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batchkit import datasets, inputs, jobs, mappings, results, session
from batchkit.errors import JobError, ParameterError
from batchkit.headless import parameters
from batchkit.headless.record import Order

CHECKOUT = Path(__file__).parents[2] / "notebooks"
INSTALLED = Path(sysconfig.get_path("data")) / "share/batchkit/notebooks"
_PATTERN = "0[1-4]_*.ipynb"
_MARK = "03_submit_job.ipynb"  # a folder called notebooks may be anybody's
_BEFORE_A_JOB = ("01_", "02_")


def find_notebooks(folder: Path | None) -> list[Path]:
    """The notebooks to run: of the folder named, else of `notebooks/` here, else of the checkout, else of the wheel.

    Raises ParameterError when there are none.
    """
    here = Path("notebooks")
    chosen = folder or next((place for place in (here, CHECKOUT) if (place / _MARK).exists()), INSTALLED)
    paths = sorted(chosen.glob(_PATTERN))
    if not paths:
        raise ParameterError(f"There are no notebooks in {chosen}. Name their folder with --notebooks.")
    return paths


def order(
    given: Sequence[tuple[str, str]], folder: Path | None, runs: Path, words: Sequence[str], inside: str = ""
) -> Order:
    """Settle what to run, from the parameters given as pairs of name and text, and the command's own words.

    `inside` is the run's id where a run has begun already and this process is its inner part, on an Azure of its
    own. Raises ParameterError for whatever cannot be done as asked.
    """
    paths = find_notebooks(folder)
    known = parameters.declared(paths)
    values = parameters.assign(known, given, {"data": "real", "job_id": "", "results_dir": str(Path.cwd() / "results")})
    asked = {name: value for mine in values.values() for name, value in mine.items() if name in dict(given)}
    if not inside:
        check(asked)
    run_id = inside or choose_id(asked)
    data = str(asked.get("data") or "real")
    command = shlex.join(["batchkit", "run", *words])
    return Order(run_id, paths, values, runs, data, command)


def on_lasting_azure(made: Order, asked: Sequence[str], words: Sequence[str]) -> Order:
    """The same order where the service outlives the run: one can come back, and a job that exists is gone on with.

    `asked` are the names of the parameters that a person gave. Raises PlanError when one of them is not what the
    stored plan of the job says.
    """
    back = shlex.join(["batchkit", "run", "-p", "job_id", made.run_id, *_without_parameters(words)])
    known = "job_id" in asked and _has_plan(made.run_id)
    if known:
        _hold_to_plan(made, asked)  # before anything of an earlier run of this id is written over
    there = known and "data" not in asked
    paths = [path for path in made.notebooks if not (there and path.name.startswith(_BEFORE_A_JOB))]
    values = {name: mine | ({"data": ""} if there and "data" in mine else {}) for name, mine in made.parameters.items()}
    return replace(made, notebooks=paths, parameters=values, data="" if there else made.data, back=back)


def choose_id(asked: Mapping[str, Any]) -> str:
    """The run's id, which is the job's too: the `job_id` that a person gave, to go on with that job, or a new one.

    Raises ParameterError when it is none that Batch would take.
    """
    given = str(asked.get("job_id") or "")
    if given and not re.fullmatch(jobs.ID, given):
        raise ParameterError(f"job_id {given!r} is not 1 to 64 letters, digits, - and _. Name the job otherwise.")
    return given or jobs.new_id()


def check(asked: Mapping[str, Any]) -> None:
    """Look at what a person named: the data holds an input, every file is there, the worker takes the rules.

    Raises ParameterError.
    """
    if "data" in asked and not str(asked["data"]).strip():
        raise ParameterError("Parameter data is empty. Name a folder, or leave it out for the real data.")
    for name, value in asked.items():
        if value and name == "data" and parameters.is_path(name, value):
            inputs.find(Path(value), mappings.endings(str(asked.get("mapping") or "")))
        elif name == "mapping" and value:
            _check_mapping(str(value))
        elif value and name.endswith("_file"):
            _readable(name, Path(value))
    if asked.get("rules_file"):
        _check_rules(Path(asked["rules_file"]))


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise ParameterError(f"{name} {path}: {error.strerror}. Name a file that can be read.") from error


def _check_rules(path: Path) -> None:
    """Let the worker say whether it takes the rules, by a call over no transactions; it alone knows them."""
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ParameterError(f"rules_file {path} is not TOML: {error}. `python -m node rules` prints one.") from error
    if said := _refused_by_worker("--rules", str(path)):
        raise ParameterError(f"rules_file {path}: {said}")


def _check_mapping(mapping: str) -> None:
    """The same of a mapping, a file or a name."""
    mappings.read(mapping)
    if said := _refused_by_worker("--mapping", mapping):
        raise ParameterError(f"mapping {mapping}: {said}")


def _refused_by_worker(*options: str) -> str:
    with TemporaryDirectory(prefix="batchkit-") as folder:
        empty = Path(folder, "empty.json")
        empty.write_text(json.dumps({"transactions": []}))
        words = ["process", str(empty), "--output", folder, *options]
        done = subprocess.run([sys.executable, "-m", "node", *words], capture_output=True, text=True, cwd="/")
    return done.stderr.strip().splitlines()[-1].removeprefix("node: ") if done.returncode == 2 else ""


def _hold_to_plan(made: Order, asked: Sequence[str]) -> None:
    given = {name: value for mine in made.parameters.values() for name, value in mine.items() if name in asked}
    connection = session.connect()
    jobs.plan(
        connection,
        made.run_id,
        rules=jobs.rules_of(str(given.get("rules_file") or "")),
        mapping=mappings.read(str(given.get("mapping") or "")),
        files_per_task=given.get("files_per_task") or None,
    )
    if "data" in given:
        datasets.read(connection, str(given["data"]), made.run_id)


def _has_plan(job_id: str) -> bool:
    try:
        results.read_plan(session.connect(), job_id)
    except JobError:
        return False
    return True


def _without_parameters(words: Sequence[str]) -> list[str]:
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("-p", "--parameter"):
            next(rest, None), next(rest, None)
        else:
            kept.append(word)
    return kept
