"""`make coverage`: which lines and branches the tests run, by package, kept in measured.json; nothing depends on it."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measured import record

ROOT = Path(__file__).parent.parent
PACKAGES = ("batchkit/local", "batchkit/autoscale", "batchkit/provision", "batchkit", "node")  # the first that fits


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "coverage.json"
        options = ["--cov=batchkit", "--cov=node", "--cov-branch", f"--cov-report=json:{target}"]
        words = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", *options]
        code = subprocess.run(words, cwd=ROOT, check=False).returncode
        files = json.loads(target.read_text())["files"]
    known, run = Counter[str](), Counter[str]()
    for name, entry in files.items():
        package = next(package for package in PACKAGES if name.startswith(f"{package}/"))
        figures = entry["summary"]
        known[package] += figures["num_statements"] + figures["num_branches"]
        run[package] += figures["covered_lines"] + figures["covered_branches"]
    shares = {package: round(100 * run[package] / known[package], 1) for package in sorted(known)}
    print(*(f"{package:20} {share} %" for package, share in shares.items()), sep="\n")
    record("coverage", "make coverage", **shares)
    return code


if __name__ == "__main__":
    sys.exit(main())
