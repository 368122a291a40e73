"""Puts the page together and writes it, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchkit import story
from batchkit.files import write_whole
from batchkit.page import words
from batchkit.page.headlines import headlines
from batchkit.page.index import runs_of
from batchkit.page.reading import Found
from batchkit.page.sections import sections
from batchkit.page.sentences import sentences
from batchkit.page.template import render
from batchkit.text import plain

TECHNICAL = "technical.html"
_MOST = 50  # failures, warnings and files that are named on top


def write(
    record: Mapping[str, Any], summary: Mapping[str, Any], target: Path, previous: tuple[str, Found] | None = None
) -> None:
    """Write the page of a run.

    `record` is run.json's object, `summary` summary.json's or empty, `previous` the id of an earlier run over data of
    the same name with what it found. A run that failed begins with the cause and the next step, and shows figures only
    where there are any. Raises OSError when it cannot be written.
    """
    run = Found(record, summary)
    html = render(
        "page.html.j2",
        title=f"{record['data'] or 'Transactions'}: {story.headline(record)}",
        kind=story.kind(record),
        headline=story.headline(record),
        failures=[story.sentence(error) for error in record["errors"][:_MOST]],
        more_failures=max(len(record["errors"]) - _MOST, 0),
        come_back=plain(record["come_back"]) if record["come_back"] else "",
        warnings=[plain(text) for text in record["warnings"][:_MOST]],
        facts=_facts(run),
        not_processed=_not_processed(record),
        figures=headlines(run, previous[1] if previous else None),
        previous=_against(run, *previous) if previous else "",
        sentences=sentences(run),
        sections=sections(run) if summary or record["status"] != "running" else [],
        technical=TECHNICAL,
    )
    write_whole(target, html)


def previous_of(record: Mapping[str, Any], runs: Path) -> tuple[str, Found] | None:
    """The newest earlier run below a folder that was over data of the same name and has a summary; None for none."""
    for found in runs_of(runs):
        earlier = str(found.record.get("started_at")) < str(record["started_at"])
        if earlier and record["data"] and found.record.get("data") == record["data"] and found.summary:
            return str(found.record["run_id"]), found
    return None


def _against(run: Found, name: str, before: Found) -> str:
    """What the changes are against, and in what it was another thing: its rules, its mapping, its period."""
    others = {"rules": run.part("rules") != before.part("rules"),
              "mapping": run.part("source", "mapping") != before.part("source", "mapping")}  # fmt: skip
    said = [f"under other {what}" for what, differs in others.items() if differs]
    if set(run.days) != set(before.days):
        said.append(f"of {words.period(list(before.days)) or 'no day'}")
    return ", ".join([f"{name} over data of the same name", *said])


def _facts(run: Found) -> list[tuple[str, str]]:
    record, states = run.record, run.states()
    source = run.part("source")
    given = sum(count for state, count in states.items() if state != "left_out")
    found = [
        ("Data", plain(record["data"]) or "that of the job"),
        ("Period", words.period(list(run.days))),
        ("Run", words.moment(record["started_at"])),
        ("Took", words.duration(record["started_at"], record.get("ended_at"))),
        ("Files", _files(states, given)),
        ("Size", words.size(source["bytes"]) if source.get("bytes") else ""),
        ("Records", words.count(run.number("validation", "total_transactions")) if run.summary else ""),
        ("Job", plain(record["job_id"])),
    ]
    return [(name, value) for name, value in found if value]


def _files(states: Mapping[str, int], given: int) -> str:
    if not given:
        return ""
    others = [f"{states[s]:,} {story.STATES[s]}" for s in story.STATES if states.get(s) and s != "processed"]
    return ", ".join([f"{states.get('processed', 0):,} of {given:,} processed", *others])


def _not_processed(record: Mapping[str, Any]) -> tuple[Sequence[tuple[str, str, str]], int]:
    named, more = story.not_processed(record, _MOST)
    rows = [(plain(e["name"]), story.STATES.get(e["state"], plain(e["state"])), plain(e["reason"])) for e in named]
    return rows, more
