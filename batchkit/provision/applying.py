"""Makes what the plan says: providers, the deployment, the roles' spreading, the quota, the image, the settings.

Every step looks first, so running it again changes nothing that is right, and after an interruption it goes
on: a deployment that still runs is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from batchkit.errors import ServiceError, code_of, explain
from batchkit.provision import image, machines, planning, quota
from batchkit.provision.targets import TAG, Target, write
from batchkit.session import Session

Tell = Callable[[str], None]
ROLE_MINUTES = 10
OUTSIDE = "not in the private network: run this from inside it, or open publicNetworkAccess"
CLOSED = ("AuthorizationFailure", "PublicNetworkAccessDisabled", "IpAuthorizationFailed", "PublicAccessNotPermitted")


def apply(target: Target, worker: Path | None = image.WORKER, tell: Tell = print) -> Session:
    """Make everything, build the image of the folder `worker` unless that is None, and return a session on it.

    Tells its progress by resource. Raises ServiceError when Azure refuses, when a name belongs to someone
    else, or when the quota lets no node run; then it says what to do, and what was made stays.
    """
    for name in planning.unregistered(target):
        tell(f"registering {name}")
        _register(target, name)
    planned = planning.changes(target)
    _refuse_strangers(target, planned)
    wanted = [change for change in planned if change["plan"] in ("create", "change")]
    for change in wanted:
        _drop_stale_role(target, change, tell)
    tell(f"{len(wanted)} of {len(planned)} to make or change" if wanted else "nothing to change")
    azure = _deploy(target, tell) if wanted else outputs(target) or _deploy(target, tell)
    session = target.with_learnt(azure)
    write(target, session)
    _reach(target, session, tell)
    _stop_at_quota(target, session, tell)
    session = _with_machine(session, tell)
    write(target, session)
    return _with_image(target, session, worker, tell) if worker is not None else session


def _with_image(target: Target, session: Session, worker: Path, tell: Tell) -> Session:
    """Build the image; the registry's builders need the public door, which a private form opens for that long."""
    old = session.settings.azure.acr
    if image.tag(worker) == old.image_tag and old.image_digest:
        tell(f"the image {old.image} is up to date")
        return session
    if target.private and old.image_digest:
        tell("opening the public doors for the build")
        _deploy(target, tell, publicAccess="Enabled")
    session = image.build(target, session, worker, tell)
    write(target, session)
    if target.private:
        tell("closing the public doors")
        _deploy(target, tell, publicAccess="Disabled")
    return session


def _register(target: Target, name: str) -> None:
    with explain(f"register the provider {name}"):
        target.resources.providers.register(name)
        waiting = Retrying(retry=retry_if_result(lambda state: state != "Registered"), wait=wait_fixed(target.pause))
        waiting(lambda: target.resources.providers.get(name).registration_state)


def _refuse_strangers(target: Target, planned: list[dict[str, Any]]) -> None:
    for change in planned:
        before = change["before"]
        ours = before is None or "tags" not in before or (before["tags"] or {}).get(TAG) == target.prefix
        if change["plan"] == "change" and not ours:
            raise ServiceError(
                f"{change['kind']} {change['name']} exists and was not made by {target.name}: it is left as it is. "
                "Choose another name or prefix in the settings file."
            )


def _drop_stale_role(target: Target, change: dict[str, Any], tell: Tell) -> None:
    """Delete an assignment whose principal is another now, as after an identity was made anew: none can be changed."""
    if change["kind"] != "role" or change["plan"] != "change":
        return
    tell(f"taking away the role {change['name']} {change['note']}: it was of an identity that is gone")
    with explain(f"delete the role assignment {change['name']}"):
        target.resources.resources.begin_delete_by_id(
            change["id"], api_version=target.versions()["microsoft.authorization/roleassignments"]
        ).wait()


def outputs(target: Target) -> dict[str, Any] | None:
    """What the last deployment learnt; None when there was none, or it did not succeed."""
    try:
        with explain("read the deployment"):
            found = target.deployments.deployments.get_at_scope(target.scope, target.name).properties
    except ServiceError as error:
        if getattr(error.__cause__, "status_code", 0) == 404:
            return None
        raise
    return found.outputs["azure"]["value"] if found.provisioning_state == "Succeeded" else None


def _deploy(target: Target, tell: Tell, **changes: Any) -> dict[str, Any]:
    calls, body, told = target.deployments.deployments, target.body(**changes), set[str]()
    with explain(f"deploy {target.name}"):
        try:
            calls.begin_create_or_update_at_scope(target.scope, target.name, body, polling=False)
        except HttpResponseError as error:
            if code_of(error) != "DeploymentActive":
                raise
            tell("an earlier deployment still runs: waiting for it")
        while (state := calls.get_at_scope(target.scope, target.name).properties).provisioning_state in _GOING:
            _tell_progress(target, told, tell)
            time.sleep(target.pause)
        _tell_progress(target, told, tell)
    if state.provisioning_state != "Succeeded":
        raise ServiceError(f"{target.name} {state.provisioning_state}: {_reasons(state.error)} Then apply again: "
                           "it goes on from what was made.")  # fmt: skip
    return dict(state.outputs["azure"]["value"])


