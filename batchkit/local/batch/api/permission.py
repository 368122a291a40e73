"""Whether a caller's roles allow an operation, on an account that was provisioned with roles."""

from __future__ import annotations

from batchkit.local.batch.api.call import OPERATIONS
from batchkit.local.batch.state.state import State
from batchkit.local.tokens import JOB
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json

_VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
_ACCOUNT = "Microsoft.Batch/batchAccounts"


def check_role(state: State, operation: str, claims: Json, job: str | None) -> None:
    """Check that the caller may do what a call asks; a caller with the account's key may do all.

    A task's own token opens the job that the task is of, and nothing else.

    Raises:
        BatchError: InsufficientAccountPermissions, 403.
    """
    action, data = _action(OPERATIONS[operation])
    if JOB in claims:
        if str(claims[JOB]).lower() != str(job).lower():
            text = f"The token of a task of job {claims[JOB]} opens that job alone."
            raise error("InsufficientAccountPermissions", text, Operation=operation, Action=action)
        return
    if claims and not state.subscription.may_call(str(claims["oid"]), action, data):
        text = f"The caller has no role that allows '{action}' on this account, or it has not spread yet."
        raise error("InsufficientAccountPermissions", text, Operation=operation, Action=action)


def check_door(state: State) -> None:
    """Check that the account answers from where the caller stands.

    Raises:
        BatchError: PublicNetworkAccessDisabled, AuthorizationFailure, 403.
    """
    door = state.subscription.door_of_batch()
    if door == "access":
        text = "Public network access is disabled for the account: it is reached by a private endpoint alone."
        raise error("PublicNetworkAccessDisabled", text, 403)
    if door:
        text = "This request is not authorized to perform this operation: the account's firewall has no rule for it."
        raise error("AuthorizationFailure", text, 403)


def _action(entry: Json) -> tuple[str, bool]:
    word = entry["url"].split("/")[1]
    verb = _VERBS.get(entry["method"], "write")
    if word in ("jobs", "jobschedules"):
        return f"{_ACCOUNT}/{'jobs' if word == 'jobs' else 'jobSchedules'}/{verb}", True
    kind = {"applications": "applications/", "supportedimages": ""}.get(word, "pools/")
    return f"{_ACCOUNT}/{kind}{verb}", False
