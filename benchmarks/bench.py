"""make bench: the worker against bare orjson, polars and duckdb, whole processes, in environments of their own.

Each goal is a ratio of two programs that were run in turns on the same machine, the median of several pairs, so a
machine that is busy with other work slows both sides. Prints a table and keeps the figures in tests/measured.json.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(ROOT / "tests")]

import inputs  # noqa: E402 - found by the path above
from measured import record  # noqa: E402

ORJSON = "import orjson, sys; orjson.loads(open(sys.argv[1], 'rb').read())"


@dataclass(frozen=True)
class Run:
    """A process's wall seconds, processor seconds and the largest process's peak MiB."""

    seconds: float
    processor: float
    peak: float


def measure(command: list[str | Path]) -> Run:
    """Run a command to its end and see what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    said = process.stderr.read().decode()[-500:] if process.stderr else ""
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command} failed: {said}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Bench:
    """The programs, the data and the figures."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self.folder, self.pairs = folder, pairs
        self.figures: dict[str, object] = {}
        self.out, self.past = folder / "out", folder / "past"
        self.tidy()
        self.node = environment(folder / "env-node", [str(ROOT / "node")])
        self.others = environment(folder / "env-others", ["orjson", "polars", "duckdb"])

    def measure(self, command: list[str | Path]) -> Run:
        """Run a command to its end, and see what it took.

        An earlier run's output is moved aside, not deleted: for five seconds ext4 walks around each inode that it has
        just freed, so that the next files would cost three times as much.
        """
        if "process" in command and self.out.exists():
            self.past.mkdir(exist_ok=True)
            self.out.rename(self.past / str(time.monotonic_ns()))
        return measure(command)

    def tidy(self) -> None:
        """Delete all outputs."""
        for folder in (self.out, self.past):
            shutil.rmtree(folder, ignore_errors=True)

    def process(self, source: Path) -> list[str | Path]:
        """The worker's command."""
        return [self.node, "-m", "node", "process", source, "--output", self.out]

    def merge(self) -> list[str | Path]:
        """The command that merges what `process` left."""
        return [self.node, "-m", "node", "merge", self.out, "--output", self.folder / "summary.json"]

    def other(self, name: str, source: Path) -> list[str | Path]:
        """An opponent's command."""
        if name == "orjson":
            return [self.others, "-c", ORJSON, source]
        return [self.others, HERE / f"{name}_report.py", source, self.folder / f"{name}.json"]

    def ratio(self, name: str, goal: float, ours: list[str | Path], theirs: list[str | Path], pairs: int = 0) -> None:
        """One goal: the median ratio of pairs of runs, by the clock and by processor time."""
        runs = [(self.measure(ours), self.measure(theirs)) for _ in range(pairs or self.pairs)]
        wall = statistics.median(our.seconds / their.seconds for our, their in runs)
        processor = statistics.median(our.processor / their.processor for our, their in runs)
        ours_median, theirs_median = (statistics.median(pair[side].seconds for pair in runs) for side in (0, 1))
        peaks = [max(pair[side].peak for pair in runs) for side in (0, 1)]
        self.keep(
            name, goal, wall, processor_ratio=round(processor, 2), seconds=round(ours_median, 2),
            their_seconds=round(theirs_median, 2), peak_mib=round(peaks[0]), their_peak_mib=round(peaks[1]),
        )  # fmt: skip

    def keep(self, name: str, goal: float | None, value: float, **more: object) -> None:
        """Print a line of the table and remember the figure."""
        verdict = "" if goal is None else f"goal {goal:<6g} {'met' if value <= goal else 'MISSED':<7}"
        rest = ", ".join(f"{key} {figure}" for key, figure in more.items())
        print(f"{name:<46} {value:8.2f}  {verdict:<19} {rest}", flush=True)
        self.figures[name] = {"value": round(value, 3), "goal": goal, **more}


