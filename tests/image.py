"""`make image`: builds the worker's image, and says its size and its cold start against the same command outside.

The engine is docker or podman, whichever answers. BUILD holds more words for its build, where a machine needs them:
`make image BUILD="--network host"`. The figures are kept in tests/measured.json.
"""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured import record

from batchkit.local.batch.machine.containers import find_engine

NODE = Path(__file__).parent.parent / "node"
IMAGE = "batchkit-node"
ROUNDS = 9
TRANSACTIONS = 1000
NARROW = ["--rm", "--read-only", "--network", "none", "--user", "12345:12345", "--tmpfs", "/tmp"]


def main() -> int:
    """Build, measure, print and keep the figures."""
    engine = find_engine()
    if engine is None:
        print("make image needs docker or podman to answer here: apt-get install podman", file=sys.stderr)
        return 1
    built = subprocess.run([engine, "build", *shlex.split(os.environ.get("BUILD", "")), "--tag", IMAGE, str(NODE)])
    if built.returncode:
        return built.returncode
    total, base = size(engine, IMAGE), size(engine, base_image())
    print(f"{total / 1e6:.0f} MB, {(total - base) / 1e6:.0f} of them beyond {base_image()}")
    seconds = cold_start(engine)
    for name, value in seconds.items():
        print(f"{value:6.2f} s  {name}")
    record("image", "make image", bytes=total, bytes_beyond_base=total - base, engine=engine, seconds=seconds)
    return 0


def base_image() -> str:
    """Return the name of the image that the Dockerfile builds on."""
    lines = (NODE / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM "))


def size(engine: str, image: str) -> int:
    """Return an image's bytes, unpacked."""
    words = [engine, "image", "inspect", "--format", "{{.Size}}", image]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def cold_start(engine: str) -> dict[str, float]:
    """Return the median seconds of each command, all of them measured in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = prepared(engine, folder)
        times: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(ROUNDS):
            for title, words in commands.items():
                began = time.perf_counter()
                subprocess.run(words, cwd=folder, capture_output=True, check=True)
                times[title].append(time.perf_counter() - began)
    return {title: round(statistics.median(taken), 3) for title, taken in times.items()}


def prepared(engine: str, folder: Path) -> dict[str, list[str]]:
    """Return the commands by what they are, with a file to process and folders that any user may write."""
    here = [sys.executable, "-m", "node"]
    generate = [*here, "generate", "--transactions", str(TRANSACTIONS), "--files", "1", "--output", "in"]
    subprocess.run(generate, cwd=folder, capture_output=True, check=True)
    for path in (folder, folder / "out"):
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
    inside = [engine, "run", *NARROW, "--volume", f"{folder}:{folder}", "--workdir", str(folder), IMAGE]
    node = ["python", "-m", "node"]
    process = [*node, "process", "in", "--output", "out"]
    compiling = [*inside[:-1], "--env", "PYTHONPYCACHEPREFIX=/none", IMAGE]  # finds none of the image's bytecode
    title = f"process of {TRANSACTIONS:,} transactions"
    return {
        "the engine alone": [*inside, "true"],
        "--help, in the container": [*inside, *node, "--help"],
        f"{title}, in the container": [*inside, *process],
        f"{title}, in the container without its bytecode": [*compiling, *process],
        f"{title}, outside": [*here, "process", "in", "--output", "here"],
    }


if __name__ == "__main__":
    sys.exit(main())
