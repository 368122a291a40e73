"""What a request's values must be: ids, task bodies, pool settings; each rule the service's own.

Sources: the REST reference's property descriptions and the service's published limits.
"""

from __future__ import annotations

import json
import re

from batchkit.local.batch.errors import bad_value, error, missing
from batchkit.local.batch.formats import Json, seconds

RESOURCE_FILES_LIMIT = 32_768  # characters of a task's resourceFiles as JSON (users' reports)
DEPENDENCIES_LIMIT = 64_000
TASKS_PER_CALL = 100
_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
INTERVAL_LEAST, INTERVAL_MOST = 300.0, 168 * 3600.0


def check_id(value: object, name: str = "id") -> str:
    """Return an id of letters, digits, - and _, at most 64 of them.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    if value is None or value == "":
        raise missing(name)
    if not isinstance(value, str) or not _ID.match(value):
        raise bad_value(name, value, "The id may hold letters, digits, hyphens and underscores, at most 64 of them.")
    return value


def check_interval(value: str | None, name: str = "autoScaleEvaluationInterval") -> None:
    """Check an autoscale interval: 5 minutes to 168 hours.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    if value is None:
        return
    try:
        fits = INTERVAL_LEAST <= seconds(value) <= INTERVAL_MOST
    except ValueError:
        fits = False
    if not fits:
        raise bad_value(name, value, "The value must be from 5 minutes to 168 hours.")


def check_durations(doc: Json | None, *names: str) -> None:
    """Check that these properties, where they are given, are durations.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    for name in names:
        if doc and doc.get(name) is not None:
            try:
                seconds(str(doc[name]))
            except ValueError as failure:
                raise bad_value(name, doc[name], str(failure)) from None


def check_targets(doc: Json) -> None:
    """Check a pool's node targets: whole numbers from 0.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    for name in ("targetDedicatedNodes", "targetLowPriorityNodes"):
        value = doc.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise bad_value(name, value, "The value must be a whole number, 0 or more.")


def check_pool(doc: Json) -> None:
    """Check a pool's settings as they are created.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    check_targets(doc)
    if not doc.get("vmSize"):
        raise missing("vmSize")
    config = doc.get("virtualMachineConfiguration")
    if config is None:
        raise missing("virtualMachineConfiguration")
    if not config.get("imageReference"):
        raise missing("imageReference")
    if not config.get("nodeAgentSKUId"):
        raise missing("nodeAgentSKUId")
    _check_scale(doc)
    slots = doc.get("taskSlotsPerNode", 1)
    if not isinstance(slots, int) or not 1 <= slots <= 256:
        raise bad_value("taskSlotsPerNode", slots, "The value must be from 1 to 256.")
    check_start_task(doc.get("startTask"))


def _check_scale(doc: Json) -> None:
    auto = bool(doc.get("enableAutoScale"))
    if auto and not doc.get("autoScaleFormula"):
        raise missing("autoScaleFormula")
    against = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    conflicting = against if auto else ("autoScaleFormula", "autoScaleEvaluationInterval")
    for name in conflicting:
        if doc.get(name) is not None:
            reason = "It cannot be given " + ("with" if auto else "without") + " enableAutoScale."
            raise bad_value(name, doc[name], reason)
    check_interval(doc.get("autoScaleEvaluationInterval"))
    check_durations(doc, "resizeTimeout")
    if doc.get("resizeTimeout") and seconds(doc["resizeTimeout"]) < INTERVAL_LEAST:
        raise bad_value("resizeTimeout", doc["resizeTimeout"], "The value must be 5 minutes at least.")


def check_start_task(doc: Json | None) -> None:
    """Check a start task.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    if doc is not None:
        if not doc.get("commandLine"):
            raise missing("commandLine")
        check_resource_files(doc.get("resourceFiles"))