def environment(folder: Path, packages: list[str]) -> Path:
    """An environment with the packages alone; the worker is installed anew each time, as a wheel would be."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    again = ["--force-reinstall", "--no-deps"] if (folder / ".ready").exists() else []
    if not again or "node" in folder.name:
        source = packages
        if "node" in folder.name:
            copy = folder / "source"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(ROOT / "node", copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
            source = [str(copy)]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *again, *source], check=True)
        (folder / ".ready").touch()
    return python


def small(bench: Bench, records: list[tuple[bytes, bytes]]) -> None:
    """A thousand transactions in one file, and a thousand files in one call."""
    one = inputs.write(bench.folder / "1000.json", 1000, records, 1)
    start = [bench.node, "-c", "import pandas"]
    runs = [(bench.measure(bench.process(one)), measure(start)) for _ in range(bench.pairs)]
    beyond = statistics.median(whole.seconds - pandas.seconds for whole, pandas in runs)
    processor = statistics.median(whole.processor - pandas.processor for whole, pandas in runs)
    bench.keep("1,000: seconds beyond import pandas", 0.15, beyond, processor_seconds=round(processor, 2))
    files = inputs.many(bench.folder / "files", 1000, 37, records)
    single = inputs.write(bench.folder / "37000.json", 37_000, records, 2)
    rounds = []
    for _ in range(bench.pairs):
        many = bench.measure(bench.process(files))
        disk = rewrite(bench.out)
        rounds.append((many, bench.measure(bench.process(single)), measure(start), disk))
    a_file = statistics.median(many.seconds - pandas.seconds for many, _, pandas, _ in rounds)
    processor = statistics.median(many.processor - pandas.processor for many, _, pandas, _ in rounds)
    disk = statistics.median(disk for *_, disk in rounds)
    bench.keep(
        "1,000 files: milliseconds a file", 1.0, a_file, processor_ms=round(processor, 2), disk_alone_ms=round(disk, 2)
    )
    ratio = statistics.median(many.seconds / alone.seconds for many, alone, _, _ in rounds)
    ratio_but_disk = statistics.median((many.seconds - disk) / alone.seconds for many, alone, _, disk in rounds)
    bench.keep("1,000 files / one file of them all", 1.2, ratio, ratio_without_disk=round(ratio_but_disk, 2))


def rewrite(folder: Path) -> float:
    """Seconds that this disk takes for reports alone: each written once more under a temporary name and renamed."""
    reports = [path.read_bytes() for path in folder.glob("*.report.json")]
    copy = folder / "copy"
    copy.mkdir()
    started = time.perf_counter()
    for number, data in enumerate(reports):
        temporary = copy / f".{number}"
        temporary.write_bytes(data)
        temporary.replace(copy / str(number))
    return time.perf_counter() - started


def medium(bench: Bench, records: list[tuple[bytes, bytes]]) -> None:
    """A hundred thousand transactions."""
    source = inputs.write(bench.folder / "100000.json", 100_000, records, 3)
    for name, goal in (("orjson", 0.5), ("polars", 0.6), ("duckdb", 0.6)):
        bench.ratio(f"100,000: process / {name}", goal, bench.process(source), bench.other(name, source))
    dirty = inputs.write(bench.folder / "100000-dirty.json", 100_000, records, 3, dirty=0.02)
    bench.ratio("100,000 with 2% dirt / clean", 1.3, bench.process(dirty), bench.process(source))


def large(bench: Bench, records: list[tuple[bytes, bytes]]) -> None:
    """A million transactions and their merge; and as many with only a thousand ids."""
    source = inputs.write(bench.folder / "1000000.json", 1_000_000, records, 4)
    for name, goal in (("orjson", 0.12), ("duckdb", 0.3)):
        bench.ratio(f"1,000,000: process / {name}", goal, bench.process(source), bench.other(name, source), 3)
    peaks(bench, "1,000,000", source, 200)
    few = inputs.write(bench.folder / "1000000-few-ids.json", 1_000_000, records, 4, ids=1000)
    peaks(bench, "1,000,000 of 1,000 ids", few, 200)


def peaks(bench: Bench, name: str, source: Path, goal: float | None) -> None:
    """The largest process of `process` and of `merge`."""
    run = bench.measure(bench.process(source))
    bench.keep(f"{name}: peak MiB of process", goal, run.peak, seconds=round(run.seconds, 2))
    merged = measure(bench.merge())
    bench.keep(f"{name}: peak MiB of merge", goal, merged.peak, seconds=round(merged.seconds, 2))


def stages(bench: Bench, largest: int) -> None:
    """Where the time goes, one stage after the other."""
    for size in (100_000, 1_000_000):
        if size <= largest:
            command = [bench.node, HERE / "stages.py", bench.folder / f"{size}.json"]
            runs = [json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL)) for _ in range(3)]
            found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            bench.figures[f"stages of {size}"] = found
            print(f"{size:,}: seconds by stage", found, flush=True)


def curve(bench: Bench, records: list[tuple[bytes, bytes]], largest: int) -> None:
    """Time and memory against size, for the chart."""
    points = []
    for size in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000):
        if size <= largest:
            source = inputs.write(bench.folder / f"{size}.json", size, records, 5)
            run = bench.measure(bench.process(source))
            points.append({"transactions": size, "seconds": round(run.seconds, 2), "peak_mib": round(run.peak)})
            print(points[-1], flush=True)
    bench.figures["curve"] = points
    draw(points)


def draw(points: list[dict[str, float]]) -> None:
    """The chart of the worker's README: time and memory against size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (seconds, memory) = pyplot.subplots(1, 2, figsize=(9, 3), layout="constrained")
    sizes = [point["transactions"] for point in points]
    seconds.plot(sizes, [point["seconds"] for point in points], marker="o")
    seconds.set(yscale="log", title="Seconds")
    seconds.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    memory.plot(sizes, [point["peak_mib"] for point in points], marker="o")
    memory.set(ylim=(0, None), title="Largest process, MiB")
    for axis in (seconds, memory):
        axis.set(xscale="log", xlabel="Transactions")
        axis.set_xticks([1e3, 1e4, 1e5, 1e6], ["1,000", "10,000", "100,000", "1,000,000"])
        axis.minorticks_off()
        axis.grid(visible=True, alpha=0.2)
    figure.savefig(HERE / "size.svg")


def main() -> None:
    """Make the data, run everything, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path.home() / ".cache/batchkit-bench", help="data and environments"
    )
    parser.add_argument("--pairs", type=int, default=5, help="runs of each pair")
    parser.add_argument("--largest", type=int, default=1_000_000, help="leave out what is larger; up to 10,000,000")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()[0]
    bench, records = Bench(options.folder.resolve(), options.pairs), inputs.pool()
    small(bench, records)
    medium(bench, records)
    if options.largest >= 1_000_000:
        large(bench, records)
    if options.largest >= 10_000_000:
        source = inputs.write(bench.folder / "10000000.json", 10_000_000, records, 4)
        peaks(bench, "10,000,000", source, None)
    curve(bench, records, options.largest)
    stages(bench, options.largest)
    bench.tidy()
    record("bench", "make bench", load_average=[round(before, 1), round(os.getloadavg()[0], 1)], **bench.figures)


if __name__ == "__main__":
    main()
