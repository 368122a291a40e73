"""A run accounts for every file that it was given, and a second one with its job's id pays for nothing again."""

import json
import subprocess
from pathlib import Path

import pytest
from shell import ENVIRONMENT
from test_batchkit_run import BATCHKIT
from test_batchkit_run_ends import first_words

from node.samples import generate

EXPECTED = {
    "batch-0001.json": ("processed", ""),
    "batch-0002.json": ("processed", ""),
    "sub/batch-0003.json": ("processed", ""),
    "latin1.json": ("rejected", "not UTF-8"),
    "empty.json": ("rejected", "the file is empty"),
    ".hidden.json": ("left_out", "hidden"),
    "more.jsonl": ("left_out", "not *.json"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder somewhere with data of all kinds below it, and no notebooks."""
    home = tmp_path_factory.mktemp("elsewhere")
    generate(30, 3, 1, home / "mine")
    (home / "mine/sub").mkdir()
    (home / "mine/batch-0003.json").rename(home / "mine/sub/batch-0003.json")
    (home / "mine/latin1.json").write_bytes('{"transactions": "é"}'.encode("latin-1"))
    for name in ("empty.json", ".hidden.json", "more.jsonl"):
        (home / "mine" / name).write_text("")
    return home


def batchkit_run(home: Path, azure: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(BATCHKIT), "run", "-p", "job_id", "accounts", *words]
    return subprocess.run(command, cwd=home, env=ENVIRONMENT | azure, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def done(home, local_azure):
    return batchkit_run(home, local_azure, "-p", "data", "mine")


@pytest.fixture(scope="module")
def record(home, done):
    return json.loads((home / "runs/accounts/run.json").read_text())


def test_every_file_is_there_once_with_its_reason(done, record):
    assert done.returncode == record["exit_code"] == 3, done.stderr
    assert {e["name"]: (e["state"], e["reason"]) for e in record["inputs"]} == EXPECTED
    assert len(record["inputs"]) == len(EXPECTED)
    assert record["errors"] == []


def test_the_terminal_and_the_page_name_what_is_not_in_the_figures(home, done, record):
    page = first_words(home / "runs/accounts")
    for name, (state, reason) in EXPECTED.items():
        if state != "processed":
            assert f"{state.replace('_', ' ')}: {name}: {reason}" in done.stderr
            assert name in page
            assert reason in page
    assert "of 5 inputs 2 rejected" in page.split("Data:")[0]
    assert "of 5 inputs 2 rejected" in done.stderr


def test_nothing_is_left_anywhere_but_in_runs_and_results(home, done):
    assert {path.name for path in home.iterdir()} == {"mine", "runs", "results"}


def test_the_jobs_id_alone_goes_on_with_it(home, local_azure, record):
    again = batchkit_run(home, local_azure)
    after = json.loads((home / "runs/accounts/run.json").read_text())
    assert again.returncode == 3, again.stderr
    assert [entry["notebook"] for entry in after["notebooks"]] == ["03_submit_job.ipynb", "04_results.ipynb"]
    assert after["inputs"] == record["inputs"]
    assert after["tasks"] == record["tasks"], "nothing ran twice"


def test_other_data_for_that_job_is_a_wrong_argument(home, local_azure, record):
    (home / "other").mkdir()
    generate(5, 1, 2, home / "other")
    other = batchkit_run(home, local_azure, "-p", "data", "other")
    assert other.returncode == 2, other.stderr
    assert "exists with other data" in other.stderr
