"""`make clients`: programs that nobody here wrote, unmodified, each in an environment of its own, on the local Azure.

programs/ holds one small file for each: its first lines say what it needs (description.py), the rest does what a
user of that client would do, with a job to its end where the client can submit one, and prints a line a step.
`make clients ONLY="az_by_key snakemake"` runs some. What is on no package registry is looked for in CLIENTS_SAMPLES.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measured import FILE, record

from clients import description, environments
from clients.description import Description

Row = dict[str, Any]
SECONDS = 900
SPEED = "60"
TRUSTING = Path(__file__).with_name("trusting.py")
_JOINED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def main(names: list[str]) -> int:
    """Run the programs that are named, or all; keep the table; return 1 when one failed."""
    known = {each.file.stem: each for each in description.everything()}
    if unknown := [name for name in names if name not in known]:
        print(f"no such program: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows = [row for name in names or known for row in run_each(known[name])]
    keep(rows)
    counts = Counter(row["ended"] for row in rows)
    print(f"{counts['whole']} of {len(rows)} whole, {counts['failed']} failed, {counts['not found']} not found here")
    return 1 if counts["failed"] else 0


def run_each(program: Description) -> list[Row]:
    """Run a program once with each of its environments, and say how it went."""
    if program.needs and not os.path.isdir(os.environ.get(program.needs, "")):
        print(f"{program.name}: not found; it is on no registry, {program.needs}=DIR names the folder that has it")
        return [_row(program, packages, "not found") for packages in program.environments]
    return [run(program, packages) for packages in program.environments]


def run(program: Description, packages: list[str]) -> Row:
    """Run a program on a local Azure of its own; return its row of the table."""
    made = environments.make(packages, program.javascript)
    began = time.monotonic()
    code, said = inside(program, made)
    row = _row(program, packages, "failed" if code else "whole") | {
        "versions": made.versions(packages),
        "steps": [line.removeprefix("- ") for line in said.splitlines() if line.startswith("- ")],
        "seconds": round(time.monotonic() - began),
    }
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    print(
        f"{program.name} ({versions}), {program.login}: {len(row['steps'])} steps, {row['ended']}, {row['seconds']} s"
    )
    if code:
        print(said, file=sys.stderr)
    return row


def inside(program: Description, made: environments.Environment, speed: str = SPEED) -> tuple[int, str]:
    """Run a program in its environment on a local Azure; return its exit code and all that it printed."""
    local = [sys.executable, "-m", "batchkit.local", "--speed", speed, *program.options, "--"]
    words = [*local, sys.executable, str(TRUSTING), *made.command(program.file)]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if program.needs:
        own[program.needs] = str(Path(own[program.needs]).resolve())
    with tempfile.TemporaryDirectory() as home:  # logins and settings that a program leaves go with it
        environment = own | {"HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(words, cwd=home, env=environment, timeout=SECONDS, check=False, **_JOINED)
        except subprocess.TimeoutExpired as late:
            return 124, f"{str(late.stdout or b'', 'utf-8', 'replace')}\nnot ended after {SECONDS} seconds"
    return done.returncode, done.stdout


def keep(rows: list[Row]) -> None:
    """Keep the table: a program's row is replaced by its newest run, and one that was not found now stays."""
    kept = json.loads(FILE.read_text(encoding="utf-8")).get("clients", {}).get("programs", [])
    known = {each.name for each in description.everything()}
    table = {_key(row): row for row in kept if row["program"] in known}
    table |= {_key(row): row for row in rows if row["ended"] != "not found" or _key(row) not in table}
    record("clients", "make clients", programs=[table[key] for key in sorted(table)])


def _row(program: Description, packages: list[str], ended: str) -> Row:
    return {"program": program.name, "packages": " ".join(packages), "login": program.login, "ended": ended}


def _key(row: Row) -> tuple[str, str]:
    return row["program"], row["packages"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
