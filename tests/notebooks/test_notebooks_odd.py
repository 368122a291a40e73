"""Notebook 04 over every odd summary runs to its end: reports of the real worker, on storage of the local Azure."""

import gc
import json
import re
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

import batchkit
from batchkit import datasets, jobs, storage
from node import cli

FOLDER = Path(__file__).parents[2] / "notebooks"
MARKUP = "<img src=x onerror=run()><script>run()</script>"


def sale(number: int, **changes: object) -> dict:
    line = {"product_name": "Cup", "category": "Home", "quantity": 1, "unit_price": 10.0, "subtotal": 10.0}
    customer = {"customer_id": f"c{number}", "email": "a@example.org"}
    whole = {"transaction_id": f"t{number}", "timestamp": "2026-03-02T10:00:00Z", "customer": customer,
             "line_items": [line], "subtotal": 10.0, "tax": 1.0, "total": 11.0, "payment_method": "card",
             "status": "completed"}  # fmt: skip
    return whole | changes


def sales(count: int, **changes: object) -> str:
    return json.dumps({"transactions": [sale(number, **changes) for number in range(count)]})


def marked() -> str:
    line = {"product_name": MARKUP, "category": MARKUP, "quantity": 30, "unit_price": 400.0, "subtotal": 12000.0}
    customer = {"customer_id": MARKUP, "email": MARKUP}
    odd = {"customer": customer, "line_items": [line], "subtotal": 12000.0, "total": 12001.0, "payment_method": MARKUP}
    rows = [sale(n, transaction_id=f"{MARKUP}{n % 2}", **odd) for n in range(14)]
    return json.dumps({"transactions": [*rows, sale(15, transaction_id=f"{MARKUP}bad", total=-1, status=MARKUP)]})


CASES: dict[str, dict[str, str]] = {
    "all-rejected": {"a.json": "nope", "b.json": ""},
    "all-invalid": {"a.json": sales(3, total=-5.0)},
    "none-completed": {"a.json": sales(3, status="paid")},
    "none-at-all": {"a.json": sales(0)},
    "one": {"a.json": sales(1)},
    "one-customer": {"a.json": sales(3, customer={"customer_id": "x", "email": "x"})},
    "currencies": {"a.json": json.dumps({"transactions": [sale(1, currency="EUR"), sale(2, currency="USD")]})},
    "far-dates": {
        "a.json": json.dumps(
            {
                "transactions": [
                    *(sale(n, total=9000.0, timestamp=t) for n, t in enumerate(["0001-01-01", "9999-12-31"])),
                    *(sale(n, timestamp=f"2026-03-0{n}T10:00:00Z") for n in range(2, 6)),
                ]
            }
        ).replace('-01-01"', '-01-01T00:00:00Z"').replace('-12-31"', '-12-31T00:00:00Z"')
    },
    "many-ids": {"a.json": sales(3000, customer={"customer_id": "x" * 5000, "email": "x"}), "b.json": sales(3000)},
    "markup": {f"{MARKUP.split('/')[0]}.json": marked()},
}  # fmt: skip


@pytest.fixture(scope="module")
def kernel(local_azure):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_azure.items():
            patch.setenv(name, value)
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(FOLDER))
        client.stop_channels()
        yield manager
        manager.shutdown_kernel(now=True)


@pytest.fixture
def session(local_environment):
    session = batchkit.connect()
    for container in (session.inputs, session.outputs, session.logs):
        if not container.exists():
            container.create_container()
    return session


def put(session, job_id: str, files: dict[str, str], tmp_path: Path, *, plan: bool = True, summary: bool = True):
    """What a job leaves in storage: its plan, the worker's reports of the files, and the summary."""
    source, target = tmp_path / job_id, tmp_path / f"{job_id}.reports"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    data = datasets.upload(session, source, job_id=job_id)
    if plan:
        made = jobs.plan(session, job_id, data, default_files_per_task=4)
        storage.write(session.outputs, f"{job_id}/plan.json", made.to_json())
    cli.main(["process", str(source), "--output", str(target)])
    cli.main(["merge", str(target), "--output", str(tmp_path / f"{job_id}.json")])
    gc.enable()
    for path in target.rglob("*.report.json"):
        storage.write(session.outputs, f"{job_id}/reports/{path.relative_to(target)}", path.read_bytes())
    if summary:
        storage.write(session.outputs, f"{job_id}/summary.json", (tmp_path / f"{job_id}.json").read_bytes())


def run(kernel, job_id: str, tmp_path: Path) -> list:
    """The outputs of all cells; NotebookClient raises when a cell does."""
    notebook = nbformat.read(FOLDER / "04_results.ipynb", as_version=4)
    [parameters] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source += f'\njob_id, results_dir = "{job_id}", "{tmp_path / "results"}"'
    client = NotebookClient(notebook, km=kernel, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    client.kc.stop_channels()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def words(outputs: list) -> str:
    tables = [re.sub(r"<[^>]+>", " ", output.get("data", {}).get("text/html", "")) for output in outputs]
    printed = [output.text for output in outputs if output.get("name") == "stdout"]
    return re.sub(r"\s+", " ", " ".join(printed + tables))


@pytest.mark.parametrize("case", CASES)
def test_it_runs_to_its_end(case, kernel, session, tmp_path):
    put(session, f"odd-{case}", CASES[case], tmp_path)
    outputs = run(kernel, f"odd-{case}", tmp_path)
    said = words(outputs)
    files = len(CASES[case])
    assert f"The reports of {files} files are in" in said
    assert f"{files} {'rejected' if case == 'all-rejected' else 'processed'}" in said
    assert not re.search(r"\b(nan|NaN|None|NaT)\b", said)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 9
    html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    assert "<script" not in html
    assert "<img" not in html
    assert len(html) < 100_000
    assert not [output.text for output in outputs if "Warning" in output.get("text", "") and output.name == "stderr"]


def test_several_currencies_are_shown_each(kernel, session, tmp_path):
    put(session, "odd-each", CASES["currencies"], tmp_path)
    said = words(run(kernel, "odd-each", tmp_path))
    assert "revenue 11.00 EUR, $11.00 average order no one sum: several currencies" in said


def test_what_lies_far_away_is_said(kernel, session, tmp_path):
    put(session, "odd-stray", CASES["far-dates"], tmp_path)
    assert "2 days far from all others" in words(run(kernel, "odd-stray", tmp_path))


def test_without_a_summary_it_shows_what_is_known(kernel, session, tmp_path):
    put(session, "odd-unmerged", CASES["one"], tmp_path, summary=False)
    said = words(run(kernel, "odd-unmerged", tmp_path))
    assert "has no summary.json" in said
    assert "There is no summary; why is said at the top" in said


def test_without_a_plan_it_shows_the_summary(kernel, session, tmp_path):
    put(session, "odd-planless", CASES["one"], tmp_path, plan=False)
    said = words(run(kernel, "odd-planless", tmp_path))
    assert "has no plan" in said
    assert "11.00" in said
