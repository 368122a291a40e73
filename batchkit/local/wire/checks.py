"""What a request's values must be: ids, durations, files, pool settings; each rule the service's own.

Sources: the REST reference's property descriptions and the service's published limits.
"""

from __future__ import annotations

import json
import re

from batchkit.local.wire.errors import bad_value, missing
from batchkit.local.wire.formats import Json, seconds

RESOURCE_FILES_LIMIT = 32_768  # characters of a task's resourceFiles as JSON (users' reports)
_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
INTERVAL_LEAST, INTERVAL_MOST = 300.0, 168 * 3600.0
SLOTS_LEAST, SLOTS_MOST = 1, 256


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
    check_pool_change(doc)


def check_pool_change(doc: Json) -> None:
    """Check those of a pool's settings that can be changed, where they are given.

    Raises:
        BatchError: MissingRequiredProperty, InvalidPropertyValue.
    """
    slots = doc.get("taskSlotsPerNode")
    if slots is not None and (not isinstance(slots, int) or not SLOTS_LEAST <= slots <= SLOTS_MOST):
        raise bad_value("taskSlotsPerNode", slots, f"The value must be from {SLOTS_LEAST} to {SLOTS_MOST}.")
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
