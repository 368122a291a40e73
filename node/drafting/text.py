"""A guess as a mapping file, with a TODO where it is unsure."""

import json
from typing import Any

from node.drafting.guesses import Guess
from node.mapping.paths import written

FILLED = {"customer.email": "none", "payment_method": "none", "status": "completed", "tax": 0}
ORDER = (
    "transaction_id", "timestamp", "customer.customer_id", "customer.email", "customer.country", "customer.state",
    "subtotal", "tax", "shipping_cost", "total", "currency", "payment_method", "shipping_method", "status",
)  # fmt: skip


def toml_of(guess: Guess, name: str) -> str:
    """The text of a mapping file."""
    sample = guess.sample
    rows = [f"# A first mapping for {json.dumps(name)}, from {len(sample.values)} of its records: look at every line."]
    if sample.format != "object":
        rows.append(f"format = {quoted(sample.format)}")
    rows.append(f"records = {quoted(written(sample.records))}")
    if guess.grouped and "transaction_id" in guess.fields:
        rows.append(f"group_by = {quoted(written(guess.fields['transaction_id'].steps))}")
    rows += ["", "[fields]", *fields(guess)]
    rows += lines(guess)
    rows += section("units", [line(key, value, guess.notes.get(key, "")) for key, value in guess.units.items()])
    rows += section("status", statuses(guess))
    rows += section("guests", [f"values = {json.dumps(guess.guests)}"] if guess.guests else [])
    rows += section("constants", constants(guess))
    return "\n".join(rows) + "\n"


def quoted(text: Any) -> str:
    """A TOML value: JSON's text is one of TOML's, but for a character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def line(key: str, value: Any, note: str = "") -> str:
    """One key and its value, with a note behind."""
    return f"{key} = {quoted(value)}" + (f"  # {note}" if note else "")


def section(name: str, rows: list[str]) -> list[str]:
    """A section, when it has rows."""
    return ["", f"[{name}]", *rows] if rows else []


def fields(guess: Guess) -> list[str]:
    """The section [fields]; what must be there and was not found is a comment."""
    rows = []
    for name in ORDER:
        column = guess.fields.get(name)
        if column is not None:
            rows.append(line(name, written(column.steps), guess.notes.get(name, "")))
        elif name in ("transaction_id", "timestamp") or (name == "total" and not guess.lines):
            rows.append(f'# TODO {name} = "…"')
    return rows


def lines(guess: Guess) -> list[str]:
    """The section [lines]."""
    rows = [] if guess.line_list is None else [line("from", written(guess.line_list))]
    if guess.line_list is not None or guess.grouped:
        rows += [line(name, written(column.steps)) for name, column in guess.lines.items()]
    note = guess.notes.get("lines")
    if not rows and note:
        return ["", f"# {note}; without one, a line is made of each total"]
    return section("lines", rows)


def statuses(guess: Guess) -> list[str]:
    """The section [status]."""
    rows = [line(quoted(theirs), ours, guess.notes.get("status", "")) for theirs, ours in guess.statuses.items()]
    return [*rows, *(f"# {quoted(theirs)} = …  # does not count" for theirs in guess.other_statuses)]


def constants(guess: Guess) -> list[str]:
    """The section [constants]: what must be there, where the paths give nothing."""
    rows = []
    for name, value in FILLED.items():
        column = guess.fields.get(name)
        if column is None and name == "tax":
            rows.append(line(name, value, "TODO no tax was found"))
        elif column is None and name == "status":
            rows.append(line(name, value, "TODO no status was found: every record counts"))
        elif name in ("customer.email", "payment_method"):
            rows.append(line(name, value))
    if (guess.line_list is not None or guess.grouped) and "quantity" not in guess.lines:
        rows.append(line("line_items.quantity", 1, "TODO no quantity was found"))
    return rows
