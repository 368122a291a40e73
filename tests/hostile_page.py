"""Make a page from names that are all markup: python hostile_page.py REPORT.html NAME...

The notebook is 04's kind of cells, run by the real kernel over a summary of such names; make browser opens the page.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import papermill

from batchkit.headless import page
from batchkit.headless.record import Record
from batchkit.page import writing
from node import cli

FOLDER = Path(__file__).parent.parent / "notebooks"
SHOWN = """from batchkit import charts, tables
from node import frames
import matplotlib.pyplot as plt, pandas as pd
tables.show(frames.errors(summary))
tables.show(frames.high_values(summary))
tables.show(frames.suspicious_patterns(summary))
frames.top_customers(summary)
pd.Series({name: 1 for name in frames.top_products(summary)["product"]}).to_frame()
print(*summary["warnings"], frames.top_products(summary))
charts.bars(frames.revenue_by_category(summary), title=frames.revenue_by_category(summary)["category"][0]);"""


def transactions(names: list[str]) -> str:
    """Sales, good and bad ones, whose ids, names, categories and statuses are the names."""
    made = []
    for at, name in enumerate(names * 3):
        line = {"product_name": name, "category": name, "quantity": 30, "unit_price": 400.0, "subtotal": 12000.0}
        sale = {"transaction_id": name, "timestamp": "2026-03-02T10:00:00Z", "line_items": [line], "subtotal": 12000.0}
        sale |= {"customer": {"customer_id": name, "email": name}, "tax": 1.0, "payment_method": name}
        made.append(sale | {"total": -1 if at % 3 == 2 else 12001.0, "status": name if at % 5 == 4 else "completed"})
    return json.dumps({"transactions": made, "transaction_count": 1, names[0]: 1})


def main(target: Path, names: list[str]) -> None:
    """Run the cells and write the page."""
    with TemporaryDirectory() as folder:
        source = Path(folder, "in", names[0].replace("/", "\u2215") + ".json")
        source.parent.mkdir()
        source.write_text(transactions(names))
        cli.main(["process", str(source.parent), "--output", f"{folder}/out"])
        cli.main(["merge", f"{folder}/out", "--output", f"{folder}/summary.json"])
        cells = [f"import json\nsummary = json.load(open({folder + '/summary.json'!r}))", *SHOWN.splitlines()[3:]]
        cells.insert(1, "\n".join(["%matplotlib inline", *SHOWN.splitlines()[:3]]))
        spec = {"name": "python3", "language": "python", "display_name": "Python 3"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": spec})
        notebook.cells = [nbformat.v4.new_markdown_cell("# First"), nbformat.v4.new_markdown_cell("## Second")]
        notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, f"{folder}/a.ipynb")
        papermill.execute_notebook(f"{folder}/a.ipynb", f"{folder}/b.ipynb", cwd=str(FOLDER), progress_bar=False)
        record = Record("run", "run", names[0], names[0], status="failed", exit_code=1, started_at=names[0])
        record.inputs = [{"name": name, "state": "rejected", "reason": name} for name in names]
        record.errors = [{"what": name, "why": name, "next": name} for name in names]
        record.warnings, record.come_back = list(names), names[0]
        page.write_page(vars(record), [Path(folder, "b.ipynb")], target)
        summary = json.loads(Path(folder, "summary.json").read_bytes())
        writing.write(vars(record), summary, target.with_name("results.html"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
