"""What the bodies of jobs and tasks must be; each rule the service's own.

Sources: the REST reference's property descriptions and the service's published limits.
"""

from __future__ import annotations

import json

from batchkit.local.wire.checks import check_durations, check_id, check_resource_files
from batchkit.local.wire.errors import bad_value, error, missing
from batchkit.local.wire.formats import Json
from batchkit.local.wire.schema import MOST_WHOLE

DEPENDENCIES_LIMIT = 64_000
TASKS_PER_CALL = 100
PRIORITY_LEAST, PRIORITY_MOST = -1000, 1000
_MODES = {
    "onAllTasksComplete": ("noaction", "terminatejob"),
    "onTaskFailure": ("noaction", "performexitoptionsjobaction"),
}


def check_job(body: Json) -> None:
    """Check a job's settings.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    pool = body.get("poolInfo")
    if pool is None:
        raise missing("poolInfo")
    if bool(pool.get("poolId")) == bool(pool.get("autoPoolSpecification")):
        raise bad_value("poolInfo", pool, "Exactly one of poolId and autoPoolSpecification must be given.")
    check_job_change(body)
    if body.get("jobReleaseTask") and not body.get("jobPreparationTask"):
        raise bad_value("jobReleaseTask", "given", "A job release task needs a job preparation task.")
    if body.get("jobManagerTask"):
        check_id(body["jobManagerTask"].get("id"), "jobManagerTask.id")
    for name in ("jobPreparationTask", "jobReleaseTask", "jobManagerTask"):
        if body.get(name):
            _check_special(body[name])


def _check_special(body: Json) -> None:
    if not body.get("commandLine"):
        raise missing("commandLine")
    check_resource_files(body.get("resourceFiles"))


def check_job_change(body: Json) -> None:
    """Check those of a job's settings that can be changed, where they are given.

    Raises:
        BatchError: InvalidPropertyValue.
    """
    priority = body.get("priority")
    if priority is not None and not (isinstance(priority, int) and PRIORITY_LEAST <= priority <= PRIORITY_MOST):
        raise bad_value("priority", priority, "The value must be from -1000 to 1000.")
    for name, modes in _MODES.items():
        if body.get(name) is not None and str(body[name]).lower() not in modes:
            raise bad_value(name, body[name], f"The value must be one of {', '.join(modes)}.")
    parallel = body.get("maxParallelTasks")
    if parallel is not None and (not isinstance(parallel, int) or (parallel < 1 and parallel != -1)):
        raise bad_value("maxParallelTasks", parallel, "The value must be -1 or more than 0.")
    check_constraints(body.get("constraints"))


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
        if not 0 <= entry["start"] <= entry["end"] <= MOST_WHOLE:
            raise bad_value("taskIdRanges", entry, f"The range must have 0 <= start <= end <= {MOST_WHOLE}.")


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
