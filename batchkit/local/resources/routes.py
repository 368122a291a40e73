"""The calls: each a path, a method and a handler that `batchkit.local.arm` guards and mounts before its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.batch.engine import pools
from batchkit.local.resources import access, deployments, image_routes
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.expressions import TemplateError, Unresolved
from batchkit.local.resources.model import ALWAYS, NAMESPACES, ROLE_MOVES, Resources, parent_missing, shown
from batchkit.local.resources.roles import DEFINITIONS
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import BatchError, error

Json = dict[str, Any]
Handler = Callable[[Site, Request], Awaitable[Response]]
_SUB = "/subscriptions/{subscription}"
_ROLE = "/providers/Microsoft.Authorization/"


def table() -> list[tuple[str, str, Handler]]:
    """Return every call as method, path and handler, the particular ones before the general ones."""
    return [
        ("PUT", "/local/provisioning", put_knobs),
        ("GET", f"{_SUB}/providers/{{namespace}}", get_provider),
        ("POST", f"{_SUB}/providers/{{namespace}}/register", register),
        ("GET", "/transient/whatIf/{result}", what_if_result),
        *_deployments(f"{_SUB}/providers/Microsoft.Resources/deployments/{{deployment}}"),
        *_in_group(f"{_SUB}/resourceGroups/{{group}}"),
        *image_routes.table(),
        ("GET", f"/{{scope:path}}{_ROLE}roleAssignments", list_roles),
        ("GET", f"{_ROLE}roleDefinitions/{{role}}", get_definition),
        ("GET", f"/{{scope:path}}{_ROLE}roleDefinitions/{{role}}", get_definition),
        ("PUT", f"/{{scope:path}}{_ROLE}roleAssignments/{{name}}", put_role),
    ]


def _deployments(path: str) -> list[tuple[str, str, Handler]]:
    return [
        ("POST", f"{path}/validate", validate),
        ("POST", f"{path}/whatIf", what_if),
        ("PUT", path, put_deployment),
        ("GET", path, get_deployment),
        ("DELETE", path, delete_deployment),
        ("GET", f"{path}/operations", list_operations),
    ]


def _in_group(group: str) -> list[tuple[str, str, Handler]]:
    return [
        ("GET", f"{group}/deployments/{{deployment}}/operations", list_operations),
        *_deployments(f"{group}/providers/Microsoft.Resources/deployments/{{deployment}}"),
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


def _id(request: Request) -> str:
    return request.url.path.rstrip("/").replace("/resourcegroups/", "/resourceGroups/")


def _found(resources: Resources, resource_id: str) -> Json:
    doc = resources.get(resource_id)
    if doc is None:
        group = resource_id.count("/") == 4
        if group:
            name = resource_id.rsplit("/", 1)[-1]
            raise error("ResourceGroupNotFound", f"Resource group '{name}' could not be found.", 404)
        raise error("ResourceNotFound", f"The resource '{resource_id}' was not found.", 404)
    return shown(doc)


def _refused(problem: TemplateError | Unresolved) -> BatchError:
    if isinstance(problem, Unresolved):
        return error("InvalidTemplate", f"The resource '{problem}' that the template refers to does not exist.", 400)
    return error(problem.code, problem.message, 409 if problem.code.endswith(("Taken", "InUse")) else 400)


async def _deployment(request: Request) -> deployments.Deployment:
    body = await body_of(request)
    properties = body.get("properties") or {}
    given = {name: entry.get("value") for name, entry in (properties.get("parameters") or {}).items()}
    where, subscription = str(body.get("location") or ""), request.path_params["subscription"]
    path, group = re.sub(r"/(validate|whatIf)$", "", _id(request)), request.path_params.get("group", "")
    return deployments.Deployment(path, where, properties.get("template") or {}, given, subscription, group)


async def validate(site: Site, request: Request) -> Response:
    """Check a deployment without carrying it out."""
    deployment = await _deployment(request)
    try:
        planned = deployments.check(site.resources, deployment)
    except (TemplateError, Unresolved) as problem:
        raise _refused(problem) from None
    access.check_template(site.resources, request, planned)
    described = deployment.shown()
    described["properties"] |= {"provisioningState": "Succeeded", "validatedResources": [{"id": p.id} for p in planned]}
    return reply(described)


async def what_if(site: Site, request: Request) -> Response:
    """Say what a deployment would change; the answer waits under an address, as the service's does."""
    deployment = await _deployment(request)
    try:
        changes = deployments.what_if(site.resources, deployment)
        result: Json = {"status": "Succeeded", "properties": {"correlationId": "", "changes": changes}}
    except (TemplateError, Unresolved) as problem:
        refused = _refused(problem)
        result = {"status": "Failed", "error": {"code": refused.code, "message": refused.message}}
    name = uuid.uuid4().hex
    site.resources.running[name] = result
    where = f"{site.url}/transient/whatIf/{name}?{request.url.query}"
    return reply(None, 202, {"Location": where, "Retry-After": "0"})


