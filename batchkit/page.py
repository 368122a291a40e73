"""One page that anyone can read: the executed notebooks' prose, tables and charts, without their code."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from traitlets.config import Config


def write_page(notebooks: list[Path], target: Path, title: str = "Transactions on Azure Batch") -> None:
    """Write the notebooks as one self-contained HTML page: the results, which are the last one, first.

    What failed shows its error. The page is written to a temporary name and renamed.
    """
    if not notebooks:
        return
    *before, last = [nbformat.read(path, as_version=4) for path in notebooks]
    page = nbformat.v4.new_notebook(metadata=last.metadata)
    page.cells = [_shown(cell) for notebook in (last, *before) for cell in notebook.cells]
    html, _ = _exporter(title).from_notebook_node(page, {"metadata": {"name": title}})
    part = target.with_name(f".{target.name}.part")
    part.write_text(html, encoding="utf-8")
    part.replace(target)


def _shown(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cell without its progress bars, which are lines on stderr; the notebook itself keeps them."""
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return cell


def _exporter(title: str) -> HTMLExporter:
    config = Config()
    config.HTMLExporter.exclude_input = True
    config.HTMLExporter.exclude_input_prompt = True
    config.HTMLExporter.exclude_output_prompt = True
    config.HTMLExporter.exclude_anchor_links = True
    config.HTMLExporter.mathjax_url = ""  # the page asks no one for anything
    config.HTMLExporter.require_js_url = ""
    config.HTMLExporter.jquery_url = ""
    return HTMLExporter(config=config, embed_images=True)
