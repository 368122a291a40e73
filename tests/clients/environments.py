"""An environment for each program, made once: a virtual environment or an npm folder below .venv-clients."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".venv-clients"
_READY = ".ready"


@dataclass(frozen=True)
class Environment:
    """A folder with the packages that were asked for.

    Attributes:
        folder: where it is.
        javascript: whether it is npm's.
        node: the Node.js that runs its programs.
    """

    folder: Path
    javascript: bool
    node: str = "node"

    def command(self, program: Path) -> list[str]:
        """Return the words that run a program in it."""
        if not self.javascript:
            return [str(self.folder / "bin" / "python"), str(program)]
        beside = self.folder / program.name  # an import of JavaScript is looked up from where the file lies
        shutil.copyfile(program, beside)
        return [self.node, str(beside)]

    def versions(self, packages: list[str]) -> dict[str, str]:
        """Return the version of each package that was asked for."""
        names = [_name(each) for each in packages]
        if self.javascript:
            found = [self.folder / "node_modules" / name / "package.json" for name in names]
            return {name: json.loads(file.read_text())["version"] for name, file in zip(names, found, strict=True)}
        code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]), sep='\\n')"
        done = _run(str(self.folder / "bin" / "python"), "-c", code, *names)
        return dict(zip(names, done.stdout.split(), strict=True))


def make(packages: list[str], javascript: bool) -> Environment:
    """Return the environment with these packages, made now unless it is there already."""
    stem = _name(packages[0]).strip("@").replace("/", "-")
    folder = ROOT / f"{stem}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    if not (folder / _READY).exists():
        print(f"Installing {' '.join(packages)} (once)", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (_npm if javascript else _pip)(folder, packages)
        (folder / _READY).touch()
    return Environment(folder, javascript, shutil.which("node") or "node")


def _name(package: str) -> str:
    """Return a package's name without its version: of `azure-batch==11.0.0`, of `@azure/batch@10.2.0`."""
    return package.split("==")[0] if "==" in package else package[0] + package[1:].split("@")[0]


def _pip(folder: Path, packages: list[str]) -> None:
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(folder)]
    _run(*pip, "install", *packages)


def _npm(folder: Path, packages: list[str]) -> None:
    (folder / "package.json").write_text('{"private": true}\n')
    _run("npm", "install", "--silent", "--no-fund", "--no-audit", *packages, cwd=folder)


def _run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, cwd=cwd, env={**os.environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done
