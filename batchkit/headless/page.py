"""One page that anyone can read: what happened in words, then the executed notebooks' prose, tables and charts.

It holds no script and lets none run: what comes from data is escaped where it is written, the notebooks' outputs are
cleaned of all but plain markup, and a policy in the page tells the browser to run and to fetch nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from batchkit import story
from batchkit.files import write_whole
from batchkit.text import plain

TITLE = "Transactions on Azure Batch"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MOST = 50  # inputs and failures that are named
_LONGEST_TEXT = 20_000  # characters of one output
_TAGS = [*"abip", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "pre", "span",
         "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"]  # fmt: skip


def write_page(record: story.Record, notebooks: Sequence[Path], target: Path) -> None:
    """Write a run as one self-contained HTML page: what happened, then the results, which are the last notebook, first.

    Raises OSError when it cannot be written.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    html = _PAGE.format(title=escape(TITLE), policy=POLICY, style=style, front=_front(record), body=_body(notebooks))
    write_whole(target, html.encode("utf-8", "replace").decode())


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
{front}
</header>
{body}
</main>
</body>
</html>
"""


def _front(record: story.Record) -> str:
    """The first block, made of run.json alone: status, what failed, warnings, the inputs counted and named."""
    facts = f"Data: {record['data'] or 'that of the job'}. Job {record['job_id']}, begun {record['started_at']}."
    return "\n".join(
        [
            f'<p class="status {story.kind(record)}">{_text(story.headline(record))}</p>',
            *(f"<p>{_text(story.sentence(error))}</p>" for error in record["errors"][:_MOST]),
            *_more(len(record["errors"]) - _MOST),
            *(f"<p>{_text(record['come_back'])}</p>" for _ in filter(None, [record["come_back"]])),
            *(f'<p class="warning">Warning: {_text(text)}</p>' for text in record["warnings"][:_MOST]),
            f"<p>{_text(facts)}</p>",
            *_inputs(record),
        ]
    )


def _inputs(record: story.Record) -> Iterator[str]:
    found = story.counts(record)
    if found:
        shown = {name: found[state] for state, name in story.STATES.items() if found[state] or state == "processed"}
        yield _table(["inputs", *shown], [["", *(f"{number:,}" for number in shown.values())]])
    named, more = story.not_processed(record, _MOST)
    if named:
        rows = [[e["name"], story.STATES.get(e["state"], e["state"]), e["reason"]] for e in named]
        yield _table(["not processed", "state", "reason"], rows)
    yield from _more(more)


def _more(number: int) -> list[str]:
    return [f"<p>and {number:,} more in run.json</p>"] if number > 0 else []


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<div><table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>"


def _text(value: object) -> str:
    return escape(plain(value))


def _body(notebooks: Sequence[Path]) -> str:
    """The notebooks without their code. nbconvert is imported late: that takes a second, in which a signal may come."""
    if not notebooks:
        return ""
    import nbformat
    from nbconvert import HTMLExporter

    *before, last = [found for path in notebooks if (found := _read(path)) is not None] or [None]
    if last is None:
        return ""
    page = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python"}})
    page.cells = [_shown(cell) for notebook in (last, *before) for cell in notebook.cells if _is_shown(cell)]
    try:
        html, _ = HTMLExporter(config=_config(), template_name="basic").from_notebook_node(page)
    except Exception as failure:  # of somebody's own notebook; what happened is said all the same
        return f"<p>The notebooks could not be made a page: {_text(failure)}. They lie beside it.</p>"
    return str(html)


def _read(path: Path) -> Any:
    """An executed notebook; None for one that was never finished writing."""
    import nbformat  # see _body

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError):
        return None


def _is_shown(cell: Mapping[str, Any]) -> bool:
    return "papermill-error-cell-tag" not in cell["metadata"].get("tags", [])


def _shown(cell: Any) -> Any:
    """The cell as the page has it: no progress bars (lines on stderr), no style of a table, no endless text."""
    if cell.cell_type == "code":
        said = [output for output in cell.outputs if output.get("name") != "stderr"]
        cell.outputs = [_bounded(output) for output in said if "text" not in output or output.text.strip()]
    return cell


def _bounded(output: Any) -> Any:
    if "text" in output:
        output.text = _cut(output.text)
    if output.output_type == "error":
        output.traceback = [_cut("\n".join(output.traceback))]
    data = output.get("data", {})
    if "text/html" in data:
        data["text/html"] = re.sub(r"<style.*?</style>", "", data["text/html"], flags=re.S)
        if len(data["text/html"]) > 20 * _LONGEST_TEXT:
            data["text/html"] = "<p>This table is too long for the page; it is in the notebook.</p>"
    if "text/plain" in data:
        data["text/plain"] = _cut(data["text/plain"])
    return output


def _cut(text: str) -> str:
    left = len(text) - _LONGEST_TEXT
    return text if left <= 0 else f"{text[:_LONGEST_TEXT]}\n... and {left:,} more characters in the notebook"


def _config() -> Any:
    from traitlets.config import Config  # see _body

    config = Config()
    config.HTMLExporter.exclude_input = True
    config.HTMLExporter.exclude_input_prompt = True
    config.HTMLExporter.exclude_output_prompt = True
    config.HTMLExporter.exclude_anchor_links = True
    config.HTMLExporter.preprocessors = ["nbconvert.preprocessors.sanitize.SanitizeHTML"]
    config.SanitizeHTML.tags = _TAGS
    config.SanitizeHTML.attributes = {"*": ["class"]}
    return config
