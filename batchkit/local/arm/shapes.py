"""Pools between Resource Manager's shape and the data plane's: names, capitals and nesting differ.

What each API version shows follows recordings of the service, 2018 to 2024.
"""

from __future__ import annotations

from batchkit.local.arm.words import in_arm_words
from batchkit.local.batch.engine.pools import view
from batchkit.local.batch.state.model import Pool
from batchkit.local.resources.catalogue import identity_ids
from batchkit.local.wire.errors import bad_value, missing
from batchkit.local.wire.formats import Json
from batchkit.local.wire.schema import read

_SAME = ("displayName", "vmSize", "networkConfiguration", "taskSlotsPerNode", "userAccounts", "metadata",
         "startTask", "mountConfiguration", "upgradePolicy")  # fmt: skip
_SINCE = {"displayName": "2020-05-01", "upgradePolicy": "2024-02-01"}  # the first API version that shows it
_SLOTS_SINCE, _SCOPE_SINCE = "2020-09-01", "2019-04-01"
_OPTIONS = {
    "requeue": "Requeue",
    "terminate": "Terminate",
    "taskcompletion": "TaskCompletion",
    "retaineddata": "RetainedData",
}


def _size(name: str) -> str:
    """Return a size as Resource Manager writes it: STANDARD_D2S_V3, and Small as Cloud Services had it."""
    return name.upper() if "_" in name else name.capitalize()


