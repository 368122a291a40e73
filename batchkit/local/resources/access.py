"""Where roles are asked for by management calls on pools; what Batch itself asks, Resources answers.

As on Azure, a role that was just given may not have spread yet, and the message says so.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from batchkit.local.resources.model import Resources
from batchkit.local.wire.errors import error

Json = dict[str, Any]
_POOLS = re.compile(r"(?P<account>/subscriptions/.+/providers/Microsoft\.Batch/batchAccounts/[^/]+)/pools(/|$)", re.I)
_VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
_ACCOUNT = "Microsoft.Batch/batchAccounts"
_ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"


def check_management(resources: Resources, request: Request, claims: Json) -> None:
    """Check that the caller may do what a management call asks of pools.

    Raises:
        BatchError: AuthorizationFailed, 403.
    """
    request.state.principal = str(claims["oid"])
    found = _POOLS.match(request.url.path)
    if found is None:
        return
    action = f"{_ACCOUNT}/pools/{_VERBS.get(request.method, 'write')}"
    if not resources.roles.caller(request.state.principal, action, found["account"]):
        who = f"The client '{claims.get('appid')}' with object id '{request.state.principal}'"
        text = f"{who} does not have authorization to perform action '{action}' over scope '{found['account']}' "
        text += "or the scope is invalid. If access was recently granted, please refresh your credentials."
        raise error("AuthorizationFailed", text, 403)


def check_assign(resources: Resources, request: Request, identity: Json | None) -> None:
    """Check that the caller may give a pool its identities.

    Raises:
        BatchError: LinkedAuthorizationFailed, 403.
    """
    for entry in (identity or {}).get("userAssignedIdentities") or []:
        scope = str(entry["resourceId"])
        if not resources.roles.caller(request.state.principal, _ASSIGN, scope):
            text = f"The client with object id '{request.state.principal}' has permission to perform the action on the "
            text += f"pool, but not '{_ASSIGN}' on the linked scope '{scope}'."
            raise error("LinkedAuthorizationFailed", text, 403)


def provisioned_account(resources: Resources, shown: Json) -> Json:
    """Return the account as it was provisioned; as it is by default, where nothing was.

    Raises:
        BatchError: ResourceNotFound, 404, in a group that was provisioned without it.
    """
    if not resources.governs(shown["id"]):
        return shown
    doc = resources.get(shown["id"])
    if doc is None:
        raise error("ResourceNotFound", f"The resource '{shown['id']}' was not found.", 404)
    sent = {key: value for key, value in doc["properties"].items() if key != "encryption"}
    return {**shown, **doc, "properties": {**shown["properties"], **sent}}
