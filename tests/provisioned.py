"""Targets on a local Azure of the test's own, what its subscription is told to do, and what it was told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import running_local_azure

from batchkit import provision
from batchkit.provision.targets import ARM_SCOPE

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
EASY = {
    "core_quota": 1000,
    "role_spread_seconds": 0,
    "fail_at": "",
    "slowness": 1,
    "builds_allowed": True,
    "hub_refusals": 0,
    "taken_names": [],
}


class Place:
    """An empty subscription on a local Azure, with a folder for settings files."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def target(self, group: str = "group", **parameters):
        """A target in a group, with a settings file of its own."""
        config = self.folder / f"{group}.json"
        if not config.exists():
            azure = {"subscription_id": SUBSCRIPTION, "resource_group": group, "location": "swedencentral"}
            config.write_text(json.dumps({"azure": azure, "provision": {"prefix": "bk1"}}))
        return provision.target(config, **parameters)

    def tell(self, **knobs) -> None:
        """Tell the subscription how to behave; what is not named is easy again."""
        token = self.target().session.credential.get_token(ARM_SCOPE).token
        url = f"{self.environment['BATCHKIT_ARM_URL']}/local/provisioning?api-version=1"
        answer = requests.put(
            url,
            json=dict[str, Any](EASY | knobs),
            headers={"Authorization": f"Bearer {token}"},
            verify=self.environment["BATCHKIT_CA_FILE"],
            timeout=30,
        )
        assert answer.status_code == 200, answer.text


@contextmanager
def subscription(folder: Path, *options: str) -> Iterator[Place]:
    """A local Azure with nothing in it, set in this process's environment."""
    with running_local_azure("--speed", "1200", *options) as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Place(folder, environment)


class Heard(list):
    """What was told, a line each."""

    def __call__(self, line: str) -> None:
        self.append(line)

    def has(self, words: str) -> bool:
        return any(words in line for line in self)
