"""The notebooks, headless: papermill runs them in order and the run's folder keeps all that they made.

A run leaves `runs/<run id>/` with each executed notebook, `report.html`, `summary.json` and `run.json`, whatever ends
it: a notebook that fails, a kernel that is killed, Ctrl-C, or the end of this very process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from batchkit import inputs, mappings, outcome, session, story
from batchkit.errors import BatchkitError
from batchkit.headless import notebooks, record
from batchkit.headless.record import Order, Record, Trouble

SIGNALS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # not on Windows


def announce(order: Order) -> None:
    """Make the run's folder with a run.json and a page that say that it has begun.

    Raises BatchkitError when nothing can be written there.
    """
    record.write(order.folder, record.begun(order))


def run(order: Order) -> int:
    """Run the notebooks in order and report; return the exit code.

    A notebook that fails ends the run. A signal ends it too, and a second one at once: `run` takes over SIGINT,
    SIGTERM and SIGHUP. Raises BatchkitError when the run's folder cannot be written.
    """
    kept = record.begun(order)
    record.write(order.folder, kept)
    _forget(order)
    _take_signals(_interrupt)
    troubles: list[Trouble] = []
    try:
        troubles += _execute(order, kept)
    except KeyboardInterrupt:
        kept.status = "interrupted"
    except Exception as failure:
        troubles.append(record.unexpected(failure))
    return _finish(order, kept, troubles)


def _forget(order: Order) -> None:
    """Remove what an earlier run of the same id left and this one makes anew: nothing stale may stand beside it."""
    for name in ("summary.json", *(path.name for path in order.notebooks)):
        (order.folder / name).unlink(missing_ok=True)


def _execute(order: Order, kept: Record) -> list[Trouble]:
    if order.back:
        _say(f"Job {order.run_id}. From another terminal: batchkit job watch {order.run_id}")
    for path in order.notebooks:
        _say(f"\n{path.stem}")
        mine = order.parameters[path.name]
        values = {**mine, "job_id": order.run_id} if "job_id" in mine else mine
        entry = {"notebook": path.name, "parameters": values, "started_at": record.now(), "ended_at": None}
        kept.notebooks.append(entry)
        trouble = notebooks.execute(path, order.folder / path.name, values)
        kept.notebooks[-1] = entry | {"ended_at": record.now(), "error": trouble.why if trouble else None}
        if trouble:
            return [trouble]
        record.write(order.folder, kept)
    return []


def _finish(order: Order, kept: Record, troubles: list[Trouble]) -> int:
    """Say what became of it. First what is known at once: asking the service may take long, and a signal may end it."""
    record.judge(order, kept, troubles)
    record.write(order.folder, kept)
    try:
        _gather(order, kept, troubles)
    except KeyboardInterrupt:
        kept.status = "interrupted"
    except Exception as failure:
        troubles.append(record.unexpected(failure))
    record.judge(order, kept, troubles)
    kept.ended_at = record.now()
    _take_signals(signal.SIG_IGN)  # for the second or two until the page is whole
    record.write(order.folder, kept, [order.folder / entry["notebook"] for entry in kept.notebooks])
    _tell(order, kept)
    return kept.exit_code or 0


def _gather(order: Order, kept: Record, troubles: list[Trouble]) -> None:
    try:
        found = outcome.read(session.connect(), order.run_id)
    except BatchkitError as error:
        kept.inputs = _never_sent(order, troubles)
        if not troubles and kept.status != "interrupted":
            troubles.append(Trouble("The job left nothing", str(error)))
        return
    kept.job_state, kept.warnings = found.state, found.warnings
    kept.inputs, kept.tasks = _rows(found.inputs), _rows(found.tasks)
    if kept.status != "interrupted":  # then the job goes on, and nothing has failed
        troubles += [Trouble(**row) for row in _rows(found.problems)]
    if found.summary:
        record.write_json(order.folder / "summary.json", found.summary)


def _never_sent(order: Order, troubles: Sequence[Trouble]) -> list[dict[str, Any]]:
    """The files of a folder of one's own, when the run ended before there was a job."""
    why = f"the run ended before there was a job{f': {troubles[0].what}' if troubles else ''}"
    try:
        mapping = next((mine["mapping"] for mine in order.parameters.values() if mine.get("mapping")), "")
        endings = mappings.endings(mapping)
        found = inputs.find(Path(order.data), endings) if os.path.isabs(order.data) else inputs.Found()
    except BatchkitError:
        return []
    sent = [
        {"name": inputs.printable(name), "state": "refused" if (reason := inputs.unsafe(name)) else "missing",
         "reason": reason or why}
        for name in found.files
    ]  # fmt: skip
    return sent + [{"name": e.name, "state": e.state, "reason": e.reason} for e in found.left_out]


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso"))
    return rows


def _tell(order: Order, kept: Record) -> None:
    made = [order.folder / name for name in ("report.html", "technical.html", "summary.json", "run.json")]
    _say("\n" + "\n".join([*story.lines(vars(kept)), "", *(str(path) for path in made if path.exists())]))


def _take_signals(handler: Any) -> None:
    """Give the signals a new handler, but for those that nohup has this process ignore."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(*_: Any) -> None:
    _take_signals(_leave)
    raise KeyboardInterrupt


def _leave(*_: Any) -> None:
    os.write(2, b"batchkit: Interrupted; run.json and report.html say how far it came.\n")
    os._exit(130)


def _say(text: str) -> None:
    with suppress(OSError):  # a reader that has read enough, such as head
        print(text, file=sys.stderr, flush=True)
