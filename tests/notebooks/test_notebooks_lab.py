"""The autoscale lab, run as a user would: its figures hold together, and a mistake in a formula is one line."""

import re
from contextlib import suppress
from pathlib import Path

import nbformat
import pandas as pd
from papermill import PapermillExecutionError, execute_notebook

FOLDER = Path(__file__).parents[2] / "notebooks"
COLUMNS = ["tasks per machine", "minutes", "cost", "wait"]


def run_lab(output: Path, **parameters: object) -> tuple[list[str], pd.DataFrame]:
    """What the cells said, and the last table."""
    with suppress(PapermillExecutionError):
        execute_notebook(FOLDER / "05_autoscale_lab.ipynb", output, parameters, cwd=FOLDER, progress_bar=False)
    outputs = [o for cell in nbformat.read(output, as_version=4).cells for o in cell.get("outputs", [])]
    said = ["".join(o.get("text", "")) + "".join(o.get("traceback", [])) for o in outputs]
    tables = [o["data"]["text/html"] for o in outputs if "text/html" in o.get("data", {})]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", tables[-1] if tables else "")
    rows = [map(float, cells[at : at + len(COLUMNS)]) for at in range(0, len(cells), len(COLUMNS))]
    return said, pd.DataFrame(rows, columns=COLUMNS)


def test_fewer_machines_cost_less_and_take_longer(tmp_path: Path):
    said, compared = run_lab(tmp_path / "lab.ipynb", tasks=30, price_per_hour=1.0)
    assert compared["minutes"].is_monotonic_increasing
    assert compared["cost"].iloc[-1] < compared["cost"].iloc[0]
    [(minutes, hours)] = re.findall(r"ended after (\d+) minutes; ([\d.]+) machine hours", "".join(said))
    chosen = compared[compared["tasks per machine"] == 3].iloc[0]
    assert (round(chosen["minutes"]), round(chosen["cost"], 1)) == (int(minutes), float(hours))
    least = 30 * 8 * 0.5 / 60
    assert (compared["cost"] > least).all()


def test_a_mistake_in_a_formula_is_one_line(tmp_path: Path):
    (tmp_path / "formula.txt").write_text("$TargetDedicatedNodes = 1;\n$x = = 2;\n")
    said, _ = run_lab(tmp_path / "lab.ipynb", formula_file=str(tmp_path / "formula.txt"))
    [shown] = [text for text in said if "Error" in text]
    assert shown.startswith("FormulaError: Line 2, Col 6")
    assert "\n" not in shown.strip()
