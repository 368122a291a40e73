"""What the notebooks' outputs say, on synthetic data with one file that is no JSON: figures, not just no errors."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from shell import ENVIRONMENT

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FILES = 13


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The README's run over a folder of one's own: thirteen files, one of them replaced by text that is no JSON."""
    home = tmp_path_factory.mktemp("workbench")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    make = [
        "-m",
        "node",
        "generate",
        "--transactions",
        "1300",
        "--files",
        str(FILES),
        "--seed",
        "3",
        "--output",
        "mine",
    ]
    subprocess.run([sys.executable, *make], cwd=home, check=True, capture_output=True)
    (home / "mine/batch-0007.json").write_text("not json")
    readme = (ROOT / "README.md").read_text()
    [told] = re.findall(r"^\.venv/bin/(batchkit run .*)$", readme, re.M)
    words = told.replace("path/to/my/json/files", str(home / "mine")).split()
    done = subprocess.run(
        [BIN / words[0], *words[1:]], cwd=home, env=ENVIRONMENT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 3, done.stderr[-3000:]
    [folder] = (home / "runs").glob("*/")
    return folder


def text_of(path: Path) -> str:
    """All that the executed notebook's cells print and show, tables as text."""
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]
    tables = [re.sub(r"<[^>]+>", " ", output.get("data", {}).get("text/html", "")) for output in outputs]
    return re.sub(r"\s+", " ", " ".join([output.get("text", "") for output in outputs] + tables))


def charts_in(path: Path) -> int:
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]
    return sum("image/png" in o.get("data", {}) for o in outputs)


def test_the_file_that_is_no_json_is_named_and_the_others_are_complete(run):
    summary = json.loads((run / "summary.json").read_text())
    assert summary["source"]["rejected"] == ["batch-0007.json"]
    assert summary["source"]["missing"] == []
    assert summary["source"]["files"] == FILES
    assert summary["validation"]["total_transactions"] == 1200
    shown = text_of(run / "04_results.ipynb")
    assert f"{FILES - 1} processed, 1 rejected" in shown
    assert "batch-0007.json" in shown


def test_the_figures_shown_are_the_summarys(run):
    summary = json.loads((run / "summary.json").read_text())
    shown = text_of(run / "04_results.ipynb")
    assert f"1,200 ({summary['validation']['invalid_transactions']} invalid)" in shown
    assert f"{summary['analytics']['summary']['total_revenue']:,.2f}" in shown
    assert f"{summary['validation']['invalid_amount']:,.2f}" in shown


def test_the_job_ran_as_planned(run):
    shown = text_of(run / "03_submit_job.ipynb")
    assert "13 files in 7 tasks, 0 files refused" in shown
    assert "8 of 8 tasks succeeded" in shown
    assert "is completed" in shown
    record = json.loads((run / "run.json").read_text())
    assert [task["task"] for task in record["tasks"]] == [str(n) for n in range(1, 9)]


def test_figures_are_charts(run):
    assert charts_in(run / "02_generate_data.ipynb") == 1
    assert charts_in(run / "03_submit_job.ipynb") == 1
    assert charts_in(run / "04_results.ipynb") >= 9


def test_the_page_shows_the_results_first(run):
    page = (run / "technical.html").read_text()
    assert page.index("1 rejected") < page.index("Results: what the job found") < page.index("Provision: from an empty")
    assert "batch-0007.json" in page
