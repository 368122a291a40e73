"""The real data: the worker's merged report against the package's own tables, to the cent."""

import json
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from journey_reference import journey_reference

from node.journey import journey


def node(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", "node", *arguments], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def year(tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("journey")
    node("journey", "--output", folder / "in")
    return folder


def test_the_first_weeks_are_what_the_tables_say(year: Any) -> None:
    # The whole year, to the cent, is compared on the main job's summary: test_batchkit_main_job.
    assert sorted(path.name for path in (year / "in").iterdir()) == [f"week-{at:02d}.json" for at in range(1, 54)]
    weeks = [f"week-{at:02d}.json" for at in range(1, 7)]
    said = node("process", *(year / "in" / week for week in weeks), "--output", year / "out")
    valid = {line.split()[0]: int(line.split()[2]) for line in said.splitlines()}
    expected = journey_reference()
    assert valid == {week: expected.valid_by_week[week] for week in weeks}
    assert (expected.baskets, expected.valid, expected.lines) == (155_848, 155_848 - 21_199, 1_469_307)


def test_the_times_are_the_shops_own(year: Any) -> None:
    texts = [path.read_text() for path in sorted((year / "in").iterdir())]
    times = [time for text in texts for time in re.findall(r'"timestamp":"([^"]+)"', text)]
    assert (min(times), max(times)) == ("2017-01-01T06:53:26-05:00", "2017-12-31T23:01:20-05:00")
    assert {time[-6:] for time in times} == {"-05:00", "-04:00"}
    expected = journey_reference()
    assert max(expected.by_hour, key=expected.by_hour.__getitem__) == "17"
    assert (min(expected.by_day), max(expected.by_day)) == ("2017-01-01", "2017-12-31")


def test_a_year_with_summer_time_is_no_mixture_of_offsets(year: Any) -> None:
    weeks = [year / "in" / f"week-{at:02d}.json" for at in (1, 11, 12, 30, 45)]
    node("process", *weeks, "--output", year / "some")
    node("merge", year / "some", "--output", year / "some.json")
    assert json.loads((year / "some.json").read_bytes())["warnings"] == []


def test_journey_twice_writes_the_same_bytes(year: Any, tmp_path: Path) -> None:
    for name, _ in islice(journey(tmp_path), 2):
        assert (tmp_path / name).read_bytes() == (year / "in" / name).read_bytes()
