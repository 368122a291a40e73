"""The notebooks tell the story and hold no logic: the rules that keep them so, read from their cells."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from papermill import inspect_notebook

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL = 12
INLINE = "%matplotlib inline\n"  # whatever MPLBACKEND says, under JupyterLab and nbval too


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


def code_of(cells):
    """The code cells, without the one magic that is allowed."""
    found = [cell for cell in cells if cell.cell_type == "code"]
    return [nbformat.NotebookNode(cell | {"source": cell.source.removeprefix(INLINE)}) for cell in found]


def test_the_notebooks_are_there():
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["01_provision", "02_generate_data", "03_submit_job", "04_results", "05_autoscale_lab"]


def test_one_title_with_the_purpose(cells):
    titles = [
        line for c in cells if c.cell_type == "markdown" for line in c.source.splitlines() if re.match(r"# ", line)
    ]
    assert len(titles) == 1
    assert cells[0].source.startswith("# ")
    assert len(cells[0].source.splitlines()) > 2


def test_typed_parameters_each_with_its_meaning(path, cells):
    [parameters] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    lines = parameters.source.splitlines()
    assert all(re.fullmatch(r"\w+: (str|int|float|bool) = .+  # .+", line) for line in lines), lines
    assert len(inspect_notebook(str(path))) == len(lines)


def test_a_sentence_before_each_code_cell(cells):
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert before.source.rstrip()[-1] in ".:|", before.source


def test_short_cells_without_definitions(cells):
    for cell in code_of(cells):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, kinds)]


def test_no_azure_and_only_public_names(cells):
    allowed = {"batchkit", "node", "pandas", "matplotlib", "numpy", "pathlib", "datetime", "json"}
    for cell in code_of(cells):
        for node in ast.walk(ast.parse(cell.source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed
        assert not re.search(r"\bbatchkit\.local\b|\._\w", cell.source)


def test_charts_go_into_the_notebook_whatever_the_environment_says(cells):
    first = [cell.source for cell in cells if cell.cell_type == "code" and "import matplotlib" in cell.source]
    assert all(source.startswith(INLINE) for source in first[:1])


def test_no_table_passes_markup_from_data_on(cells):
    assert not [cell.source for cell in code_of(cells) if re.search(r"(?<!plt)\.style\b", cell.source)]


def test_no_stored_outputs(cells):
    for cell in code_of(cells):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_the_end_says_what_was_made_and_where_to_go_next(cells):
    last = cells[-1].source
    assert "Next" in last or "next" in last
