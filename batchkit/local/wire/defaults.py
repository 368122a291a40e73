"""What the service fills in where a body says nothing: by model, as recordings of the service show it.

Where no recording shows a default, it is the REST reference's. `fill` goes through a body by the models of
the schema and may be called twice; what depends on more than one object (a task's retries on its job) is
filled in by those who know both.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

from batchkit.local.wire.formats import UNLIMITED, Json
from batchkit.local.wire.schema import MODELS

WEEK = "P7D"  # how long a finished task's files stay
QUARTER = "PT15M"  # of a resize, between two evaluations, and of a release task at most
_USER: Json = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
_TASK: Json = {"maxWallClockTime": UNLIMITED, "retentionTime": WEEK, "maxTaskRetryCount": 0}
_POOL: Json = {
    "taskSlotsPerNode": 1,
    "taskSchedulingPolicy": {},
    "resizeTimeout": QUARTER,
    "enableAutoScale": False,
    "enableInterNodeCommunication": False,
}
_JOB: Json = {
    "priority": 0,
    "maxParallelTasks": -1,
    "allowTaskPreemption": False,
    "usesTaskDependencies": False,
    "onAllTasksComplete": "noaction",
    "onTaskFailure": "noaction",
    "constraints": {},
}
_DEFAULTS: dict[str, Json] = {
    "BatchPoolCreateOptions": _POOL,
    "BatchPoolSpecification": _POOL,
    "BatchTaskSchedulingPolicy": {"nodeFillType": "spread"},
    "BatchStartTask": {"userIdentity": _USER, "maxTaskRetryCount": 0, "waitForSuccess": True},
    "AutoUserSpecification": {"scope": "pool", "elevationLevel": "nonadmin"},
    "UserAccount": {"elevationLevel": "nonadmin"},
    "NetworkConfiguration": {"dynamicVNetAssignmentScope": "none"},
    "NetworkSecurityGroupRule": {"sourcePortRanges": ["*"]},
    "DataDisk": {"caching": "none", "managedDisk": {}},
    "BatchOsDisk": {"ephemeralOSDiskSettings": {}},
    "BatchTaskContainerSettings": {"workingDirectory": "taskWorkingDirectory"},
    "BatchJobCreateOptions": _JOB,
    "BatchJobSpecification": _JOB,
    "BatchJobConstraints": {"maxWallClockTime": UNLIMITED, "maxTaskRetryCount": 0},
    "BatchJobManagerTask": {
        "constraints": {},
        "requiredSlots": 1,
        "killJobOnCompletion": True,
        "userIdentity": _USER,
        "runExclusive": True,
        "allowLowPriorityNode": True,
    },
    "BatchJobPreparationTask": {
        "id": "jobpreparation",
        "constraints": _TASK,
        "userIdentity": _USER,
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
    },
    "BatchJobReleaseTask": {
        "id": "jobrelease",
        "maxWallClockTime": QUARTER,
        "retentionTime": WEEK,
        "userIdentity": _USER,
    },
    "BatchAutoPoolSpecification": {"keepAlive": False},
    "BatchTaskCreateOptions": {"requiredSlots": 1, "userIdentity": _USER, "constraints": {}},
    "BatchTaskConstraints": {"maxWallClockTime": UNLIMITED, "retentionTime": WEEK},
}
_IMAGES = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")


def fill(doc: Json, model: str) -> Json:
    """Return a body of a model with its defaults filled in, at every depth; a null counts as left out."""
    given = {name: value for name, value in doc.items() if value is not None}
    kinds = MODELS[model]
    filled = deepcopy(_DEFAULTS.get(model, {})) | given
    for name, value in filled.items():
        kind = kinds.get(name, "")
        if _concerned(kind.removesuffix("[]")):
            filled[name] = _each(value, kind)
    by_hand = _BY_HAND.get(model)
    return by_hand(filled) if by_hand else filled


def _each(value: Any, kind: str) -> Any:
    if kind.endswith("[]") and isinstance(value, list):
        return [_each(each, kind[:-2]) for each in value]
    return fill(value, kind) if isinstance(value, dict) else value


@cache
def _concerned(model: str) -> bool:
    """Return whether a model has defaults, at any depth."""
    if model not in MODELS:
        return False
    if model in _DEFAULTS or model in _BY_HAND:
        return True
    return any(_concerned(kind.removesuffix("[]")) for kind in MODELS[model].values())


def _image(doc: Json) -> Json:
    return doc if any(doc.get(name) for name in _IMAGES) else {"version": "latest", **doc}


def _disk(doc: Json) -> Json:
    return {**doc, "managedDisk": {"storageAccountType": "standard_lrs", **doc["managedDisk"]}}


def _pool(doc: Json) -> Json:
    """Fill in a pool's size, and how accounts log in on Windows; the service keeps a size's name in small letters."""
    if doc["enableAutoScale"]:
        doc.setdefault("autoScaleEvaluationInterval", QUARTER)
    else:
        doc = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0, **doc}
    if isinstance(doc.get("vmSize"), str):
        doc["vmSize"] = doc["vmSize"].lower()
    accounts(doc)
    return doc


def accounts(doc: Json) -> None:
    """Fill in how a pool's user accounts log in, where its nodes are Windows."""
    machine = doc.get("virtualMachineConfiguration") or {}
    if "windows" in str(machine.get("nodeAgentSKUId") or "").lower():
        for account in doc.get("userAccounts") or []:
            account.setdefault("windowsUserConfiguration", {"loginMode": "batch"})


def _manager(doc: Json, retries: int) -> Json:
    return {**doc, "constraints": {"maxTaskRetryCount": retries, **doc["constraints"]}}


def _job(doc: Json) -> Json:
    """A job's manager is tried again as often as the job says, where it says nothing itself."""
    if isinstance(doc.get("jobManagerTask"), dict):
        doc["jobManagerTask"] = _manager(doc["jobManagerTask"], doc["constraints"]["maxTaskRetryCount"])
    return doc


def _retried(doc: Json) -> Json:
    constraints = {"maxTaskRetryCount": 0, **doc["constraints"]}
    return {**doc, "constraints": constraints}


_BY_HAND: dict[str, Callable[[Json], Json]] = {
    "BatchVmImageReference": _image,
    "DataDisk": _disk,
    "BatchPoolCreateOptions": _pool,
    "BatchPoolSpecification": _pool,
    "BatchJobCreateOptions": _job,
    "BatchJobSpecification": _job,
    "BatchJobPreparationTask": _retried,
}