def check_resource_files(entries: object) -> None:
    """Check a list of resource files: one source each, and its length as JSON.

    Raises:
        BatchError: InvalidPropertyValue naming resourceFiles, MissingRequiredProperty.
    """
    if entries is None:
        return
    if not isinstance(entries, list):
        raise bad_value("resourceFiles", entries, "It must be a list.")
    length = len(json.dumps(entries, separators=(",", ":")))
    if length > RESOURCE_FILES_LIMIT:
        raise bad_value(
            "resourceFiles", f"{len(entries)} files", f"{length} characters exceed the {RESOURCE_FILES_LIMIT} allowed."
        )
    for entry in entries:
        _check_source(entry)


def _check_source(entry: Json) -> None:
    sources = [n for n in ("autoStorageContainerName", "storageContainerUrl", "httpUrl") if entry.get(n)]
    if len(sources) != 1:
        raise bad_value("resourceFiles", sources, "Exactly one source must be given.")
    if sources == ["httpUrl"] and not entry.get("filePath"):
        raise missing("filePath")
    if entry.get("blobPrefix") and sources == ["httpUrl"]:
        raise bad_value("blobPrefix", entry["blobPrefix"], "It goes with a container, not with httpUrl.")


def check_task(doc: object, job: Json) -> Json:
    """Return a new task's body when it holds.

    Raises:
        BatchError: what does not hold, by its property's name.
    """
    if not isinstance(doc, dict):
        raise error("InvalidRequestBody", Reason="A task must be a JSON object.")
    check_id(doc.get("id"))
    if not doc.get("commandLine"):
        raise missing("commandLine")
    check_resource_files(doc.get("resourceFiles"))
    _check_outputs(doc.get("outputFiles") or [])
    check_constraints(doc.get("constraints"))
    slots = doc.get("requiredSlots", 1)
    if not isinstance(slots, int) or slots < 1:
        raise bad_value("requiredSlots", slots, "The value must be a whole number, 1 or more.")
    _check_dependencies(doc.get("dependsOn"), job)
    _check_exit_conditions(doc.get("exitConditions"), job)
    return doc


def check_constraints(doc: Json | None) -> None:
    """Check a task's or a job's constraints.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    check_durations(doc, "maxWallClockTime", "retentionTime")
    retries = (doc or {}).get("maxTaskRetryCount")
    if retries is not None and (not isinstance(retries, int) or retries < -1):
        raise bad_value("maxTaskRetryCount", retries, "The value must be -1 or more.")


def _check_outputs(entries: list[Json]) -> None:
    for entry in entries:
        if not entry.get("filePattern"):
            raise missing("filePattern")
        container = (entry.get("destination") or {}).get("container") or {}
        if not container.get("containerUrl"):
            raise missing("containerUrl")
        if (entry.get("uploadOptions") or {}).get("uploadCondition") is None:
            raise missing("uploadCondition")


def _check_dependencies(doc: Json | None, job: Json) -> None:
    if not doc:
        return
    if not job.get("usesTaskDependencies"):
        raise error("TaskDependenciesNotSpecifiedOnJob")
    if sum(map(len, doc.get("taskIds") or [])) > DEPENDENCIES_LIMIT:
        raise error("TaskDependencyListTooLong")
    ranges = doc.get("taskIdRanges") or []
    if len(json.dumps(ranges)) > DEPENDENCIES_LIMIT:
        raise error("TaskDependencyRangesTooLong")
    for entry in ranges:
        if not 0 <= entry["start"] <= entry["end"]:
            raise bad_value("taskIdRanges", entry, "The range must have 0 <= start <= end.")


def _check_exit_conditions(doc: Json | None, job: Json) -> None:
    if not doc:
        return
    options = [
        entry.get("exitOptions") or {} for name in ("exitCodes", "exitCodeRanges") for entry in doc.get(name) or []
    ]
    options += [doc.get(name) or {} for name in ("preProcessingError", "fileUploadError", "default")]
    if any(o.get("jobAction") for o in options) and job.get("onTaskFailure") != "performexitoptionsjobaction":
        raise bad_value("jobAction", "exitConditions", "The job's onTaskFailure must be performexitoptionsjobaction.")
    if any(o.get("dependencyAction") for o in options) and not job.get("usesTaskDependencies"):
        raise bad_value("dependencyAction", "exitConditions", "The job must use task dependencies.")
