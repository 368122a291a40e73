"""A call shared by processes: the same as alone, whoever reads what; and what is kept of transaction ids."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.contract import WorkerError
from node.samples import generate
from node.settings import Settings
from node.sums import ids
from node.sums.partial import Part, decode_part, encode_part
from node.sums.texts import Texts
from node.work.children import children
from node.work.process import process

TIMES = ("processed_at", "processing_time_seconds")


def outputs(folder: Path) -> dict[str, Any]:
    """Every report below a folder, and the partial as it is merged."""
    reports: dict[str, Any] = {}
    for path in sorted(folder.rglob("*.json")):
        report = json.loads(path.read_bytes())
        reports[path.name] = {name: value for name, value in report.items() if name not in TIMES}
    part = decode_part((folder / "task.partial").read_bytes())
    reports["partial"] = [part.sources, part.tables, part.counts, part.bad_records, part.ids.repeats()]
    reports["days"] = part.ids.first_days()
    return reports


@pytest.mark.parametrize("files", [1, 2, 30])
def test_two_shares_give_what_one_gives(files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(3000, files, 5, tmp_path / "in")
    (tmp_path / "in" / "broken.json").write_text('{"transactions": [{"transaction_id": "t"}, ')
    process([tmp_path / "in"], tmp_path / "one", Settings())
    monkeypatch.setattr("node.reading.shards.MIN_SHARD_BYTES", 100_000)
    process([tmp_path / "in"], tmp_path / "two", Settings())
    process([tmp_path / "in"], tmp_path / "again", Settings())
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
    partials = [(tmp_path / name / "task.partial").read_bytes() for name in ("two", "again")]
    assert partials[0] == partials[1]


def test_batches_of_any_size_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(2000, 15, 6, tmp_path / "in")
    process([tmp_path / "in"], tmp_path / "one", Settings())
    for rows, files in ((700, 2000), (10**6, 4)):
        monkeypatch.setattr("node.reading.batches.BATCH_ROWS", rows)
        monkeypatch.setattr("node.reading.batches.BATCH_FILES", files)
        process([tmp_path / "in"], tmp_path / "many", Settings())
        assert outputs(tmp_path / "one") == outputs(tmp_path / "many")


def test_reading_starts_without_numpy_and_pandas() -> None:
    code = "import sys, node.cli, node.work.process; print(sorted({'numpy', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_child_sends_what_it_makes_and_what_it_raises() -> None:
    def work() -> Iterator[Any]:
        yield {"numbers": np.arange(100_000), "text": "x"}
        raise WorkerError("enough")

    with children() as start:
        values = start(work())
        first = next(values)
        assert first["text"] == "x"
        assert first["numbers"].sum() == 4999950000
        with pytest.raises(WorkerError, match="enough"):
            next(values)


def test_a_child_that_is_killed_is_said_and_none_is_left() -> None:
    def work() -> Iterator[int]:
        yield os.getpid()
        time.sleep(60)
        yield 0

    with children() as start:
        slow, killed = start(work()), start(work())
        others = [next(slow), next(killed)]
        os.kill(others[1], signal.SIGKILL)
        with pytest.raises(WorkerError, match="ended early"):
            next(killed)
    for child in others:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def block(texts: list[str], days: list[int], hashes: list[int] | None = None) -> ids.Block:
    data = [text.encode() for text in texts]
    sizes = np.array([len(text) for text in data], np.int32)
    found = np.array(hashes or [hash(text) for text in texts], np.int64)
    return ids.Block(Texts(b"".join(data), sizes), found, np.array(days, np.int32))


def put_in(parts: list[list[tuple[str, int]]]) -> ids.Ids:
    """Ids of several parts, each settled or not, merged."""
    total = ids.Ids()
    for at, part in enumerate(parts):
        some = ids.Ids()
        for start in range(0, len(part), 3):
            rows = part[start : start + 3]
            some.add(block([text for text, _ in rows], [day for _, day in rows]))
        if at % 2:
            some.settle()
        total.merge(some)
    return total


occurrences = st.tuples(st.sampled_from(["a", "b", "é", "é" * 9, "10", "x" * 300, "\0", "\0\0"]), st.integers(0, 3))


@settings(deadline=None)
@given(st.lists(st.lists(occurrences, min_size=1, max_size=12), max_size=5))
def test_ids_in_any_blocks_are_counted_with_their_first_day(parts: list[list[tuple[str, int]]]) -> None:
    total = put_in(parts)
    every = [row for part in parts for row in part]
    first = {text: min(day for other, day in every if other == text) for text, _ in every}
    assert total.repeats() == {text: n for text, n in Counter(text for text, _ in every).items() if n > 1}
    assert total.first_days() == Counter(first.values())
    written = b"".join(encode_part(Part(ids=total)))
    again = decode_part(written).ids
    assert (again.repeats(), again.first_days(), len(again)) == (total.repeats(), total.first_days(), len(first))


@given(st.lists(st.text(max_size=3), min_size=1), st.data())
def test_texts_of_any_rows(texts: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1)))
    some = block(texts, [0] * len(texts)).texts
    assert list(some) == texts
    assert list(some.take(np.array(rows, np.int64))) == [texts[row] for row in rows]
    assert list(some.slice(0, len(texts))) == texts


def test_equal_hashes_are_not_equal_ids() -> None:
    some = ids.Ids()
    some.add(block(["a", "b", "a", "c"], [3, 1, 2, 1], [7, 7, 7, 7]))
    assert some.repeats() == {"a": 2}
    assert some.first_days() == {1: 2, 2: 1}


def test_ids_that_repeat_for_ever_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "PENDING", 100)
    some = ids.Ids()
    for at in range(100):
        some.add(block([f"id {row}" for row in range(20)], [at] * 20))
        assert len(some) <= 140
    assert some.repeats() == {f"id {row}": 100 for row in range(20)}


def test_a_damaged_partial_is_named_in_one_line(tmp_path: Path) -> None:
    generate(50, 1, 7, tmp_path / "in")
    process([tmp_path / "in"], tmp_path / "out", Settings())
    whole = (tmp_path / "out" / "task.partial").read_bytes()
    chance = random.Random(3)
    damaged = [
        b"",
        whole[:-1],
        whole + b"x",
        whole[: len(whole) // 2],
        whole.replace(b'"count":', b'"count":-'),
        b'{"rules": 5}\n',
    ]
    damaged += [whole[: chance.randrange(len(whole))] for _ in range(3)]
    for data in damaged:
        (tmp_path / "out" / "task.partial").write_bytes(data)
        command = [
            sys.executable,
            "-m",
            "node",
            "merge",
            str(tmp_path / "out"),
            "--output",
            str(tmp_path / "summary.json"),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "is no partial of this worker" in done.stderr


FAMILY = """
import itertools, os, signal
from node.work.children import children

def pids():
    for number in itertools.count():
        yield os.getpid()

def consumer(values):
    yield os.getpid()
    yield sum(values)

with children() as start:
    made = start(pids())
    first = next(made)
    print(first, next(start(consumer(made))), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_child_outlives_its_parent_for_long_though_another_child_reads_it(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said:  # not a pipe, which children that go on would keep open
        subprocess.run([sys.executable, "-c", FAMILY], stdout=said, timeout=60)
    family = [int(pid) for pid in (tmp_path / "said").read_text().split()]
    assert len(family) == 2
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in family):
        if time.monotonic() > deadline:
            for pid in family:
                os.kill(pid, signal.SIGKILL)
            pytest.fail("a child goes on without its parent")
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """True for a process that runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
