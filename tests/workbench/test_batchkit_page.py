"""The page: what comes from data is text in it, nothing runs, and its size has a bound. `make browser` opens it."""

from html.parser import HTMLParser

import nbformat
import pytest
from hostile_page import main as hostile_page

from batchkit.headless import page
from batchkit.headless.record import Record

HOSTILE = [
    "<script>run()</script>",
    '<img src=x onerror="run()">',
    '</td></table></pre><iframe srcdoc="<script>run()</script>"></iframe>',
    '<a href="javascript:run()">x</a>',
    "<style>*{display:none}</style>",
]
HARMLESS = set(page._TAGS) | {"html", "head", "meta", "title", "style", "body", "main", "header", "img"}


class Reader(HTMLParser):
    """Collects the tags, attributes and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def harmless(text: str) -> None:
    found = Reader(text)
    assert set(found.tags) <= HARMLESS, set(found.tags) - HARMLESS
    assert found.tags.count("style") == 1
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("srcdoc", "formaction")]
    addresses = [value for name, value in found.attributes if name in ("href", "src")]
    assert all(value.startswith(("data:image/png", "#")) for value in addresses), addresses


def record(**changes: object) -> dict:
    return (
        vars(Record("run", "job", "data", "batchkit run", status="succeeded", exit_code=0, started_at="now")) | changes
    )


def test_a_page_of_markup_holds_no_markup_of_the_data(tmp_path):
    hostile_page(tmp_path / "report.html", HOSTILE)
    text = (tmp_path / "report.html").read_text()
    harmless(text)
    assert text.count("&lt;script&gt;run()") > 10
    assert "data:image/png" in text


@pytest.mark.parametrize(
    "kind", ["text/html", "application/javascript", "image/svg+xml", "text/markdown", "text/latex"]
)
def test_no_output_of_a_notebook_brings_a_script(tmp_path, kind):
    output = nbformat.v4.new_output("display_data", {kind: "".join(HOSTILE)})
    cell = nbformat.v4.new_code_cell("x", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    page.write_page(record(), [tmp_path / "a.ipynb"], tmp_path / "report.html")
    harmless((tmp_path / "report.html").read_text())


def test_the_browser_is_told_to_run_nothing(tmp_path):
    page.write_page(record(), [], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "Content-Security-Policy" in text
    assert "default-src 'none'" in text
    assert "script-src" not in text


def test_long_lists_and_endless_outputs_have_a_bound(tmp_path):
    many = [{"name": f"{n}.json", "state": "rejected", "reason": "x" * 5000} for n in range(100_000)]
    cells = [nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text="y\n" * 1_000_000)])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    failures = [{"what": "z" * 5000, "why": "", "next": ""}] * 1000
    shown = record(inputs=many, errors=failures, warnings=["w" * 5000] * 1000, exit_code=1)
    page.write_page(shown, [tmp_path / "a.ipynb"], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert len(text) < 200_000
    assert "and 99,950 more in run.json" in text
    assert "more characters in the notebook" in text


def test_a_notebook_half_written_costs_the_page_that_notebook_alone(tmp_path):
    (tmp_path / "a.ipynb").write_text('{"cells": [')
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Kept")]), tmp_path / "b.ipynb")
    page.write_page(record(), [tmp_path / "b.ipynb", tmp_path / "a.ipynb"], tmp_path / "report.html")
    assert "Kept" in (tmp_path / "report.html").read_text()
