"""What the first lines of a program in programs/ say about it, in the form of PEP 723 (`# /// script`).

name          what it is
environments  one or more lists of packages; the program runs once with each
login         how it signs in, for the table
options       what `batchkit local` is started with besides --speed
needs         a variable that names a folder with the program itself, where it is on no registry
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
_BLOCK = re.compile(r"^(?://|#) /// script$\n(.*?)^(?://|#) ///$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Description:
    """One program; `file` is what runs."""

    file: Path
    name: str
    environments: list[list[str]]
    login: str
    options: list[str] = field(default_factory=list)
    needs: str = ""

    @property
    def javascript(self) -> bool:
        """Whether its packages are npm's."""
        return self.file.suffix == ".mjs"


def read(file: Path) -> Description:
    """Return a program's description."""
    block = _BLOCK.match(file.read_text(encoding="utf-8"))
    assert block, f"{file} does not begin with a description"
    lines = [re.sub(r"^(//|#) ?", "", line) for line in block[1].splitlines()]
    return Description(file, **tomllib.loads("\n".join(lines)))


def everything() -> list[Description]:
    """Return the description of each program, by name of file."""
    files = sorted(each for each in PROGRAMS.iterdir() if each.suffix in (".py", ".mjs"))
    return [read(each) for each in files if "/// script" in each.read_text(encoding="utf-8")[:200]]
