"""Each API version in its own words.

What decides, where recordings of the service and its newest client disagree:

- Which properties there are, and of what type: the newest version's models.
- Defaults, refusals, codes, messages, headers and the order of events: the recordings.
- The spelling of enumerations, which clients compare: under the newest version the newest client's (it knows
  `spread` and `usererror`), under older ones the service's own as recorded (`Spread`, `UserError`), which their
  clients read in either case. `batchkit local --as-recorded` answers every version as recorded.

An older version's request may use its own names, and its answers do: what was renamed since has its old
name, and what came later is left out.
"""

from __future__ import annotations

import re
from typing import Any

from batchkit.local.wire.formats import Json
from batchkit.local.wire.headers import SECURITY

NEWEST = "2025-06-01"
_RENAMED = (  # the first version with the new name, the old name, the new one
    ("2020-09-01", "maxTasksPerNode", "taskSlotsPerNode"),
    ("2018-08-01", "blobSource", "httpUrl"),
    ("2017-05-01", "targetDedicated", "targetDedicatedNodes"),
    ("2017-05-01", "currentDedicated", "currentDedicatedNodes"),
)
_SINCE = {
    "deallocated": "2024-07-01",
    "deallocating": "2024-07-01",
    "upgradingOS": "2024-02-01",
    "maxParallelTasks": "2022-01-01",
    "allowTaskPreemption": "2022-01-01",
    "virtualMachineInfo": "2021-06-01",
    "requiredSlots": "2020-09-01",
    "runningTaskSlotsCount": "2020-09-01",
    "taskSlotCounts": "2020-09-01",
    "dynamicVNetAssignmentScope": "2019-06-01",
    "sourcePortRanges": "2019-06-01",
    "nodeAgentInfo": "2018-08-01",
    "publicFQDN": "2017-05-01",
    "windowsUserConfiguration": "2018-08-01",
    "targetLowPriorityNodes": "2017-05-01",
    "currentLowPriorityNodes": "2017-05-01",
    "isDedicated": "2017-05-01",
    "allowLowPriorityNode": "2017-05-01",
    "endpointConfiguration": "2017-09-01",
    "result": "2017-05-01",
}
_SINCE_IN = {  # what an object has later than others have it
    "jobSpecification": {"onAllTasksComplete": "2017-05-01", "onTaskFailure": "2017-05-01"},
}
_USER_SCOPE, _USER, _DISKS, _SLOTS = "2019-06-01", "2017-01-01", "2024-07-01", "2020-09-01"
REIMAGED = "2024-07-01"  # the first version that reimages nodes of virtual machines; before, of Cloud Services only
NO_MANAGED_IMAGES = "2024-02-01"  # the first that takes images of galleries alone
_NOSNIFF, _EVER = "2017-01-01", {"Strict-Transport-Security"}
_NEW_NAMES = {old: new for _, old, new in _RENAMED}
# As recorded; the object that holds the property where its name alone does not say which it is.
_RECORDED = {
    ("", "nodeFillType"): {"spread": "Spread", "pack": "Pack"},
    ("", "uploadCondition"): {
        "tasksuccess": "TaskSuccess",
        "taskfailure": "TaskFailure",
        "taskcompletion": "TaskCompletion",
    },
    ("failureInfo", "category"): {"usererror": "UserError", "servererror": "ServerError"},
    ("schedulingError", "category"): {"usererror": "UserError", "servererror": "ServerError"},
    ("osDisk", "caching"): {"none": "None", "readonly": "ReadOnly", "readwrite": "ReadWrite"},
    ("nodePlacementConfiguration", "policy"): {"regional": "Regional", "zonal": "Zonal"},
    ("securityProfile", "securityType"): {"trustedLaunch": "trustedlaunch", "confidentialvm": "confidentialvm"},
    ("value", "status"): {"success": "Success", "clienterror": "ClientError", "servererror": "ServerError"},
}
_SPELT = {name for _, name in _RECORDED}


