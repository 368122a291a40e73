"""The set-up files agree with each other and name no download address."""

import re
from pathlib import Path

from environment import environment

ROOT = Path(__file__).parents[2]


def test_environment_yml_is_what_pyproject_says():
    assert (ROOT / "environment.yml").read_text() == environment()


def test_every_dependency_is_pinned_and_no_lock_names_an_address():
    pins = (ROOT / ".constraints.txt").read_text()
    pinned = {re.split(r"[=\[]", line)[0].lower().replace("_", "-") for line in pins.splitlines()}
    wanted = re.findall(r"- ([a-z][\w-]*?)>=", environment())
    assert set(wanted) - {"python"} <= pinned
    lock = (ROOT / "batchkit/local/azurite/package-lock.json").read_text()
    for text in (pins, lock):
        assert not re.search(r'"resolved"|https?://[^"\s]*\.tgz|@ file:', text)


def test_the_workers_image_has_the_versions_that_the_tests_have():
    pins = (ROOT / ".constraints.txt").read_text().splitlines()
    inside = (ROOT / "node/constraints.txt").read_text().splitlines()
    assert inside
    assert set(inside) <= set(pins)
