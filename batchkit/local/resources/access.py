"""Where roles are asked for: management calls on pools, the data plane, and images that nodes pull.

Blobs are asked for where they are moved (`Transfer.may`). As on Azure, a role that was just given may not
have spread yet, and the message says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from batchkit.local.batch.errors import error, failure

if TYPE_CHECKING:
    from starlette.requests import Request

    from batchkit.local.batch.state import Pool, State

Json = dict[str, Any]
_POOLS = re.compile(r"(?P<account>/subscriptions/.+/providers/Microsoft\.Batch/batchAccounts/[^/]+)/pools(/|$)", re.I)
_VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
_ACCOUNT = "Microsoft.Batch/batchAccounts"
_ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"


def check_management(state: State, request: Request, claims: Json) -> None:
    """Check that the caller may do what a management call asks of pools.

    Raises:
        BatchError: AuthorizationFailed, 403.
    """
    request.state.principal = str(claims["oid"])
    found = _POOLS.match(request.url.path)
    if found is None:
        return
    action = f"{_ACCOUNT}/pools/{_VERBS.get(request.method, 'write')}"
    if not state.resources.roles.caller(request.state.principal, action, found["account"]):
        who = f"The client '{claims.get('appid')}' with object id '{request.state.principal}'"
        text = f"{who} does not have authorization to perform action '{action}' over scope '{found['account']}' "
        text += "or the scope is invalid. If access was recently granted, please refresh your credentials."
        raise error("AuthorizationFailed", text, 403)


def check_assign(state: State, request: Request, identity: Json | None) -> None:
    """Check that the caller may give a pool its identities.

    Raises:
        BatchError: LinkedAuthorizationFailed, 403.
    """
    for entry in (identity or {}).get("userAssignedIdentities") or []:
        scope = str(entry["resourceId"])
        if not state.resources.roles.caller(request.state.principal, _ASSIGN, scope):
            text = f"The client with object id '{request.state.principal}' has permission to perform the action on the "
            text += f"pool, but not '{_ASSIGN}' on the linked scope '{scope}'."
            raise error("LinkedAuthorizationFailed", text, 403)


def check_data_plane(state: State, operation: str, entry: Json, claims: Json) -> None:
    """Check that the caller may do what a data-plane call asks, on the account that was provisioned.

    Raises:
        BatchError: InsufficientAccountPermissions, 403.
    """
    accounts = state.resources.accounts()
    if not accounts or not claims:
        return
    action, data = _action(entry)
    roles, principal = state.resources.roles, str(claims["oid"])
    if not any(roles.allows(principal, action, account, data) for account in accounts):
        text = f"The caller has no role that allows '{action}' on this account, or it has not spread yet."
        raise error("InsufficientAccountPermissions", text, Operation=operation, Action=action)


def _action(entry: Json) -> tuple[str, bool]:
    word = entry["url"].split("/")[1]
    verb = _VERBS.get(entry["method"], "write")
    if word in ("jobs", "jobschedules"):
        return f"{_ACCOUNT}/{'jobs' if word == 'jobs' else 'jobSchedules'}/{verb}", True
    kind = {"applications": "applications/", "supportedimages": ""}.get(word, "pools/")
    return f"{_ACCOUNT}/{kind}{verb}", False


def provisioned_account(state: State, shown: Json) -> Json:
    """Return the account as it was provisioned; as it is by default, where nothing was.

    Raises:
        BatchError: ResourceNotFound, 404, in a group that was provisioned without it.
    """
    if not state.resources.governs(shown["id"]):
        return shown
    doc = state.resources.get(shown["id"])
    if doc is None:
        raise error("ResourceNotFound", f"The resource '{shown['id']}' was not found.", 404)
    sent = {key: value for key, value in doc["properties"].items() if key != "encryption"}
    return {**shown, **doc, "properties": {**shown["properties"], **sent}}


def refused_image(state: State, pool: Pool) -> Json | None:
    """Return the node error of a pool whose identity may not pull its images, None when it may."""
    machine = pool.doc.get("virtualMachineConfiguration") or {}
    container = machine.get("containerConfiguration") or {}
    for registry in container.get("containerRegistries") or []:
        identity = (registry.get("identityReference") or {}).get("resourceId")
        if identity and not state.resources.roles.pull(str(identity)):
            named = ", ".join(container.get("containerImageNames") or []) or registry.get("registryServer", "")
            found = failure(
                "ContainerInvalidImage", ContainerImage=named, Message="unauthorized: authentication required"
            )
            return {"code": found["code"], "message": found["message"], "errorDetails": found["details"]}
    return None
