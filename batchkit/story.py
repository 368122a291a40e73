"""A run in words: what run.json says, as the sentences that stand first on the page and last in the terminal.

A record is run.json's object. Names and reasons in it come from data: they are made one short printable line here,
and whoever writes them into HTML escapes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from batchkit.text import plain

Record = Mapping[str, Any]

STATES = {
    "processed": "processed",
    "rejected": "rejected",
    "missing": "missing",
    "changed": "changed since the plan",
    "refused": "refused",
    "left_out": "left out",
}


def kind(record: Record) -> str:
    """How a run ended, as a page colours it: `good`, `partly` (or still going on), `bad`."""
    return {0: "good", 3: "partly", None: "partly"}.get(record.get("exit_code"), "bad")


def headline(record: Record) -> str:
    """One sentence: what happened."""
    if record["status"] == "running":
        return "This run has begun. It goes on at this moment, or it was ended from outside before it could say more."
    if record["status"] == "interrupted":
        return f"The run was interrupted{_while(record)}."
    if record["errors"]:
        first = plain(record["errors"][0]["what"])
        more = len(record["errors"]) - 1
        return f"The run failed: {first}{f', and {more:,} more' if more else ''}."
    return _of_inputs(record)


def _while(record: Record) -> str:
    ran = [entry["notebook"] for entry in record["notebooks"]]
    return f" while {ran[-1].removesuffix('.ipynb')} ran" if ran else " before its first notebook ran"


def _of_inputs(record: Record) -> str:
    found = counts(record)
    given = sum(n for state, n in found.items() if state != "left_out")
    others = [f"{found[s]:,} {STATES[s]}" for s in STATES if found[s] and s not in ("processed", "left_out")]
    aside = f" {found['left_out']:,} more were left out, being no inputs." if found["left_out"] else ""
    if others and not found["processed"]:
        return f"None of the {given:,} inputs was processed: {', '.join(others)}.{aside}"
    if others:
        lost = found["missing"] + found["changed"]
        return f"{'The run failed' if lost else 'Done, but not all'}: of {given:,} inputs {', '.join(others)}.{aside}"
    if given > 1:
        return f"All {given:,} inputs were processed.{aside}"
    return f"{'The one' if given else 'No'} input was processed.{aside}"


def counts(record: Record) -> Counter[str]:
    """How many inputs are in each state."""
    return Counter(entry["state"] for entry in record["inputs"])


def not_processed(record: Record, most: int) -> tuple[list[Record], int]:
    """The inputs that were not processed, those that matter most first, `most` of them, and how many more there are."""
    order = ["missing", "changed", "rejected", "refused", "left_out"]
    named = [entry for entry in record["inputs"] if entry["state"] != "processed"]
    ranked = sorted(named, key=lambda entry: order.index(entry["state"]) if entry["state"] in order else 0)
    return ranked[:most], max(len(ranked) - most, 0)


def lines(record: Record, most: int = 20) -> list[str]:
    """The terminal's last lines: what happened, each failed thing, each input not processed, the way back."""
    errors, inputs = record["errors"], not_processed(record, most)
    said = [headline(record)]
    said += [f"FAILED  {sentence(error)}" for error in errors[:most]]
    said += [f"and {len(errors) - most:,} more failures, see run.json"] if len(errors) > most else []
    said += [f"Warning: {plain(text)}" for text in record["warnings"][:most]]
    said += [f"{STATES.get(e['state'], e['state'])}: {plain(e['name'])}: {plain(e['reason'])}" for e in inputs[0]]
    said += [f"and {inputs[1]:,} more, see run.json"] if inputs[1] else []
    return said + ([record["come_back"]] if record["come_back"] else [])


def sentence(error: Mapping[str, str]) -> str:
    """What, why and what to do, in a line."""
    parts = [plain(error["what"]).rstrip("."), plain(error["why"]).rstrip(".")]
    step = plain(error["next"]).rstrip(".")
    return ": ".join(filter(None, parts)) + "." + (f" Next: {step}." if step else "")