async def what_if_result(site: Site, request: Request) -> Response:
    """Give the answer of a what-if."""
    result = site.resources.running.get(request.path_params["result"])
    if result is None:
        raise error("NotFound", "There is no such what-if.", 404)
    return reply(result)


async def put_deployment(site: Site, request: Request) -> Response:
    """Start a deployment; the same name again starts it over, on what is there by then."""
    deployment = await _deployment(request)
    present = site.resources.running.get(deployment.id.lower())
    if present is not None and present.state == "Running":
        raise error("DeploymentActive", f"The deployment '{deployment.name}' is still active.", 409)
    try:
        planned = deployments.check(site.resources, deployment)
    except (TemplateError, Unresolved) as problem:
        raise _refused(problem) from None
    access.check_template(site.resources, request, planned)
    site.resources.running[deployment.id.lower()] = deployment
    site.batch.spawn(deployments.create(site.resources, deployment), f"deployment {deployment.name}")
    return reply(deployment.shown(), 201)


async def get_deployment(site: Site, request: Request) -> Response:
    """Show a deployment as it stands."""
    running = site.resources.running.get(_id(request).lower())
    return reply(running.shown() if running is not None else _found(site.resources, _id(request)))


async def delete_deployment(site: Site, request: Request) -> Response:
    """Forget a deployment; what it made stays."""
    site.resources.running.pop(_id(request).lower(), None)
    site.resources.drop(_id(request))
    return reply(None, 204)


async def list_operations(site: Site, request: Request) -> Response:
    """List what a deployment has done so far, resource by resource."""
    path = _id(request).removesuffix("/operations")
    if "/providers/" not in path:
        path = path.replace("/deployments/", "/providers/Microsoft.Resources/deployments/")
    deployment = site.resources.running.get(path.lower())
    return reply({"value": deployment.operations if deployment is not None else []})


async def list_resources(site: Site, request: Request) -> Response:
    """List a group's resources, by a tag's name and value if asked."""
    docs = site.resources.below(_id(request).removesuffix("/resources"))
    wanted = re.fullmatch(r"tagName eq '([^']*)' and tagValue eq '([^']*)'", request.query_params.get("$filter", ""))
    if wanted:
        docs = [doc for doc in docs if (doc.get("tags") or {}).get(wanted[1]) == wanted[2]]
    top = [doc for doc in docs if doc["id"].count("/") == 8]  # those in the group itself, none of their parts
    hidden = ("microsoft.resources/deployments", "microsoft.authorization/roleassignments",
              "microsoft.consumption/budgets")  # fmt: skip
    return reply({"value": [shown(doc) for doc in top if doc["type"].lower() not in hidden]})


async def put_group(site: Site, request: Request) -> Response:
    """Make a resource group, or change its tags."""
    body, present = await body_of(request), site.resources.get(_id(request))
    name = request.path_params["group"]
    doc = {"id": _id(request), "name": name, "type": "Microsoft.Resources/resourceGroups", **body}
    return reply(site.resources.put(doc), 200 if present else 201)