def to_data_plane(name: str, properties: Json) -> Json:
    """Return the data plane's body of a Resource Manager pool.

    Raises:
        BatchError: a required property is missing, or both scale settings are given.
    """
    body: Json = {"id": name, **{key: properties[key] for key in _SAME if properties.get(key) is not None}}
    if properties.get("maxTasksPerNode") is not None:  # its name until 2020-09-01
        body.setdefault("taskSlotsPerNode", properties["maxTasksPerNode"])
    if properties.get("applicationPackages") is not None:
        body["applicationPackageReferences"] = [_reference(entry) for entry in properties["applicationPackages"]]
    config = (properties.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration")
    if config is not None:
        body["virtualMachineConfiguration"] = _renamed(config, "nodeAgentSkuId", "nodeAgentSKUId")
    if properties.get("interNodeCommunication") is not None:
        body["enableInterNodeCommunication"] = properties["interNodeCommunication"] == "Enabled"
    if properties.get("taskSchedulingPolicy"):
        body["taskSchedulingPolicy"] = properties["taskSchedulingPolicy"]
    body.update(scale_to_data_plane(properties.get("scaleSettings")))
    return _login_modes(read(body, "BatchPoolCreateOptions", strict=False))


def _login_modes(body: Json) -> Json:
    """Fill in how accounts log in on Windows: made here they are interactive, as recorded, and not so by default."""
    config = body.get("virtualMachineConfiguration") or {}
    if "windows" in str(config.get("nodeAgentSKUId") or "").lower():
        for account in body.get("userAccounts") or []:
            account.setdefault("windowsUserConfiguration", {"loginMode": "interactive"})
    return body


def _reference(entry: Json) -> Json:
    parts = str(entry.get("id") or "").strip("/").split("/")
    if len(parts) < 2 or parts[-2].lower() != "applications":
        raise bad_value("applicationPackages.id", entry.get("id"), "This is no application's resource id.")
    return {"applicationId": parts[-1]} | ({"version": entry["version"]} if entry.get("version") else {})


def _renamed(doc: Json, old: str, new: str) -> Json:
    return {new if key == old else key: value for key, value in doc.items()}


def scale_to_data_plane(scale: Json | None) -> Json:
    """Return the data plane's properties of scale settings; none means a fixed size of none.

    Raises:
        BatchError: both settings are given, or a formula is missing.
    """
    scale = scale or {}
    auto, fixed = scale.get("autoScale"), scale.get("fixedScale")
    if auto is not None and fixed is not None:
        raise bad_value("scaleSettings", "both", "Exactly one of fixedScale and autoScale may be given.")
    if auto is not None:
        if not auto.get("formula"):
            raise missing("formula")
        body: Json = {"enableAutoScale": True, "autoScaleFormula": auto["formula"]}
        return body | (
            {"autoScaleEvaluationInterval": auto["evaluationInterval"]} if auto.get("evaluationInterval") else {}
        )
    names = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    given = {name: fixed[name] for name in names if fixed and fixed.get(name) is not None}
    return {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0, **given}


def deallocation_option(properties: Json) -> str:
    """Return the deallocation option that fixed scale settings name, in the data plane's form."""
    fixed = (properties.get("scaleSettings") or {}).get("fixedScale") or {}
    return str(fixed.get("nodeDeallocationOption") or "requeue").lower()


def identity_to_data_plane(identity: Json | None) -> Json | None:
    """Return the data plane's form of a pool's identity.

    Raises:
        BatchError: InvalidPropertyValue, for a type or resource id that is none.
    """
    if not identity or identity.get("type") == "None":
        return None
    if identity.get("type") != "UserAssigned":
        raise bad_value("identity.type", identity.get("type"), "The value must be UserAssigned or None.")
    names = list(identity.get("userAssignedIdentities") or {})
    if not names:
        raise missing("identity.userAssignedIdentities")
    for name in names:
        parts = name.strip("/").split("/")
        if len(parts) != 8 or parts[6].lower() != "userassignedidentities" or not parts[7]:
            raise bad_value("identity.userAssignedIdentities", name, "This is no user-assigned identity's resource id.")
    return {"type": "UserAssigned", "userAssignedIdentities": [_identity(name) for name in names]}


def _identity(name: str) -> Json:
    return {"resourceId": name, **identity_ids(name)}


def to_arm(pool: Pool, resource_id: str, version: str) -> Json:
    """Return a pool as Resource Manager shows it under an API version."""
    doc = view(pool)
    properties: Json = {
        **{key: in_arm_words(doc[key], key) for key in _SAME if key in doc and version >= _SINCE.get(key, "")},
        "vmSize": _size(str(doc["vmSize"])),
        "lastModified": doc["lastModified"],
        "creationTime": doc["creationTime"],
        "provisioningState": "Deleting" if doc["state"] == "deleting" else "Succeeded",
        "provisioningStateTransitionTime": doc["stateTransitionTime"],
        "allocationState": doc["allocationState"].capitalize(),
        "allocationStateTransitionTime": doc["allocationStateTransitionTime"],
        "currentDedicatedNodes": doc["currentDedicatedNodes"],
        "currentLowPriorityNodes": doc["currentLowPriorityNodes"],
        "interNodeCommunication": "Enabled" if doc["enableInterNodeCommunication"] else "Disabled",
        "taskSchedulingPolicy": in_arm_words(doc["taskSchedulingPolicy"]),
        "deploymentConfiguration": {
            "virtualMachineConfiguration": in_arm_words(
                _renamed(doc["virtualMachineConfiguration"], "nodeAgentSKUId", "nodeAgentSkuId")
            )
        },
        "scaleSettings": _scale(doc),
    }
    if (resize := _resize(doc, pool)) is not None:
        properties["resizeOperationStatus"] = resize
    if doc.get("applicationPackageReferences"):
        base = resource_id.partition("/pools/")[0]
        properties["applicationPackages"] = [_package(base, entry) for entry in doc["applicationPackageReferences"]]
    if doc.get("autoScaleRun"):
        properties["autoScaleRun"] = _run(doc["autoScaleRun"])
    if version < _SLOTS_SINCE:
        properties["maxTasksPerNode"] = properties.pop("taskSlotsPerNode")
    if version < _SCOPE_SINCE and "startTask" in properties:
        properties["startTask"] = _before_scopes(properties["startTask"])
    shown: Json = {
        "id": resource_id,
        "name": pool.id,
        "type": "Microsoft.Batch/batchAccounts/pools",
        "etag": f'W/"{doc["eTag"]}"',
        "properties": properties,
    }
    if doc.get("identity"):
        shown["identity"] = _shown_identity(doc["identity"])
    return shown


def _shown_identity(identity: Json) -> Json:
    listed = {
        entry["resourceId"]: {key: entry[key] for key in ("principalId", "clientId")}
        for entry in identity["userAssignedIdentities"]
    }
    return {"type": "UserAssigned", "userAssignedIdentities": listed}


def _package(account: str, entry: Json) -> Json:
    shown = {"id": f"{account}/applications/{entry['applicationId']}"}
    return shown | ({"version": entry["version"]} if entry.get("version") else {})


def _before_scopes(task: Json) -> Json:
    user = {key: value for key, value in task["userIdentity"].get("autoUser", {}).items() if key != "scope"}
    return {**task, "userIdentity": {"autoUser": user}} if "autoUser" in task["userIdentity"] else task


def _scale(doc: Json) -> Json:
    if doc["enableAutoScale"]:
        return {
            "autoScale": {"formula": doc["autoScaleFormula"], "evaluationInterval": doc["autoScaleEvaluationInterval"]}
        }
    return {
        "fixedScale": {
            "targetDedicatedNodes": doc.get("targetDedicatedNodes", 0),
            "targetLowPriorityNodes": doc.get("targetLowPriorityNodes", 0),
            "resizeTimeout": doc.get("resizeTimeout", "PT15M"),
        }
    }


def _resize(doc: Json, pool: Pool) -> Json | None:
    """Return the last resize that was asked for, None where autoscale asked for none or was just disabled."""
    if doc.get("targetDedicatedNodes") is None:
        return None
    low = doc.get("targetLowPriorityNodes") or 0
    shown = {
        "targetDedicatedNodes": doc["targetDedicatedNodes"],
        **({"targetLowPriorityNodes": low} if low else {}),
        "resizeTimeout": doc.get("resizeTimeout", "PT15M"),
        "nodeDeallocationOption": _OPTIONS.get(str(pool.extra.get("option")).lower(), "Requeue"),
        "startTime": doc["allocationStateTransitionTime"],
    }
    errors = [_error(entry) for entry in doc.get("resizeErrors") or []]
    return shown | ({"errors": errors} if errors else {})


def _error(entry: Json) -> Json:
    return {"code": entry.get("code", ""), "message": entry.get("message", "")}


def _run(run: Json) -> Json:
    shown = {"evaluationTime": run["timestamp"], "results": run.get("results", "")}
    if run.get("error"):
        error = run["error"]
        details = [{"code": e["name"], "message": e["value"]} for e in error.get("values") or []]
        shown["error"] = {"code": error["code"], "message": error["message"], "details": details}
    return shown
