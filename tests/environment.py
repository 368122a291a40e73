"""Write environment.yml from pyproject.toml's one list of dependencies: make environment."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def environment() -> str:
    """The conda environment that has what pyproject.toml lists, the developers' tools included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    everything = {*project["dependencies"], *extras["local"], *extras["workbench"], *extras["dev"]}
    lines = [
        "# Written from pyproject.toml by `make environment`; a test compares. Then: pip install --no-deps -e .",
        "name: batchkit",
        "channels: [conda-forge]",
        "dependencies:",
        f"  - python{project['requires-python']}",
        "  - pip",
        "  - pip:",
        *(f"      - {name}" for name in sorted(everything) if not name.startswith("batchkit[")),
        "      - -e ./node[journey]",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(environment(), end="")