async def get_resource(site: Site, request: Request) -> Response:
    """Show a resource."""
    doc = _found(site.resources, _id(request))
    return reply(None, 204) if request.method == "HEAD" else reply(doc)


async def put_resource(site: Site, request: Request) -> Response:
    """Make or change one resource outside of any deployment."""
    parts = _id(request).split("/providers/", 1)
    if len(parts) != 2 or len(parts[1].split("/")) % 2 == 0:
        raise error("NotImplemented", f"The local Azure does not implement PUT {request.url.path}.", 501)
    words = parts[1].split("/")
    kind = "/".join([words[0], *words[1::2]])
    if (parent := site.resources.missing_parent(_id(request))) is not None:
        raise error("ParentResourceNotFound", parent_missing(kind, parent), 404)
    doc = {"id": _id(request), "name": words[-1], "type": kind, **(await body_of(request))}
    return reply(shown(site.resources.put(doc)))


async def delete_resource(site: Site, request: Request) -> Response:
    """Delete a resource with all below it; the last Batch account takes the pools along."""
    resource_id, accounts = _id(request), site.resources.accounts()
    site.resources.running.pop(resource_id.lower(), None)
    gone = site.resources.drop(resource_id)
    if accounts and not site.resources.accounts():
        for pool in list(site.batch.pools.values()):
            pools.delete(site.batch, pool)
    return reply(None, 200 if gone else 204)


async def list_roles(site: Site, request: Request) -> Response:
    """List the role assignments at a scope and below it."""
    scope = f"/{request.path_params['scope']}".lower()
    found = [d for d in site.resources.of_kind("Microsoft.Authorization/roleAssignments")
             if d["properties"]["scope"].lower().startswith(scope)]  # fmt: skip
    return reply({"value": [shown(doc) for doc in found]})


async def put_role(site: Site, request: Request) -> Response:
    """Give a role."""
    properties = (await body_of(request)).get("properties") or {}
    if not properties.get("principalId") or not properties.get("roleDefinitionId"):
        raise error("InvalidRequestContent", "A role assignment needs principalId and roleDefinitionId.", 400)
    kind = "Microsoft.Authorization/roleAssignments"
    doc = {"id": _id(request), "name": request.path_params["name"], "type": kind, "properties": properties}
    if site.resources.role_moves(doc):
        raise error("RoleAssignmentUpdateNotPermitted", ROLE_MOVES, 400)
    return reply(site.resources.put(doc), 201)


async def get_definition(_site: Site, request: Request) -> Response:
    """Show a built-in role."""
    name = request.path_params["role"].lower()
    if name not in DEFINITIONS:
        raise error("RoleDefinitionDoesNotExist", f"The role '{name}' was not found.", 404)
    found = DEFINITIONS[name]
    permissions = {key: found[key] for key in ("actions", "notActions", "dataActions")} | {"notDataActions": []}
    properties = {"roleName": found["roleName"], "type": "BuiltInRole", "permissions": [permissions]}
    where = f"/providers/Microsoft.Authorization/roleDefinitions/{name}"
    return reply({"id": where, "name": name, "properties": properties})


async def get_provider(site: Site, request: Request) -> Response:
    """Show whether a resource provider is registered."""
    return reply(_provider(site, request))


async def register(site: Site, request: Request) -> Response:
    """Register a resource provider."""
    site.resources.register(request.path_params["namespace"])
    return reply(_provider(site, request))


def _provider(site: Site, request: Request) -> Json:
    name = request.path_params["namespace"]
    if name not in (*NAMESPACES, *ALWAYS):
        raise error("InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.", 404)
    registered = "Registered" if name in site.resources.registered else "NotRegistered"
    return {"id": _id(request).removesuffix("/register"), "namespace": name, "registrationState": registered}


async def put_knobs(site: Site, request: Request) -> Response:
    """Set how this subscription behaves (local only): quota, slow roles, failures."""
    try:
        return reply(site.resources.set_knobs(await body_of(request)))
    except (TypeError, ValueError) as problem:
        raise error("InvalidRequestContent", f"That is no setting: {problem}.", 400) from None
