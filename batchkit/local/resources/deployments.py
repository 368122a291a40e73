"""Deployments: validate, what-if and create, resource by resource, with the operations that show how far it is.

A resource that exists takes the new body over; what a template leaves out of a group is left alone
(incremental mode). A nested deployment is one of its own, with operations of its own.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

from batchkit.local.resources import catalogue
from batchkit.local.resources.expressions import TemplateError, is_expression
from batchkit.local.resources.functions import Json, Scope
from batchkit.local.resources.model import ALWAYS, ROLE_MOVES, Resources, parent_missing, shown
from batchkit.local.resources.roles import KIND as ROLE
from batchkit.local.resources.templates import DEPLOYMENT, Planned, expand, scope_of
from batchkit.local.wire.formats import stamp

_OMITTED = object()
_SENT = ("location", "tags", "sku", "kind", "identity", "properties")


@dataclass
class Deployment:
    """One deployment: what it shows of itself, and its operations so far."""

    id: str
    location: str
    template: Json
    parameters: Json
    subscription: str
    group: str
    state: str = "Accepted"
    started: str = field(default_factory=stamp)
    operations: list[Json] = field(default_factory=list)
    outputs: Json = field(default_factory=dict)
    error: Json | None = None

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.id.rsplit("/", 1)[-1]

    def shown(self) -> Json:
        """Return the deployment's resource."""
        made = [{"id": o["properties"]["targetResource"]["id"]} for o in self.operations]
        properties: Json = {
            "provisioningState": self.state,
            "timestamp": self.started,
            "mode": "Incremental",
            "correlationId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.id)),
            "parameters": {k: {"value": v} for k, v in self.parameters.items()},
            "outputs": self.outputs,
            "outputResources": made if self.state == "Succeeded" else [],
        }
        if self.error:
            properties["error"] = self.error
        kind = "Microsoft.Resources/deployments"
        return {"id": self.id, "name": self.name, "type": kind, "location": self.location, "properties": properties}


def scope(resources: Resources, deployment: Deployment) -> Scope:
    """Return the scope in which a deployment's template is evaluated.

    Raises:
        TemplateError: a parameter does not hold.
    """
    group = resources.get(f"/subscriptions/{deployment.subscription}/resourceGroups/{deployment.group}")
    where = (group or {}).get("location", deployment.location)
    bare = Scope(deployment.subscription, deployment.group, where, deployment.name, {}, resources.get)
    return scope_of(deployment.template, deployment.parameters, bare)


def flatten(resources: Resources, deployment: Deployment) -> list[Planned]:
    """Return all resources of a template, nested deployments opened, in order.

    Raises:
        TemplateError: anything in it that does not hold.
    """
    found: list[Planned] = []
    for planned in expand(deployment.template, scope(resources, deployment)):
        if planned.kind.lower() == DEPLOYMENT.lower():
            found += flatten(resources, nested(planned))
        else:
            found.append(planned)
    return found


def nested(planned: Planned) -> Deployment:
    """Return the deployment that a template's nested one asks for."""
    properties = planned.source["properties"]
    given = {k: planned.scope.evaluate(v["value"]) for k, v in properties.get("parameters", {}).items()}
    where = planned.scope.location
    return Deployment(planned.id, where, properties["template"], given, planned.scope.subscription, planned.group)


def check(resources: Resources, deployment: Deployment) -> list[Planned]:
    """Return a deployment's resources once everything about it holds that can be known beforehand.

    Raises:
        TemplateError: also for a provider that is not registered, or a name that is taken.
    """
    planned = flatten(resources, deployment)
    for each in planned:
        provider = each.kind.split("/")[0]
        if provider not in resources.registered and provider not in ALWAYS:
            text = f"The subscription is not registered to use namespace '{provider}'."
            raise TemplateError(text, "MissingSubscriptionRegistration")
        if each.name in resources.knobs.taken_names and resources.get(each.id) is None:
            text = f"The name {each.name} is already taken by another subscription."
            code = "StorageAccountAlreadyTaken" if "Storage" in each.kind else "AlreadyInUse"
            raise TemplateError(text, code)
    return planned


def what_if(resources: Resources, deployment: Deployment) -> list[Json]:
    """Return what a deployment would change: Create, Modify with its delta, NoChange, and Ignore for the rest.

    Raises:
        TemplateError: the template does not hold.
    """
    planned = flatten(resources, deployment)
    changes = [_change(resources, each) for each in planned]
    named = {each.id.lower() for each in planned}
    groups = {"/".join(i.split("/")[:5]) for i in named if "/resourcegroups/" in i}
    others = {doc["id"]: doc for group in groups for doc in resources.below(group)}
    skip = ("microsoft.resources/deployments", "microsoft.authorization/roleassignments")
    for key, doc in others.items():
        if key.lower() not in named and doc["type"].lower() not in skip:
            changes.append({"resourceId": key, "changeType": "Ignore", "before": doc, "after": doc})
    return changes