_GOING = ("Accepted", "Running", "Ready", "Creating", "Updating", "NotSpecified")


def _reasons(error: Any) -> str:
    found = [f"{detail.code}: {detail.message}" for detail in getattr(error, "details", None) or [] if detail]
    return " ".join(found) or str(getattr(error, "message", "no reason was given."))


def _tell_progress(target: Target, told: set[str], tell: Tell) -> None:
    calls = target.deployments.deployment_operations
    listed = [*calls.list_at_scope(target.scope, target.name)]
    with suppress(HttpResponseError):  # the group itself may still be in the making
        listed += [] if target.by_group else calls.list(target.group, target.name)
    for operation in listed:
        found = operation.properties
        if found.target_resource is None or found.provisioning_state == "Running" or operation.operation_id in told:
            continue
        told.add(operation.operation_id)
        kind = str(found.target_resource.resource_type).rsplit("/", 1)[-1]
        tell(f"{found.provisioning_state.lower():10} {kind:24} {found.target_resource.resource_name}")


def _reach(target: Target, session: Session, tell: Tell) -> None:
    """Wait until the data planes answer; a private form's do so inside its network alone, which is no failure."""
    try:
        wait_for_roles(session, tell)
    except ServiceError as error:
        if not (target.private and OUTSIDE in str(error)):
            raise
        tell("the doors are closed: pools and jobs are made from inside the private network")


def wait_for_roles(session: Session, tell: Tell = print) -> None:
    """Wait until what was granted is felt: a new role takes minutes to reach everywhere.

    Raises ServiceError when the service still says no after ten minutes, or cannot be reached at all.
    """
    azure = session.settings.azure
    probes: dict[str, Callable[[], Any]] = {
        "pools": lambda: next(
            iter(session.arm.pool.list_by_batch_account(azure.resource_group, azure.batch.account_name)), None
        ),
        "jobs": lambda: next(iter(session.batch.list_jobs(max_results=1)), None),
        "blobs": lambda: next(iter(session.inputs.list_blobs(results_per_page=1)), None),
    }
    patience = stop_after_delay(ROLE_MINUTES * 60 / session.settings.speed)
    pause = wait_fixed(max(0.1, 10 / session.settings.speed))
    for name, probe in probes.items():
        told = _Once(tell, f"the role for {name} is still spreading: waiting, up to {ROLE_MINUTES} minutes")
        Retrying(retry=retry_if_exception(_spreading), stop=patience, wait=pause, before_sleep=told, reraise=True)(
            _look, name, probe
        )


def _look(name: str, probe: Callable[[], Any]) -> None:
    try:
        with explain(f"look at the {name}"):
            probe()
    except ServiceError as error:
        if code_of(error.__cause__ or error) in CLOSED:
            raise ServiceError(f"Made, but not reachable from here: {OUTSIDE}.") from error
        raise


def _spreading(error: BaseException) -> bool:
    """Whether a refusal may come from a role that has not reached everywhere yet."""
    return getattr(error.__cause__, "status_code", 0) == 403


@dataclass
class _Once:
    """Tells a person something the first time that it is called."""

    tell: Tell
    text: str

    def __call__(self, _: RetryCallState) -> None:
        if self.text:
            self.tell(self.text)
        self.text = ""


def _stop_at_quota(target: Target, session: Session, tell: Tell) -> None:
    found = quota.sizes(session, str(target.parameters["location"]))
    best = quota.best(found or [])
    wants = "; ".join(best.wants(str(target.parameters["location"])))
    if not (best.nodes and best.pools):
        raise ServiceError(f"The quota lets no node run: {wants}. Then apply again.")
    if wants:
        tell(f"the quota lets {best.nodes} nodes of {best.name} run at once; for {quota.NODES}, {wants}")
    if best.spot < quota.NODES:
        tell(best.spot_note)


def _with_machine(session: Session, tell: Tell) -> Session:
    """Choose what a node is, once: the settings keep it, and everybody has the same pool by it."""
    azure = session.settings.azure
    kept = azure.batch.machine
    try:
        settled = machines.is_wanted(session) and kept["version"] != machines.LATEST
        machine = kept if settled else machines.choose(session)
    except ServiceError as error:
        if getattr(error.__cause__, "status_code", 0) != 403:
            raise
        tell("which image nodes get is chosen by whoever makes the pool: you may not see the account's list from here")
        return session
    if machine != kept:
        tell(f"nodes are {machine['vm_size']} of {machine['offer']} {machine['sku']}, version {machine['version']}")
    batch = azure.batch.model_copy(update={"machine": machine})
    return Session(session.settings.model_copy(update={"azure": azure.model_copy(update={"batch": batch})}))
