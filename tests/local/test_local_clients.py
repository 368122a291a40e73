"""The two cheapest of `make clients`: azure-batch's older clients, each in an environment of its own."""

from __future__ import annotations

import re

import pytest
from clients import description, environments, run

OLDER = description.read(description.PROGRAMS / "azure_batch_track1.py")


@pytest.mark.parametrize("packages", OLDER.environments, ids=lambda packages: packages[0])
def test_an_older_client_does_its_work_unmodified(packages: list[str]) -> None:
    code, said = run.inside(OLDER, environments.make(packages, javascript=False), speed="1200")
    assert code == 0, said
    assert len(re.findall("^- ", said, re.MULTILINE)) == 6


def test_every_program_says_what_it_needs() -> None:
    programs = description.everything()
    assert len(programs) >= 8
    for program in programs:
        assert program.name
        assert program.login
        assert all(program.environments)
    assert len({program.name for program in programs}) == len(programs)
