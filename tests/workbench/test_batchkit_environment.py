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


def test_the_lock_has_the_constraints_versions_each_with_its_hashes():
    text = (ROOT / ".requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z][\w.-]*)==([^ ;\\]+)", text, re.MULTILINE))
    pins = dict(re.findall(r"^([A-Za-z][\w.-]*)==(\S+)", (ROOT / ".constraints.txt").read_text(), re.MULTILINE))
    named = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    assert {name: version for name, version in locked.items() if named.get(name, version) != version} == {}
    wanted = set(re.findall(r"- ([a-z][\w-]*?)>=", environment())) - {"python"}
    assert wanted <= locked.keys()
    entries = text.split("\n    --hash")
    assert len(entries) > len(locked)
    assert "://" not in text
    for entry in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in entry, entry[:80]


def test_the_workers_image_has_the_versions_that_the_tests_have():
    pins = (ROOT / ".constraints.txt").read_text().splitlines()
    inside = (ROOT / "node/constraints.txt").read_text().splitlines()
    assert inside
    assert set(inside) <= set(pins)
