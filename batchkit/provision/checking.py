"""Whether it works: each resource, setting and role, and a real round trip; each line says pass or what to do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
from azure.batch import models

from batchkit import pools
from batchkit.errors import ServiceError, explain
from batchkit.jobs.tasks import RUN_OPTIONS, USER
from batchkit.provision import planning, quota
from batchkit.provision.applying import outputs
from batchkit.provision.targets import Target
from batchkit.session import Session

PASS = "pass"  # noqa: S105
AGAIN = "run `batchkit provision apply`"
Line = tuple[str, str]
# What must hold of each resource, by the parts of the settings that name it.
SETTINGS: tuple[tuple[str, str, Any], ...] = (
    ("storage", "allowSharedKeyAccess", False),
    ("storage", "supportsHttpsTrafficOnly", True),
    ("storage", "minimumTlsVersion", "TLS1_2"),
    ("acr", "adminUserEnabled", False),
    ("acr", "roleAssignmentMode", "LegacyRegistryPermissions"),
    ("batch", "allowedAuthenticationModes", ["AAD"]),
    ("batch", "autoStorage.authenticationMode", "BatchAccountManagedIdentity"),
)
_TASK_ADVICE = {
    "BlobAccessDenied": "give the nodes' identity the role Storage Blob Data Reader on the input container",
    "FileUploadAccessDenied": "give the nodes' identity the role Storage Blob Data Contributor",
    "ContainerInvalidImage": "give the nodes' identity the role AcrPull, and build the image",
}


def verify(target: Target, round_trip: bool = True, minutes: float = 25) -> pd.DataFrame:
    """Check everything; a row each: check, result (`pass`, or what is wrong and what to do).

    The round trip puts a blob, lets a node pull the image and run one small task on it, and takes it all away
    again; on Azure it takes some ten minutes, and it is left out while other lines fail.
    """
    azure = outputs(target)
    if azure is None:
        return pd.DataFrame([("deployment", f"not there: {AGAIN}")], columns=["check", "result"])
    session = target.with_learnt(azure)
    lines = [*_resources(target), *_settings(target, azure), *_quota(target, session)]
    if round_trip and all(result == PASS for _, result in lines):
        lines += journey(session, minutes)
    elif round_trip:
        lines.append(("round trip", "left out: see to the lines above first"))
    return pd.DataFrame(lines, columns=["check", "result"])


def _resources(target: Target) -> Iterator[Line]:
    for change in planning.changes(target):
        if change["plan"] == "ignore":
            continue
        title = f"{change['kind']} {change['name']}"
        if change["kind"] == "role":
            title = f"{title} {change['note']}"
        yield title, f"missing: {AGAIN}" if change["plan"] == "create" else PASS


def _settings(target: Target, azure: dict[str, Any]) -> Iterator[Line]:
    versions, read = target.versions(), {}
    for part, path, wanted in SETTINGS:
        resource_id = azure[part]["resource_id"]
        kind = "/".join(resource_id.split("/")[6:8])
        try:
            with explain(f"read {resource_id.rsplit('/', 1)[-1]}"):
                if part not in read:
                    read[part] = target.resources.resources.get_by_id(
                        resource_id, api_version=versions[kind.lower()]
                    ).properties
        except ServiceError as error:
            yield f"{part}: {path}", str(error)
            continue
        value: Any = read[part]
        for key in path.split("."):
            value = (value or {}).get(key)
        yield f"{part}: {path}", PASS if value == wanted else f"is {value}, not {wanted}: {AGAIN}"


def _quota(target: Target, session: Session) -> Iterator[Line]:
    try:
        found = planning.sizes(Target(session, target.parameters, target.config))
    except ServiceError as error:
        yield "quota", str(error)
        return
    if found is None:
        yield "quota", f"there is no Batch account: {AGAIN}"
        return
    best = quota.best(found)
    enough = best.nodes and best.pools
    title = f"quota: {best.nodes} of {quota.NODES} nodes of {best.name}"
    yield title, PASS if enough else "; ".join(best.wants(str(target.parameters["location"])))


def journey(session: Session, minutes: float = 25) -> Iterator[Line]:
    """Put a blob, have a node copy it, read the copy; a line each, the last one the first that fails."""
    name = f"verify-{uuid.uuid4().hex[:8]}"
    steps = ("put a blob", "pool", "task", "read the blob it wrote")
    at = 0
    try:
        session.inputs.upload_blob(name, b"round trip", overwrite=True)
        yield steps[at], PASS
        at = 1
        pool_id = pools.ensure(session, pools.spec(session), keep_warm_minutes=minutes / session.settings.speed)
        yield f"pool {pool_id}", PASS
        at = 2
        yield "task on a node, in the image", _task(session, name, pool_id, minutes)
        at = 3
        copied = session.outputs.download_blob(f"{name}/copy").readall()
        yield steps[at], PASS if copied == b"round trip" else "it differs from what was put"
    except Exception as error:
        yield steps[at], _first(error)
    finally:
        _clean(session, name)


def _task(session: Session, name: str, pool_id: str, minutes: float) -> str:
    azure = session.settings.azure
    own = models.BatchNodeIdentityReference(resource_id=azure.batch.managed_identity_id)
    container = models.OutputFileBlobContainerDestination(
        container_url=session.outputs.url, path=f"{name}/copy", identity_reference=own
    )
    task = models.BatchTaskCreateOptions(
        id="1",
        command_line="cp in/probe copy",
        container_settings=models.BatchTaskContainerSettings(
            image_name=azure.acr.image, container_run_options=RUN_OPTIONS
        ),
        user_identity=USER,  # and the run options: those of real tasks, so that what they meet is met here
        resource_files=[
            models.ResourceFile(http_url=f"{session.inputs.url}/{name}", file_path="in/probe", identity_reference=own)
        ],
        output_files=[
            models.OutputFile(
                file_pattern="copy",
                destination=models.OutputFileDestination(container=container),
                upload_options=models.OutputFileUploadConfiguration(upload_condition="taskcompletion"),
            )
        ],
        constraints=models.BatchTaskConstraints(max_task_retry_count=0, max_wall_clock_time=timedelta(minutes=5)),
    )
    session.batch.create_job(models.BatchJobCreateOptions(id=name, pool_info=models.BatchPoolInfo(pool_id=pool_id)))
    session.batch.create_task(name, task)
    return _outcome(session, name, pool_id, time.monotonic() + max(60, minutes * 60 / session.settings.speed))


def _outcome(session: Session, name: str, pool_id: str, deadline: float) -> str:
    batch: Any = session.batch
    while time.monotonic() < deadline:
        task = batch.get_task(name, "1")
        if task.state == "completed":
            failure = task.execution_info.failure_info
            return PASS if failure is None else f"{failure.code}: {_TASK_ADVICE.get(failure.code, failure.message)}"
        for node in batch.list_nodes(pool_id):
            for error in node.errors or []:
                return f"the node is {node.state}: {error.code}: {_TASK_ADVICE.get(error.code, error.message)}"
        time.sleep(max(0.1, 10 / session.settings.speed))
    return f"still waiting: {'; '.join(pools.troubles(session, pool_id)) or 'no node came up in time'}"


def _clean(session: Session, name: str) -> None:
    for remove in (
        lambda: session.batch.begin_delete_job(name),
        lambda: session.inputs.delete_blob(name),
        lambda: session.outputs.delete_blob(f"{name}/copy"),
    ):
        try:
            remove()
        except Exception:  # noqa: S112 - what was never made cannot be taken away
            continue


def _first(error: Exception) -> str:
    try:
        with explain("do this"):
            raise error
    except Exception as told:
        return str(told).splitlines()[0]