def headers(version: str) -> dict[str, str]:
    """Return the headers that every answer of the data plane carries under an API version."""
    known = SECURITY if version >= _NOSNIFF else {name: SECURITY[name] for name in SECURITY if name in _EVER}
    return {"DataServiceVersion": "3.0", **known}


def in_new_words(doc: Json) -> Json:
    """Return an object of an older version's request by the names that the newest version has."""
    if "runElevated" in doc:
        level = "admin" if doc["runElevated"] else "nonadmin"
        user = {"userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": level}}}
        doc = user | {name: value for name, value in doc.items() if name != "runElevated"}
    if "lun" in doc and "storageAccountType" in doc:
        doc = {**doc, "managedDisk": {"storageAccountType": doc["storageAccountType"]}}
        del doc["storageAccountType"]
    return {_NEW_NAMES.get(name, name): value for name, value in doc.items()}


def spoken(body: Json, version: str, as_recorded: bool) -> Json:
    """Return an answer in the words of the API version that was asked for, such as `2020-09-01.12.0`."""
    date = min(version[: len(NEWEST)], NEWEST)
    said: Json = body if date == NEWEST and not as_recorded else _walk(body, "", date)
    return said


def _walk(value: Any, holder: str, date: str) -> Any:
    if isinstance(value, list):
        return [_walk(each, holder, date) for each in value]
    if not isinstance(value, dict):
        return value
    doc = value if date == NEWEST else _in_old_words(value, holder, date)
    return {name: _word(holder, name, each) or _walk(each, name, date) for name, each in doc.items()}


def _word(holder: str, name: str, value: Any) -> str | None:
    if name not in _SPELT or not isinstance(value, str):
        return None
    words = _RECORDED.get((holder, name)) or _RECORDED.get(("", name), {})
    return words.get(value)


def _in_old_words(doc: Json, holder: str, date: str) -> Json:
    since_when = _SINCE | _SINCE_IN.get(holder, {})
    doc = {name: value for name, value in doc.items() if since_when.get(name, date) <= date}
    for since, old, new in _RENAMED:
        if date < since and new in doc:
            doc = {(old if name == new else name): value for name, value in doc.items()}
    if date < _DISKS and "lun" in doc and "managedDisk" in doc:
        doc = {name: value for name, value in doc.items() if name != "managedDisk"} | doc["managedDisk"]
    if date < _SLOTS and "taskCounts" in doc:
        doc = {"odata.metadata": doc["odata.metadata"].replace("result/", "/"), **doc["taskCounts"]}
    if date < _USER:
        return _before_users(doc)
    if date < _USER_SCOPE and "elevationLevel" in doc:
        doc.pop("scope", None)
    return doc


# An evaluation's results before there were two kinds of nodes.
_OLD_TARGETS = {"$TargetDedicatedNodes": "$TargetDedicated", "$TargetLowPriorityNodes=0;": ""}
_OLD_RESULTS = re.compile(r"\$TargetDedicatedNodes|\$TargetLowPriorityNodes=0;")


def _old_stop(text: str) -> str:
    return text.replace("a stop resize operation", "a StopPoolResize operation")


def _before_users(doc: Json) -> Json:
    """The words of the first versions: whether a task is elevated, and one error for all that ends it early."""
    if "userIdentity" in doc:
        user = doc.pop("userIdentity").get("autoUser") or {}
        doc["runElevated"] = user.get("elevationLevel") == "admin"
    if "failureInfo" in doc:
        failure = doc.pop("failureInfo")
        if failure["code"] == "TaskEnded":
            doc["schedulingError"] = {**failure, "message": "Task Was Ended by User Request", "details": None}
        elif failure["code"] != "FailureExitCode":
            doc["schedulingError"] = failure
        if "schedulingError" in doc:
            doc["schedulingError"] = {name: value for name, value in doc["schedulingError"].items() if value}
    if "timestamp" in doc and "results" in doc:
        doc["results"] = _OLD_RESULTS.sub(lambda match: _OLD_TARGETS[match[0]], doc["results"])
    if "resizeErrors" in doc:
        for first in doc.pop("resizeErrors")[:1]:
            doc["resizeError"] = {**first, "message": _old_stop(first["message"])}
    return doc
