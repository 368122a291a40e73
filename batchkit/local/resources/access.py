"""Where roles are asked for by management calls: which action a call is, at which scope, and who may do it.

The refusals are Resource Manager's own. As on Azure, a role that was just given may not have spread yet, and the
message says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from batchkit.local.resources.model import Resources
from batchkit.local.resources.roles import KIND as ASSIGNMENT
from batchkit.local.resources.templates import Planned
from batchkit.local.wire.errors import BatchError, error

Json = dict[str, Any]
_VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete", "PUT": "write", "PATCH": "write"}
_GROUP = "Microsoft.Resources/subscriptions/resourceGroups"
_ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
_GROUP_DEPTH, _RESOURCES_DEPTH = 4, 5


def check_management(resources: Resources, request: Request, claims: Json) -> None:
    """Check that the caller may do what a management call asks.

    Raises:
        BatchError: AuthorizationFailed, 403.
    """
    request.state.principal, request.state.client = str(claims["oid"]), str(claims.get("appid"))
    for action, scope in _asked(request.method, request.url.path):
        if not resources.roles.caller(request.state.principal, action, scope):
            text = f"{_who(request)} does not have authorization to perform action '{action}' over scope '{scope}' "
            text += "or the scope is invalid. If access was recently granted, please refresh your credentials."
            raise error("AuthorizationFailed", text, 403)


def _who(request: Request) -> str:
    return f"The client '{request.state.client}' with object id '{request.state.principal}'"


def _asked(method: str, path: str) -> Iterable[tuple[str, str]]:
    """Yield the action that a call is and its scope; nothing for what everybody may look at."""
    head, separator, tail = path.rpartition("/providers/")
    if not path.startswith("/subscriptions/"):
        return
    if not separator:
        yield from _on_group(method, path)
        return
    words = tail.split("/")
    if len(words) > 1 and words[-2].endswith("OperationResults"):
        return  # whoever began an operation may ask for its result
    if method == "POST":
        kind = "/".join([words[0], *words[1:-1:2]])
        yield f"{kind}/{words[-1]}/action", f"{head}/providers/{'/'.join(words[:-1])}" if len(words) > 2 else head
    elif len(words) > 1:
        kind = "/".join([words[0], *words[1::2]])
        # A list is read at what it is a list of.
        whole = path if len(words) % 2 else path.rpartition("/")[0].removesuffix(f"/providers/{words[0]}")
        yield f"{kind}/{_VERBS[method]}", whole


def _on_group(method: str, path: str) -> Iterable[tuple[str, str]]:
    words = path.strip("/").split("/")
    group = "/" + "/".join(words[:_GROUP_DEPTH])
    if len(words) == _GROUP_DEPTH and words[2].lower() == "resourcegroups":
        yield f"{_GROUP}/{_VERBS.get(method, 'action')}", group
    elif len(words) == _RESOURCES_DEPTH and words[-1] == "resources":
        yield f"{_GROUP}/resources/read", group
    elif "deployments" in words:
        yield "Microsoft.Resources/deployments/operations/read", group


def check_assign(resources: Resources, request: Request, identities: Iterable[str]) -> None:
    """Check that the caller may give identities to a pool or an account, by their resource ids.

    Raises:
        BatchError: LinkedAuthorizationFailed, 403.
    """
    for scope in identities:
        if not resources.roles.caller(request.state.principal, _ASSIGN, scope):
            text = f"The client with object id '{request.state.principal}' has permission to perform the action on the "
            text += f"resource, but not '{_ASSIGN}' on the linked scope '{scope}'."
            raise error("LinkedAuthorizationFailed", text, 403)


def check_template(resources: Resources, request: Request, planned: Iterable[Planned]) -> None:
    """Check, before anything is made, that the caller may make each resource of a template.

    Raises:
        BatchError: InvalidTemplateDeployment, 403, which names each that may not be made.
    """
    if not resources.roles.strict:
        return
    refused = [each for each in planned if not resources.roles.caller(request.state.principal, *_made(each))]
    if refused:
        raise _refused(request, refused)


def _made(planned: Planned) -> tuple[str, str]:
    if planned.kind.lower() == "microsoft.resources/resourcegroups":
        return f"{_GROUP}/write", planned.id
    if planned.kind.lower() == ASSIGNMENT:
        return "Microsoft.Authorization/roleAssignments/write", planned.id.rpartition("/providers/")[0]
    return f"{planned.kind}/write", planned.id


def _refused(request: Request, refused: list[Planned]) -> BatchError:
    lines = []
    for each in refused:
        action, scope = _made(each)
        lines.append(
            f"'Authorization failed for template resource '{each.name}' of type '{each.kind}'. {_who(request)} "
            f"does not have permission to perform action '{action}' at scope '{scope}'.'"
        )
    text = f"Deployment failed with multiple errors: {', '.join(lines)}"
    return error("InvalidTemplateDeployment", text, 403)
