"""The body that makes an object which a recorded answer shows: without what only the service writes."""

from __future__ import annotations

import json
import re
from typing import Any

from recorded.names import COMMAND

Json = dict[str, Any]
IMAGE = {
    "imageReference": {
        "publisher": "canonical",
        "offer": "0001-com-ubuntu-server-jammy",
        "sku": "22_04-lts",
        "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}
SIZE = "standard_d2s_v3"
_WRITTEN = re.compile(  # by the service alone
    "odata|url$|eTag|lastModified|creationTime|state$|stateTransitionTime|previous|allocationState|resizeError|"
    "current|autoScaleRun|executionInfo|nodeInfo|stats|certificateReferences|exactVersion|multiInstanceInfo"
)
_NAMES = {"id", "autoPoolIdPrefix", "userName", "poolId"}  # masked ones must be names all the same
_PAST, _FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
MOST_NODES = 5


def made_of(shown: Any) -> Any:
    """Return what a client would have sent for an object that the service shows so."""
    if isinstance(shown, list):
        return [made_of(entry) for entry in shown]
    if not isinstance(shown, dict):
        return 1 if shown == "<number>" else shown
    body = {name: made_of(value) for name, value in shown.items() if not _WRITTEN.match(name)}
    if "doNotRunUntil" in body:
        body["doNotRunUntil"] = _PAST
    for name in _NAMES & body.keys():
        body[name] = body[name].replace("<string>", "sample")
    return newer(body)


def newer(body: Json) -> Json:
    """Return a body without the pools of Cloud Services, which the newest API has no more."""
    if body.pop("cloudServiceConfiguration", None):
        body["virtualMachineConfiguration"] = IMAGE
    return body


def in_newest_words(value: Any) -> Any:
    """Return a recorded request without what the newest API has no more, at any depth."""
    if isinstance(value, list):
        return [in_newest_words(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return newer({name: in_newest_words(each) for name, each in value.items() if name != "certificateReferences"})


def pool(name: str, shown: Json, nodes: Json, count: int) -> Json:
    """Return a pool's body: as shown, else of today's image; `nodes` is what is shown of one of its nodes."""
    body = {"vmSize": SIZE, "virtualMachineConfiguration": IMAGE, **made_of(shown), "id": name}
    if body.get("enableAutoScale"):
        body.setdefault("autoScaleFormula", "$TargetDedicatedNodes=0")
        return {key: value for key, value in body.items() if not key.startswith(("target", "resizeTimeout"))}
    for key in ("autoScaleFormula", "autoScaleEvaluationInterval"):
        body.pop(key, None)
    for key in ("targetDedicated", "targetDedicatedNodes", "targetLowPriorityNodes"):
        body[key] = min(int(body.get(key) or 0), MOST_NODES)
    dedicated = max(body["targetDedicatedNodes"], body.pop("targetDedicated"), count)
    body["targetDedicatedNodes"] = dedicated
    if body.get("resizeTimeout") in ("PT1M", "PT2M", "PT3M", "PT4M"):  # of a node's removal, which takes any
        del body["resizeTimeout"]
    if "startTask" in nodes:
        body["startTask"] = made_of(nodes["startTask"])
    if "vmSize" in nodes:
        body["vmSize"] = nodes["vmSize"]
    return body


def task(name: str, shown: Json, files: list[str], fails: bool) -> Json:
    """Return a task's body: as shown; one that writes these files, or fails."""
    body = {"commandLine": COMMAND, **made_of(shown), "id": name}
    if fails:
        body["commandLine"] = "/bin/sh -c 'exit 1'"
    elif files:
        body["commandLine"] = f"/bin/sh -c 'echo hello; echo hello | tee {' '.join(files)}'"
    return body


def brief_schedule(shown: Json) -> Json:
    """Return a job schedule's body; without a specification it makes jobs on pool-1."""
    body = {"schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "pool-1"}}, **made_of(shown)}
    if body["schedule"].get("doNotRunAfter"):
        body["schedule"]["doNotRunAfter"] = _FUTURE
    return body


def scheduled(job: Json) -> Json:
    """Return a schedule's body whose jobs are as a shown one is."""
    body = made_of(job)
    body.pop("id", None)
    return {"schedule": {}, "jobSpecification": body}


def pool_of(body: Json) -> str | None:
    """Return the pool that a job's or a schedule's body names."""
    specification = body.get("jobSpecification") or {}
    found = (body.get("poolInfo") or specification.get("poolInfo") or {}).get("poolId")
    return str(found) if found else None


def count_nodes(pairs: Any) -> int:
    """Return how many nodes a group's recordings name, at most five."""
    named = set(re.findall(r"node-\d+", json.dumps([(pair.path, pair.request, pair.response) for pair in pairs])))
    return min(len(named), MOST_NODES)
