"""The calls: each a path, a method and a handler that `batchkit.local.arm` guards and mounts before its own."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.batch.errors import BatchError, error
from batchkit.local.batch.state import State
from batchkit.local.resources import deployments
from batchkit.local.resources.expressions import TemplateError, Unresolved
from batchkit.local.resources.model import ALWAYS, NAMESPACES, Resources
from batchkit.local.resources.roles import DEFINITIONS

Json = dict[str, Any]
Handler = Callable[[State, Request], Awaitable[Response]]
_SUB = "/subscriptions/{subscription}"
_DEPLOYMENT = f"{_SUB}/providers/Microsoft.Resources/deployments/{{deployment}}"
_ROLE = "/providers/Microsoft.Authorization/"


def table() -> list[tuple[str, str, Handler]]:
    """Return every call as method, path and handler, the particular ones before the general ones."""
    from batchkit.local.resources import image_routes

    return [
        ("PUT", "/local/provisioning", put_knobs),
        ("GET", f"{_SUB}/providers/{{namespace}}", get_provider),
        ("POST", f"{_SUB}/providers/{{namespace}}/register", register),
        ("POST", f"{_DEPLOYMENT}/validate", validate),
        ("POST", f"{_DEPLOYMENT}/whatIf", what_if),
        ("GET", "/transient/whatIf/{result}", what_if_result),
        ("PUT", _DEPLOYMENT, put_deployment),
        ("GET", _DEPLOYMENT, get_deployment),
        ("DELETE", _DEPLOYMENT, delete_deployment),
        ("GET", f"{_DEPLOYMENT}/operations", list_operations),
        *_in_group(f"{_SUB}/resourceGroups/{{group}}"),
        *_in_group(f"{_SUB}/resourcegroups/{{group}}"),
        *image_routes.table(),
        ("GET", f"/{{scope:path}}{_ROLE}roleAssignments", list_roles),
        ("GET", f"{_ROLE}roleDefinitions/{{role}}", get_definition),
        ("GET", f"/{{scope:path}}{_ROLE}roleDefinitions/{{role}}", get_definition),
        ("PUT", f"/{{scope:path}}{_ROLE}roleAssignments/{{name}}", put_role),
    ]


def _in_group(group: str) -> list[tuple[str, str, Handler]]:
    return [
        ("GET", f"{group}/deployments/{{deployment}}/operations", list_operations),
        ("GET", f"{group}/providers/Microsoft.Resources/deployments/{{deployment}}", get_deployment),
        ("GET", f"{group}/resources", list_resources),
        ("PUT", group, put_group),
        ("GET", group, get_resource),
        ("HEAD", group, get_resource),
        ("DELETE", group, delete_resource),
    ]


def general() -> list[tuple[str, str, Handler]]:
    """Return the calls on any resource by its id; they come after the particular ones of every service."""
    handlers = (("GET", get_resource), ("PUT", put_resource), ("DELETE", delete_resource))
    return [(method, f"{_SUB}/{{rest:path}}", handler) for method, handler in handlers]


def reply(body: Json | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response with a request id."""
    common = {"x-ms-request-id": str(uuid.uuid4()), **(headers or {})}
    if body is None:
        return Response(status_code=status, headers=common)
    return Response(json.dumps(body), status, common, "application/json; charset=utf-8")


def _id(request: Request) -> str:
    return request.url.path.rstrip("/").replace("/resourcegroups/", "/resourceGroups/")


def _found(resources: Resources, resource_id: str) -> Json:
    doc = resources.get(resource_id)
    if doc is None:
        group = resource_id.count("/") == 4
        code = "ResourceGroupNotFound" if group else "ResourceNotFound"
        raise error(code, f"The resource '{resource_id}' was not found.", 404)
    return {key: value for key, value in doc.items() if key != "effectiveAt"}


