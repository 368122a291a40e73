"""The recordings: one request of the real service with its answer a line, masked, in groups that belong together.

Secrets, times, ids of subscriptions and the like are masked as `<time>` or `<etag-1>`; pools, jobs, tasks,
nodes and accounts are called pool-1, job-2, node-1 in each group. A line with `repeat` is sent for what it sets
up and not counted, since the same was recorded in another group.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorded.names import INNER

FILE = Path(__file__).with_name("pairs.jsonl")
ARM = "/subscriptions"


@dataclass
class Pair:
    """A request as it was sent, and the answer that the real service gave."""

    api_version: str
    group: int
    seq: int
    operation: str
    method: str
    path: str
    query: dict[str, str]
    request_headers: dict[str, str]
    request: Any
    status: int
    response_headers: dict[str, str]
    response: Any
    source: str = ""
    repeat: bool = False

    @property
    def plane(self) -> str:
        """`arm` for Resource Manager, `batch` for the data plane."""
        return "arm" if self.path.startswith(ARM) else "batch"

    @property
    def looks(self) -> bool:
        """Whether it only looks."""
        return self.method in ("GET", "HEAD")

    @property
    def parts(self) -> list[str]:
        """The segments of its path."""
        return self.path.strip("/").split("/")

    def items(self) -> Iterator[dict[str, Any]]:
        """Yield each object that the answer shows, itself or the entries of its list."""
        if isinstance(self.response, dict):
            yield self.response
            yield from (entry for entry in self.response.get("value") or [] if isinstance(entry, dict))


def read(file: Path = FILE) -> list[list[Pair]]:
    """Return the groups of a file: the data plane's first, and those last that make accounts, which turn roles on."""
    groups: dict[tuple[str, int], list[Pair]] = {}
    for line in file.read_text("utf-8").splitlines():
        pair = _with_inner_name(Pair(**json.loads(line)))
        groups.setdefault((pair.plane, pair.group), []).append(pair)
    return sorted(groups.values(), key=lambda pairs: (pairs[0].plane != "batch", any(map(_makes_account, pairs))))


def _with_inner_name(pair: Pair) -> Pair:
    """Call a job `<inner>` where the service uses its own word for it, which the recordings mask like any name."""
    headers = pair.response_headers
    if pair.operation in ("create_job", "create_task"):
        own = ("location", "dataserviceid") if pair.operation == "create_job" else ("dataserviceid",)
        headers |= {name: re.sub(r"/jobs/job-\d+", f"/jobs/{INNER}", headers[name]) for name in own if name in headers}
    pair.response = json.loads(re.sub(r"(workitems/[^/\"]+/)job-\d+", rf"\1{INNER}", json.dumps(pair.response)))
    return pair


def _makes_account(pair: Pair) -> bool:
    return pair.plane == "arm" and pair.method in ("PUT", "DELETE") and "/pools" not in pair.path