def _change(resources: Resources, planned: Planned) -> Json:
    after, before = planned.body(strict=False), resources.get(planned.id)
    change: Json = {"resourceId": planned.id, "resourceType": planned.kind, "after": after}
    if before is None:
        return change | {"changeType": "Create"}
    delta = [entry for key in _SENT if key in after for entry in _delta(key, before.get(key, _OMITTED), after[key])]
    change |= {"before": shown(before)}
    return change | ({"changeType": "Modify", "delta": delta} if delta else {"changeType": "NoChange"})


def _delta(path: str, before: Any, after: Any) -> list[Json]:
    if isinstance(after, dict) and isinstance(before, dict):
        return [entry for key in after for entry in _delta(f"{path}.{key}", before.get(key, _OMITTED), after[key])]
    if before == after or is_expression(after):
        return []
    if before is _OMITTED:
        return [] if after is None else [{"path": path, "propertyChangeType": "Create", "after": after}]
    return [{"path": path, "propertyChangeType": "Modify", "before": before, "after": after}]


async def create(resources: Resources, deployment: Deployment) -> None:
    """Carry a deployment out; its state and operations show how far it is, and where it failed."""
    deployment.state = "Running"
    resources.running[deployment.id.lower()] = deployment
    try:
        for planned in expand(deployment.template, scope(resources, deployment)):
            await _one(resources, deployment, planned)
        wanted = scope(resources, deployment)
        outputs = deployment.template.get("outputs", {})
        deployment.outputs = {k: {"type": o["type"], "value": wanted.evaluate(o["value"])} for k, o in outputs.items()}
        deployment.state = "Succeeded"
    except TemplateError as problem:
        detail = {"code": problem.code, "message": problem.message}
        text = "At least one resource deployment operation failed. Please list deployment operations for details."
        deployment.error = {"code": "DeploymentFailed", "message": text, "details": [detail]}
        deployment.state = "Failed"
    finally:
        if deployment.state == "Running":  # this process is being stopped
            deployment.state = "Canceled"
        resources.put(deployment.shown())


async def _one(resources: Resources, deployment: Deployment, planned: Planned) -> None:
    operation = _operation(deployment, planned)
    deployment.operations.append(operation)
    properties = operation["properties"]
    try:
        await _carry_out(resources, planned)
    except TemplateError as problem:
        message = {"error": {"code": problem.code, "message": problem.message}}
        properties |= {"provisioningState": "Failed", "statusCode": "Conflict", "statusMessage": message}
        raise
    properties |= {"provisioningState": "Succeeded", "statusCode": "OK", "timestamp": stamp()}


async def _carry_out(resources: Resources, planned: Planned) -> None:
    if planned.kind.lower() == DEPLOYMENT.lower():
        inner = nested(planned)
        await create(resources, inner)
        if inner.error:
            raise TemplateError(inner.error["details"][0]["message"], inner.error["details"][0]["code"])
        return
    fresh = resources.get(planned.id) is None
    await asyncio.sleep(
        (catalogue.seconds(planned.kind) if fresh else 1) * resources.knobs.slowness / resources.config.speed
    )
    if resources.knobs.fail_at and resources.knobs.fail_at.lower() in planned.id.lower():
        raise TemplateError(f"The service could not make {planned.id}. Try again.", "InternalServerError")
    if (parent := resources.missing_parent(planned.id)) is not None:
        raise TemplateError(parent_missing(planned.kind, parent), "ParentResourceNotFound")
    body = planned.body()
    if body["type"].lower() == ROLE and resources.role_moves(body):
        raise TemplateError(ROLE_MOVES, "RoleAssignmentUpdateNotPermitted")
    resources.put(body, deployed=True)


def _operation(deployment: Deployment, planned: Planned) -> Json:
    name = uuid.uuid5(uuid.NAMESPACE_URL, planned.id).hex[:16].upper()
    target = {"id": planned.id, "resourceType": planned.kind, "resourceName": planned.name}
    properties: Json = {"provisioningOperation": "Create", "provisioningState": "Running", "timestamp": stamp()}
    return {
        "id": f"{deployment.id}/operations/{name}",
        "operationId": name,
        "properties": properties | {"targetResource": target},
    }
