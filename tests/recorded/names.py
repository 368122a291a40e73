"""Between the names of a recording and those at the local service: pool-1 of group 7 is pool-1-g7 there."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import Any

COMMAND = "/bin/sh -c 'echo hello; sleep 1'"  # what masked commands were replaced by
_NAME = re.compile(r"(?<![\w:.-])((?:pool|job|task|schedule|account|group|app)-\d+)\b(?!-)")
INNER = "<inner>"  # what the service calls every job inside: the word job-1
_INNER = re.compile(r"(/jobs/|workitems/[^/\"]+/)job-1(?![\w-])")
_NODE = re.compile(r"node-\d+")
_OURS = re.compile(r"-[gG](\d+)(?![\w-])")
_TAG = re.compile(r'^W/|"')
FILLED = {
    "<password>": "Passw0rd!xyz",
    "<key>": "c2FtcGxlIGtleSBzYW1wbGUga2V5IHNhbXBsZQ==",
    "<certificate>": "c2FtcGxl",
    "<subscription>": "00000000-0000-0000-0000-000000000000",
    "<guid>": "00000000-0000-0000-0000-000000000001",
    "<blob-url>": "https://example.blob.core.windows.net/container/file.txt",
    "<time>": "2099-01-01T00:00:00Z",
}


class Names:
    """What the masked names of one group stand for at the local service."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.nodes: dict[str, str] = {}
        self.etags: dict[str, str] = {}
        self._own = re.compile(rf"-[gG]{group}(?!\d)")

    def out(self, value: Any) -> Any:
        """Return a recorded value as it is sent to the local service."""
        if isinstance(value, dict):
            return {name: self.out(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.out(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        text = text.replace("workitems/job-1/job-1/", "workitems/job-1/\0/")  # the second is the service's own word
        text = _NAME.sub(rf"\1-g{self.group}", text).replace("\0", "job-1")
        now = {"<now>": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "<http-time>": formatdate(usegmt=True)}
        for mask, real in {**FILLED, **self.etags, **now}.items():
            text = text.replace(mask, real)
        return _NODE.sub(lambda match: self.nodes.get(match[0], match[0]), text)

    def back(self, text: str) -> str:
        """Return what the local service said in the recording's names."""
        text = _INNER.sub(rf"\1{INNER}", text)
        text = self._own.sub("", text)
        for name, real in self.nodes.items():
            text = text.replace(real, name)
        return text

    def foreign(self, item: Any) -> bool:
        """Return whether an entry of a list belongs to another group."""
        name = str(item.get("id") or item.get("poolId") or item.get("name") or "") if isinstance(item, dict) else ""
        match = _OURS.search(name)
        return match is not None and int(match[1]) != self.group

    def learn_etag(self, recorded: str, real: str) -> None:
        """Note what a masked ETag stands for."""
        self.etags[_TAG.sub("", recorded)] = _TAG.sub("", real)
