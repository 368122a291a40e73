"""However a run ends there is a run.json, a page that says in its first words what happened, and no traceback.

Small notebooks in place of the real ones, on the session's local Azure: what is held here is how a run ends.
"""

import base64
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import nbformat
import pytest
from shell import ENVIRONMENT
from test_batchkit_run import BATCHKIT

PARAMETERS = 'data: str = "synthetic"  # any\njob_id: str = ""  # any\nresults_dir: str = ""  # any'


longer = pytest.mark.longer


@pytest.fixture
def write(tmp_path):
    """Write a notebook of one parameters cell and the given ones, to the folder `small`."""

    def notebook(*cells: str, name: str = "01_small.ipynb", kernel: str = "python3") -> None:
        made = nbformat.v4.new_notebook(
            metadata={"kernelspec": {"name": kernel, "display_name": "x", "language": "python"}}
        )
        made.cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
        made.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        (tmp_path / "small").mkdir(exist_ok=True)
        nbformat.write(made, tmp_path / "small" / name)

    return notebook


@pytest.fixture
def start(tmp_path, local_azure):
    """Start `batchkit run` over the folder `small`, with more of an environment."""

    def begin(*words: str, **more: str) -> subprocess.Popen[str]:
        command = [str(BATCHKIT), "run", "--notebooks", "small", "-p", "job_id", "mine", *words]
        environment = ENVIRONMENT | local_azure | more
        return subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE)

    return begin


def first_words(folder: Path) -> str:
    """The page's first block, as text."""
    page = (folder / "report.html").read_text()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<body>") : page.index("</header>")]))


def ended(run: subprocess.Popen[str], folder: Path) -> tuple[int, str, dict]:
    _, said = run.communicate(timeout=120)
    assert "Traceback" not in said
    return run.returncode, said, json.loads((folder / "run.json").read_text())


def test_a_killed_kernel(tmp_path, write, start):
    write("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    code, said, record = ended(start(), tmp_path / "runs/mine")
    assert (code, record["exit_code"], record["status"]) == (1, 1, "failed")
    assert "Notebook 01_small stopped" in said
    assert "was killed" in first_words(tmp_path / "runs/mine")
    [error] = record["errors"]
    assert all(error[name] for name in ("what", "why", "next"))
    cells = nbformat.read(tmp_path / "runs/mine/01_small.ipynb", as_version=4).cells
    assert [output.output_type for output in cells[-1].outputs] == ["error"]


@longer
def test_a_first_cell_that_raises(tmp_path, write, start):
    write("1 / 0")
    code, said, record = ended(start(), tmp_path / "runs/mine")
    assert code == 1
    assert "ZeroDivisionError: division by zero" in said
    assert "Notebook 01_small stopped" in first_words(tmp_path / "runs/mine").split("Data:")[0]
    assert record["errors"][0]["why"] == "ZeroDivisionError: division by zero"


KINDS = ["PlanError", pytest.param("ParameterError", marks=longer), pytest.param("SettingsError", marks=longer)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_that_cannot_do_what_was_asked_is_a_wrong_argument(tmp_path, write, start, kind):
    write(f"from batchkit.errors import {kind}", f"raise {kind}('Not so. Do it otherwise.')")
    code, said, record = ended(start(), tmp_path / "runs/mine")
    assert (code, record["status"]) == (2, "wrong_argument")
    assert said.count("Not so. Do it otherwise.") == 1


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(n, marks=longer) for n in (signal.SIGTERM, signal.SIGHUP))]
)
def test_a_signal(tmp_path, write, start, number):
    write("import pathlib, time", "pathlib.Path('begun').touch(); time.sleep(60)")
    run = start()
    while not (tmp_path / "small/begun").exists() and run.poll() is None:
        time.sleep(0.1)
    run.send_signal(number)
    code, said, record = ended(run, tmp_path / "runs/mine")
    assert (code, record["status"], record["exit_code"]) == (130, "interrupted", 130)
    assert "The run was interrupted while 01_small ran." in said
    assert "interrupted while 01_small ran" in first_words(tmp_path / "runs/mine")
    assert "batchkit run" in record["come_back"]


def test_a_run_that_is_killed_outright_has_said_that_it_began(tmp_path, write, start):
    write("import pathlib, time", "pathlib.Path('begun').touch(); time.sleep(5)")
    run = start()
    while not (tmp_path / "small/begun").exists() and run.poll() is None:
        time.sleep(0.1)
    run.kill()
    _, _, record = ended(run, tmp_path / "runs/mine")
    assert (record["status"], record["exit_code"]) == ("running", None)
    assert "This run has begun" in first_words(tmp_path / "runs/mine")


def test_whatever_the_environment_and_the_notebook_say_of_kernels_and_charts(tmp_path, write, start):
    long = tmp_path / ("long" * 25)
    long.mkdir()
    write("import matplotlib.pyplot as plt", "plt.plot([1, 2]);", kernel="nobody-has-this")
    code, said, record = ended(start(TMPDIR=str(long), MPLBACKEND="Agg"), tmp_path / "runs/mine")
    assert record["notebooks"][0]["error"] is None, said
    assert code == 1, "there is no job, and that is said"
    assert "Nothing is known of a job mine" in said
    outputs = nbformat.read(tmp_path / "runs/mine/01_small.ipynb", as_version=4).cells[-1].outputs
    assert base64.b64decode(next(o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})))
    assert "data:image/png" in (tmp_path / "runs/mine/technical.html").read_text()


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, write, start):
    write("pass")
    (tmp_path / "runs/mine/report.html/x").mkdir(parents=True)
    _, said = (run := start()).communicate(timeout=60)
    assert run.returncode == 1
    assert len(said.strip().splitlines()) == 1
    assert "Could not write" in said
    assert "Is a directory" in said


@longer
def test_runs_that_is_a_file_is_one_line(tmp_path, write, start):
    write("pass")
    (tmp_path / "runs").write_text("")
    _, said = (run := start()).communicate(timeout=60)
    assert run.returncode == 1
    assert len(said.strip().splitlines()) == 1


@longer
def test_a_folder_with_braces_in_its_name_is_a_folder(tmp_path, write, start):
    write("pass")
    code, said, record = ended(start("--runs", "{r}"), tmp_path / "{r}/mine")
    assert record["notebooks"][0]["error"] is None, said
    assert code == 1
    assert (tmp_path / "{r}/mine/01_small.ipynb").exists()