async def body_of(request: Request) -> Json:
    """Return a request's JSON object.

    Raises:
        BatchError: InvalidRequestContent.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise error("InvalidRequestContent", "The request content must be a JSON object.", 400)
    return body


def _refused(problem: TemplateError | Unresolved) -> BatchError:
    if isinstance(problem, Unresolved):
        return error("InvalidTemplate", f"The resource '{problem}' that the template refers to does not exist.", 400)
    return error(problem.code, problem.message, 409 if problem.code.endswith(("Taken", "InUse")) else 400)


async def _deployment(request: Request) -> deployments.Deployment:
    body = await body_of(request)
    properties = body.get("properties") or {}
    given = {name: entry.get("value") for name, entry in (properties.get("parameters") or {}).items()}
    where, subscription = str(body.get("location") or ""), request.path_params["subscription"]
    path = re.sub(r"/(validate|whatIf)$", "", _id(request))
    return deployments.Deployment(path, where, properties.get("template") or {}, given, subscription, "")


async def validate(state: State, request: Request) -> Response:
    """Check a deployment without carrying it out."""
    deployment = await _deployment(request)
    try:
        planned = deployments.check(state.resources, deployment)
    except (TemplateError, Unresolved) as problem:
        raise _refused(problem) from None
    shown = deployment.shown()
    shown["properties"] |= {"provisioningState": "Succeeded", "validatedResources": [{"id": p.id} for p in planned]}
    return reply(shown)


async def what_if(state: State, request: Request) -> Response:
    """Say what a deployment would change; the answer waits under an address, as the service's does."""
    deployment = await _deployment(request)
    try:
        changes = deployments.what_if(state.resources, deployment)
        result: Json = {"status": "Succeeded", "properties": {"correlationId": "", "changes": changes}}
    except (TemplateError, Unresolved) as problem:
        refused = _refused(problem)
        result = {"status": "Failed", "error": {"code": refused.code, "message": refused.message}}
    name = uuid.uuid4().hex
    state.resources.running[name] = result
    where = f"{state.config.arm_url.rstrip('/')}/transient/whatIf/{name}?{request.url.query}"
    return reply(None, 202, {"Location": where, "Retry-After": "0"})


async def what_if_result(state: State, request: Request) -> Response:
    """Give the answer of a what-if."""
    result = state.resources.running.get(request.path_params["result"])
    if result is None:
        raise error("NotFound", "There is no such what-if.", 404)
    return reply(result)


async def put_deployment(state: State, request: Request) -> Response:
    """Start a deployment; the same name again starts it over, on what is there by then."""
    deployment = await _deployment(request)
    present = state.resources.running.get(deployment.id.lower())
    if present is not None and present.state == "Running":
        raise error("DeploymentActive", f"The deployment '{deployment.name}' is still active.", 409)
    try:
        deployments.check(state.resources, deployment)
    except (TemplateError, Unresolved) as problem:
        raise _refused(problem) from None
    state.resources.running[deployment.id.lower()] = deployment
    state.spawn(deployments.create(state.resources, deployment), f"deployment {deployment.name}")
    return reply(deployment.shown(), 201)


async def get_deployment(state: State, request: Request) -> Response:
    """Show a deployment as it stands."""
    running = state.resources.running.get(_id(request).lower())
    return reply(running.shown() if running is not None else _found(state.resources, _id(request)))


async def delete_deployment(state: State, request: Request) -> Response:
    """Forget a deployment; what it made stays."""
    state.resources.running.pop(_id(request).lower(), None)
    state.resources.drop(_id(request))
    return reply(None, 204)


async def list_operations(state: State, request: Request) -> Response:
    """List what a deployment has done so far, resource by resource."""
    path = _id(request).removesuffix("/operations")
    if "/providers/" not in path:
        path = path.replace("/deployments/", "/providers/Microsoft.Resources/deployments/")
    deployment = state.resources.running.get(path.lower())
    return reply({"value": deployment.operations if deployment is not None else []})


async def list_resources(state: State, request: Request) -> Response:
    """List a group's resources, by a tag's name and value if asked."""
    docs = state.resources.below(_id(request).removesuffix("/resources"))
    wanted = re.fullmatch(r"tagName eq '([^']*)' and tagValue eq '([^']*)'", request.query_params.get("$filter", ""))
    if wanted:
        docs = [doc for doc in docs if (doc.get("tags") or {}).get(wanted[1]) == wanted[2]]
    top = [doc for doc in docs if doc["id"].count("/") == 8]  # those in the group itself, none of their parts
    hidden = ("microsoft.resources/deployments", "microsoft.authorization/roleassignments")
    return reply({"value": [doc for doc in top if doc["type"].lower() not in hidden]})


