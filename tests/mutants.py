"""`make mutants`: plant faults in the engine, the store, the filters and the formula language; tests must notice each.

Ten faults are written out below; the rest is a seeded sample of what cosmic-ray can change. Each is
planted in a copy, never here. What no test notices stands in mutants.json with the reason why it means
nothing; one without a reason fails the target. Runs in an environment of its own; tests run in this one's.

    .venv-mutants/bin/python tests/mutants.py [COUNT] [SEED]
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from measured import record

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv/bin/python"
SURVIVORS = Path(__file__).with_name("mutants.json")
COUNT, SEED, LIMIT_SECONDS = 220, 20261125, 90
BATCH = "batchkit/local/batch"
ENGINE_TESTS = ("test_local_engine_rules.py", "test_local_engine_nodes.py", "test_local_engine_records.py",
                "test_local_engine_properties.py")  # fmt: skip
LANGUAGE_TESTS = (
    "test_autoscale_language.py", "test_autoscale_published.py", "test_autoscale_formulas.py",
    "test_autoscale_properties.py", "test_local_engine_rules.py",
)  # fmt: skip
REQUEST_TESTS = ("test_local_batch_requests.py",)
# Which tests are to notice a fault in which files; the first that matches counts.
TESTS = {
    f"{BATCH}/engine/": ENGINE_TESTS,
    f"{BATCH}/state/": ENGINE_TESTS,
    f"{BATCH}/api/": REQUEST_TESTS,
    "batchkit/autoscale/": LANGUAGE_TESTS,
}
WHERE = (f"{BATCH}/engine", f"{BATCH}/state/store.py", f"{BATCH}/state/ledger.py", f"{BATCH}/api/odata.py",
         "batchkit/autoscale")  # fmt: skip
APART = ("cli.py", "metrics_file.py", "formulas.py", "unparse.py", "__init__.py")  # no part of the interpreter
# What was planted once and went unnoticed: file, what stands there, what is put in its place.
PLANTED = {
    "ge read as gt": (f"{BATCH}/api/odata.py", "bool(a >= b)", "bool(a > b)"),
    "the busiest node leaves first": ("batchkit/autoscale/policy.py", "(tasks(node), not", "(-tasks(node), not"),
    "the bound of an exit code range": (f"{BATCH}/state/ledger.py", 'code <= entry["end"]', 'code < entry["end"]'),
    "$SucceededTasks counts failures": (
        f"{BATCH}/engine/autoscale.py", 'sum(j.tasks["succeeded"]', 'sum(j.tasks["failed"] + j.tasks["succeeded"]',
    ),
    "the newest task first": (f"{BATCH}/state/store.py", "ORDER BY seq LIMIT", "ORDER BY seq DESC LIMIT"),
    "a date skew of 15 days": (f"{BATCH}/api/keys.py", "timedelta(minutes=15)", "timedelta(days=15)"),
    "doNotRunAfter ignored": (
        f"{BATCH}/engine/schedules.py", 'while not _past(times.get("doNotRunAfter"))', "while True",
    ),
    "if-unmodified-since ignored": (f"{BATCH}/api/call.py", "changed > until", "False"),
    "pack equal to spread": (f"{BATCH}/engine/scheduler.py", 'max if policy == "pack" else min', "min"),
    "no sample delay": (f"{BATCH}/engine/autoscale.py", "seconds=DELAY_SECONDS /", "seconds=0 /"),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One file as it would read with a fault in it."""

    name: str
    path: str
    line: int
    code: str

    @property
    def tests(self) -> tuple[str, ...]:
        return next(tests for place, tests in TESTS.items() if self.path.startswith(place))

    def shown(self) -> dict[str, object]:
        """The mutant as it stands in mutants.json: what is there, and what would be."""
        before, after = (text.splitlines() for text in ((ROOT / self.path).read_text(), self.code))
        at = next(i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
        return {"file": self.path, "before": before[at].strip(), "after": after[at].strip()}


def planted() -> Iterator[Mutant]:
    """The faults that are written out."""
    for name, (path, old, new) in PLANTED.items():
        code = (ROOT / path).read_text()
        assert code.count(old) == 1, f"{name}: {old!r} stands {code.count(old)} times in {path}"
        yield Mutant(name, path, code[: code.index(old)].count("\n") + 1, code.replace(old, new))


def sampled(count: int, seed: int) -> Iterator[Mutant]:
    """A seeded sample: a place, then one of the changes that can be made there."""
    chance, places = random.Random(seed), dict[tuple[str, tuple[int, int]], list[tuple[str, int]]]()
    for path in files():
        for item in _all_work_items([ROOT / path], {}):
            mutation = item.mutations[0]
            if mutation.start_pos not in annotated(path):
                here = places.setdefault((path, mutation.start_pos), [])
                here.append((mutation.operator_name, mutation.occurrence))
    order = sorted(places)
    chance.shuffle(order)
    for path, position in order[:count]:
        operator, occurrence = chance.choice(places[path, position])
        code = mutate_code((ROOT / path).read_text(), get_operator(operator)(), occurrence)
        yield Mutant(operator.removeprefix("core/"), path, position[0], code)


def files() -> list[str]:
    """The files that are mutated."""
    found = list[Path]()
    for where in WHERE:
        found += [ROOT / where] if where.endswith(".py") else sorted((ROOT / where).glob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in found if path.name not in APART]


def annotated(path: str, known: dict[str, set[tuple[int, int]]] = {}) -> set[tuple[int, int]]:  # noqa: B006 - a cache
    """The positions inside annotations, which are never evaluated."""
    if path not in known:
        tree = ast.parse((ROOT / path).read_text())
        notes = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
        lines = {(line, column) for note in notes if note for line in range(note.lineno, (note.end_lineno or 0) + 1)
                 for column in range(note.col_offset, (note.end_col_offset or 0) + 1)}  # fmt: skip
        known[path] = lines
    return known[path]


def copy(folder: Path) -> Path:
    """What the tests need, where a fault may be planted."""
    for name in ("batchkit", "tests", "node", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "build", "*.ipynb"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def noticed(mutant: Mutant, folder: Path) -> bool:
    """Plant a mutant in a copy and run its tests; return whether one failed, or none came to an end."""
    place = folder / mutant.path
    kept = place.read_text()
    place.write_text(mutant.code)
    words = [
        str(PYTHON),
        "-B",
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "--rootdir",
        str(folder),
    ]
    own = {"PYTHONPATH": f"{folder}:{folder / 'tests'}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    tests = [next((folder / "tests").rglob(name)) for name in mutant.tests]
    try:
        done = subprocess.run([*words, "-c", folder / "pyproject.toml", *tests], cwd=folder, env=os.environ | own,
                              capture_output=True, timeout=LIMIT_SECONDS, check=False)  # fmt: skip
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        place.write_text(kept)


def run(mutants: list[Mutant]) -> list[Mutant]:
    """Return the mutants that nothing noticed."""
    with tempfile.TemporaryDirectory() as top:
        copies: SimpleQueue[Path] = SimpleQueue()
        workers = os.cpu_count() or 1
        for number in range(workers):
            copies.put(copy(Path(top) / str(number)))
        healthy = {m.tests: Mutant("no fault", m.path, 0, (ROOT / m.path).read_text()) for m in mutants}

        def attempt(mutant: Mutant) -> bool:
            folder = copies.get()
            try:
                return noticed(mutant, folder)
            finally:
                copies.put(folder)

        sick = [tests for tests, mutant in healthy.items() if attempt(mutant)]
        if sick:
            raise SystemExit(f"Tests fail without a fault: {sick}")
        with ThreadPoolExecutor(workers) as pool:
            results = pool.map(attempt, mutants)
            return [mutant for mutant, seen in zip(mutants, results, strict=True) if not report(mutant, seen)]


def report(mutant: Mutant, seen: bool) -> bool:
    print("noticed " if seen else "SURVIVED", f"{mutant.path}:{mutant.line}", mutant.name, flush=True)
    return seen


def main() -> int:
    count, seed = (*map(int, sys.argv[1:3]), *(COUNT, SEED)[len(sys.argv) - 1 :])
    began, ours, others = time.monotonic(), list(planted()), list(sampled(count, seed))
    known = json.loads(SURVIVORS.read_text()) if SURVIVORS.exists() else []
    reasons = {(e["file"], e["before"], e["after"]): e["reason"] for e in known}
    survivors = run([*ours, *others])
    lost, left = [m for m in survivors if m in ours], [m.shown() for m in survivors if m not in ours]
    entries = [entry | {"reason": reasons.get((entry["file"], entry["before"], entry["after"]), "")} for entry in left]
    SURVIVORS.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    unexplained = [entry for entry in entries if not entry["reason"]]
    record("mutants", "make mutants", planted=len(ours), planted_noticed=len(ours) - len(lost), sampled=len(others),
           noticed=len(others) - len(left), without_reason=len(unexplained), seed=seed,
           seconds=round(time.monotonic() - began))  # fmt: skip
    print(
        f"{len(ours) - len(lost)} of {len(ours)} planted and {len(others) - len(left)} of {len(others)} sampled noticed"
    )
    return 1 if lost or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
