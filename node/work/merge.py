"""`merge`: all partials under a folder into one report, one larger partial, or tables."""

import json
import time
from itertools import pairwise
from pathlib import Path

import msgspec

from node.contract import PARTIAL_SUFFIX, UsageError, WorkerError
from node.files import encode, write_whole
from node.report.layout import Json, processed_report, rejected_report
from node.sums.partial import Part, decode_part, encode_part, merge_into


def merge(folder: Path, output: Path, plan: Path | None = None, tables: Path | None = None) -> None:
    """Merge every partial under `folder` into `output`: a partial when it is called so, else a report.

    Raises:
        UsageError: the folder or the plan is wrong.
        WorkerError: there is no partial, or one cannot be read.
    """
    started = time.perf_counter()
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file for the report.")
    planned = None if plan is None else planned_names(plan)
    total = merged_part(folder, output)
    if output.suffix == PARTIAL_SUFFIX:
        write_whole(output, *encode_part(total))
    else:
        report = merged_report(total, planned, time.perf_counter() - started)
        write_whole(output, encode(report))
    if tables is not None:
        from node.report.export import write_tables  # pandas, which a merge does not need otherwise

        write_tables(total, tables)


def merged_part(folder: Path, output: Path) -> Part:
    """The sum of all partials, whatever their order."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.")
    paths = sorted(path for path in folder.rglob(f"*{PARTIAL_SUFFIX}") if is_partial(path, output))
    if not paths:
        raise WorkerError(f"There is no *{PARTIAL_SUFFIX} under {folder}: nothing to merge.")
    total = Part()
    for path in paths:
        add_partial(total, path)
    return total


def is_partial(path: Path, output: Path) -> bool:
    """A file that is not hidden, and not the one an earlier call of this merge wrote."""
    return path.is_file() and not path.name.startswith(".") and path.resolve() != output.resolve()


def add_partial(total: Part, path: Path) -> None:
    """Read and add one partial; other rules than the first one's are worth a warning."""
    try:
        part = decode_part(path.read_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WorkerError(f"{path} is no partial of this worker: {error}. Process its inputs again.") from error
    if total.sources and part.rules != total.rules:
        part.warnings.append(("", "the inputs were processed with different rules"))
        part.rules = min(part.rules, total.rules, key=msgspec.json.encode)
    if total.sources and part.mapping != total.mapping:
        part.warnings.append(("", "the inputs were processed with different mappings"))
        part.mapping = min(part.mapping, total.mapping, key=msgspec.json.encode)
    total.rules, total.mapping = part.rules, part.mapping
    merge_into(total, part)


def planned_names(path: Path) -> list[str]:
    """The names of all inputs of a plan."""
    try:
        plan = json.loads(path.read_bytes())
        return [entry["name"] for task in plan["tasks"] for entry in task["inputs"]]
    except OSError as error:
        raise UsageError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is no plan: it needs tasks[].inputs[].name ({error!r}).") from error


def merged_report(total: Part, planned: list[str] | None, seconds: float) -> Json:
    """The report of all inputs; rejected only when every one is."""
    names = sorted(source.name for source in total.sources)
    rejected = sorted(source.name for source in total.sources if source.rejection is not None)
    warn_of_repeated(total, names)
    for name in sorted(set(names) - set(planned)) if planned is not None else ():
        total.warnings.append((name, "is not in the plan, but counts"))
    source: Json = {
        "files": len(names),
        "bytes": sum(entry.bytes for entry in total.sources),
        "rejected": rejected,
        "missing": sorted(set(planned or ()) - set(names)),
        **({"mapping": total.mapping} if total.mapping else {}),
    }
    if rejected and len(rejected) == len(names):
        return rejected_report(source, "every input was rejected", None, seconds, total.rules)
    return processed_report(total, source, None, seconds, with_file=True)


def warn_of_repeated(total: Part, names: list[str]) -> None:
    """An input that was merged twice counts twice: say so."""
    for name, following in pairwise(names):
        if name == following:
            total.warnings.append((name, "is in more than one partial, and counts in each"))