async def put_group(state: State, request: Request) -> Response:
    """Make a resource group, or change its tags."""
    body, present = await body_of(request), state.resources.get(_id(request))
    name = request.path_params["group"]
    doc = {"id": _id(request), "name": name, "type": "Microsoft.Resources/resourceGroups", **body}
    return reply(state.resources.put(doc), 200 if present else 201)


async def get_resource(state: State, request: Request) -> Response:
    """Show a resource."""
    doc = _found(state.resources, _id(request))
    return reply(None, 204) if request.method == "HEAD" else reply(doc)


async def put_resource(state: State, request: Request) -> Response:
    """Make or change one resource outside of any deployment."""
    parts = _id(request).split("/providers/", 1)
    if len(parts) != 2 or len(parts[1].split("/")) % 2 == 0:
        raise error("NotImplemented", f"The local Azure does not implement PUT {request.url.path}.", 501)
    words = parts[1].split("/")
    kind = "/".join([words[0], *words[1::2]])
    doc = {"id": _id(request), "name": words[-1], "type": kind, **(await body_of(request))}
    return reply(state.resources.put(doc))


async def delete_resource(state: State, request: Request) -> Response:
    """Delete a resource with all below it; a Batch account takes its pools along."""
    resource_id = _id(request)
    account = state.resources.get(resource_id)
    if account is not None and account["type"].lower() == "microsoft.batch/batchaccounts":
        from batchkit.local.batch import pools

        for pool in [p for p in state.pools.values() if p.doc["state"] == "active"]:
            pools.delete(state, pool)
    state.resources.running.pop(resource_id.lower(), None)
    gone = state.resources.drop(resource_id)
    return reply(None, 200 if gone else 204)


async def list_roles(state: State, request: Request) -> Response:
    """List the role assignments at a scope and below it."""
    scope = f"/{request.path_params['scope']}".lower()
    found = [d for d in state.resources.of_kind("Microsoft.Authorization/roleAssignments")
             if d["properties"]["scope"].lower().startswith(scope)]  # fmt: skip
    return reply({"value": [{k: v for k, v in doc.items() if k != "effectiveAt"} for doc in found]})


async def put_role(state: State, request: Request) -> Response:
    """Give a role."""
    properties = (await body_of(request)).get("properties") or {}
    if not properties.get("principalId") or not properties.get("roleDefinitionId"):
        raise error("InvalidRequestContent", "A role assignment needs principalId and roleDefinitionId.", 400)
    kind = "Microsoft.Authorization/roleAssignments"
    doc = {"id": _id(request), "name": request.path_params["name"], "type": kind, "properties": properties}
    return reply(state.resources.put(doc), 201)


async def get_definition(_state: State, request: Request) -> Response:
    """Show a built-in role."""
    name = request.path_params["role"].lower()
    if name not in DEFINITIONS:
        raise error("RoleDefinitionDoesNotExist", f"The role '{name}' was not found.", 404)
    found = DEFINITIONS[name]
    permissions = {key: found[key] for key in ("actions", "notActions", "dataActions")} | {"notDataActions": []}
    properties = {"roleName": found["roleName"], "type": "BuiltInRole", "permissions": [permissions]}
    where = f"/providers/Microsoft.Authorization/roleDefinitions/{name}"
    return reply({"id": where, "name": name, "properties": properties})


async def get_provider(state: State, request: Request) -> Response:
    """Show whether a resource provider is registered."""
    return reply(_provider(state, request))


async def register(state: State, request: Request) -> Response:
    """Register a resource provider."""
    state.resources.register(request.path_params["namespace"])
    return reply(_provider(state, request))


def _provider(state: State, request: Request) -> Json:
    name = request.path_params["namespace"]
    if name not in (*NAMESPACES, *ALWAYS):
        raise error("InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.", 404)
    registered = "Registered" if name in state.resources.registered else "NotRegistered"
    return {"id": _id(request).removesuffix("/register"), "namespace": name, "registrationState": registered}


async def put_knobs(state: State, request: Request) -> Response:
    """Set how this subscription behaves (local only): quota, slow roles, failures."""
    return reply(state.resources.set_knobs(await body_of(request)))
