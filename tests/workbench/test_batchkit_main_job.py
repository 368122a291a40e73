"""The main job, as `make run` does it, on a year of real data; its summary against the package's own tables."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from journey_reference import differences, journey_reference
from shell import ENVIRONMENT

ROOT = Path(__file__).parents[2]
BATCHKIT = Path(sys.executable).parent / "batchkit"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    done = subprocess.run(
        [BATCHKIT, "run", "--runs", runs], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [folder] = runs.glob("*/")
    assert str(folder / "report.html") in done.stderr
    assert " tasks" in done.stderr  # the progress bar
    return folder


@pytest.fixture(scope="module")
def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_the_folder_holds_what_was_promised(folder, record):
    assert {path.name for path in folder.iterdir()} == {
        "01_provision.ipynb",
        "02_generate_data.ipynb",
        "03_submit_job.ipynb",
        "04_results.ipynb",
        "report.html",
        "technical.html",
        "summary.json",
        "run.json",
    }
    assert (record["status"], record["exit_code"], record["errors"]) == ("succeeded", 0, [])
    assert [entry["state"] for entry in record["inputs"]] == ["processed"] * 53
    assert record["run_id"] == folder.name == record["job_id"]


def test_every_week_went_through_real_tasks_on_nodes_started_from_zero(record, summary):
    assert summary["source"]["files"] == 53
    assert summary["source"]["rejected"] == summary["source"]["missing"] == []
    tasks = pd.DataFrame(record["tasks"])
    work = tasks.iloc[:-1]
    assert len(work) == 14
    assert (tasks["result"] == "success").all()
    assert work["node"].nunique() >= 2
    assert (tasks["started"] >= tasks["created"]).all()


def test_the_summary_is_what_the_tables_say_to_the_cent(summary):
    expected = journey_reference()
    assert differences(summary, expected) == []
    assert (expected.baskets, expected.lines) == (155_848, 1_469_307)


def test_the_pool_had_no_nodes_before_the_job(folder):
    first = nbformat.read(folder / "01_provision.ipynb", as_version=4)
    text = "".join(output.get("text", "") for output in first.cells[-1].outputs)
    assert "is ready with 0 machines" in text


def test_no_chart_or_table_failed(folder):
    for path in folder.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not [o for o in cell.get("outputs", []) if o.output_type == "error"]


def test_the_page_asks_no_one_for_anything(folder):
    page = (folder / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="https?://[^"]+\.(?:js|css)', page)
    assert page.count("<svg ") >= 10
    assert len(page) < 1_500_000
    technical = (folder / "technical.html").read_text()
    assert technical.count("data:image/png;base64") >= 10
    assert "Uploading:" not in technical
    assert folder.name in (folder.parent / "index.html").read_text()


def test_the_five_figures_and_the_sentences_are_those_of_the_package(folder):
    said = re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text())
    found = journey_reference()
    out, revenue = found.excluded_cents, found.revenue
    assert f"{revenue / 100:,.2f}" in said
    assert f"{found.valid:,}" in said
    assert f"{revenue / found.valid / 100:,.2f}" in said
    assert f"{100 * found.valid / found.baskets:.1f}%" in said
    assert f"{out / 100:,.2f}" in said
    assert f"{100 * out / (out + revenue):.1f}% of what is reported" in said
    best = max(found.by_day, key=lambda day: found.by_day[day])
    assert f"with {found.by_day[best] / 100:,.2f}." in said
    first = max(found.by_department, key=lambda name: found.by_department[name])
    share = 100 * found.by_department[first] / sum(found.by_department.values())
    assert f"{first} leads with {share:.1f}%" in said
    days = sorted(found.by_day)
    half = len(days) // 2
    before, after = (sum(found.by_day[day] for day in part) for part in (days[:half], days[-half:]))
    word = "more" if after > before else "less"
    assert (
        f"The last {half} days with orders brought {100 * abs(after - before) / before:.1f}% {word} than the first"
        in said
    )
    rule, (number, cents) = max(found.excluded_by_rule.items(), key=lambda item: item[1][1])
    assert (rule, cents > out / 2) == ("quantity", True)
    assert f"most of it for a quantity out of its limits, in {number:,} transactions." in said
