"""`batchkit run` as a user calls it: real processes, from outside, with what may go wrong."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from shell import ENVIRONMENT
from typer.testing import CliRunner

from batchkit import cli
from batchkit.errors import ParameterError

ROOT = Path(__file__).parents[2]
BATCHKIT = Path(sys.executable).parent / "batchkit"


def batchkit(*arguments: str, cwd: Path, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BATCHKIT, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture
def workbench(tmp_path):
    """A folder with the notebooks in it, as in a checkout."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return tmp_path


WRONG = [
    (["-p", "no_such_name", "1"], "No notebook has a parameter no_such_name"),
    (["-p", "transactions", "many"], "transactions takes int"),
    (["--notebooks", "nowhere"], "no notebooks in nowhere"),
    (["-p", "job_id", "../up"], "letters, digits"),
    (["-p", "data", "nowhere"], "nowhere does not exist"),
    (["-p", "data", "empty"], "empty holds no input (it is empty)"),
    (["-p", "data", "other"], "other holds no input (found: 1 hidden, 1 not *.json)"),
    (["-p", "rules_file", "nowhere.toml"], "nowhere.toml: No such file"),
    (["-p", "rules_file", "text.toml"], "text.toml is not TOML"),
    (["-p", "rules_file", "strange.toml"], "strange.toml"),
]


@pytest.fixture
def strange(workbench):
    """A workbench with folders and rules of which nothing can be made."""
    (workbench / "empty").mkdir()
    (workbench / "other").mkdir()
    (workbench / "other/.hidden.json").write_text("{}")
    (workbench / "other/a.jsonl").write_text("{}")
    (workbench / "text.toml").write_text("not toml")
    (workbench / "strange.toml").write_text("[limits]\nmax_unit_prize = 3\n")
    return workbench


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_wrong_argument_is_one_clear_line(strange, arguments, said, monkeypatch):
    monkeypatch.chdir(strange)
    done = CliRunner().invoke(cli.app, ["run", *arguments])
    assert isinstance(done.exception, ParameterError)
    assert said in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1
    assert not (strange / "runs").exists()


@pytest.mark.parametrize(("arguments", "said"), [WRONG[0], WRONG[5]])
def test_the_program_says_it_and_ends_with_two(strange, arguments, said):
    done = batchkit("run", *arguments, cwd=strange, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (strange / "runs").exists()


def test_an_incomplete_azure_profile_is_one_clear_line(workbench):
    (workbench / "config.json").write_text('{"profile": "azure", "azure": {}}')
    done = batchkit("run", cwd=workbench, timeout=60)
    assert done.returncode == 2
    assert "azure.subscription_id" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_notebook_that_raises_fails_the_run_and_keeps_its_traceback(workbench):
    path = workbench / "notebooks/01_provision.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(notebook, path)
    done = batchkit("run", "-p", "data", "synthetic", cwd=workbench)
    assert done.returncode == 1
    assert "Notebook 01_provision stopped: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    [folder] = (workbench / "runs").glob("*/")
    executed = nbformat.read(folder / "01_provision.ipynb", as_version=4)
    [error] = [o for c in executed.cells for o in c.get("outputs", []) if o.output_type == "error"]
    assert "ZeroDivisionError" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert record["come_back"].endswith("Start again: batchkit run -p data synthetic")
    assert "ZeroDivisionError" in (folder / "technical.html").read_text()
    assert "ZeroDivisionError" in (folder / "report.html").read_text()
    assert not (folder / "02_generate_data.ipynb").exists()


def descendants(process: psutil.Process) -> dict[int, psutil.Process]:
    return {child.pid: child for child in [process, *process.children(recursive=True)]}


def listening(processes: list[psutil.Process]) -> set[int]:
    ports = set()
    for process in processes:
        try:
            ports |= {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue
    return ports


@pytest.mark.parametrize(
    ("whom", "moment"),
    [
        pytest.param("group", 0.3, id="group-0"),
        pytest.param("group", 4.0, id="group-4"),
        pytest.param("group", 14.0, id="group-14", marks=pytest.mark.longer),
        pytest.param("leader", 1.5, id="leader-1"),
        pytest.param("leader", random.uniform(0.5, 20.0), id="leader-any", marks=pytest.mark.longer),
    ],
)
def test_ctrl_c_leaves_no_process_and_no_port(workbench, whom, moment):
    run = subprocess.Popen(
        [BATCHKIT, "run", "-p", "data", "synthetic"],
        cwd=workbench,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    seen: dict[int, psutil.Process] = {}
    ports: set[int] = set()
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline and run.poll() is None:
        now = descendants(psutil.Process(run.pid))
        seen |= now
        ports |= listening(list(now.values()))
        time.sleep(0.1)
    (os.killpg if whom == "group" else os.kill)(run.pid, signal.SIGINT)
    code = run.wait(timeout=30)
    gone, alive = psutil.wait_procs(list(seen.values()), timeout=10)
    assert not alive, [p.cmdline() for p in alive]
    assert code not in (0,), gone
    listeners = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    still = {c.laddr.port for c in listeners if c.pid is None or c.pid in seen}
    assert not ports & still
