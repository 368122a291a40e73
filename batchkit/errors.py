"""What can go wrong, as a tree, and the one place where an answer of Azure becomes a sentence.

BatchkitError
├── SettingsError      a setting is missing or wrong
├── ParameterError     a notebook's parameter is unknown or of the wrong type
├── PlanError          the job cannot be planned as asked
├── ServiceError       Azure refused, or could not be reached
└── JobError           the job ended, or did not, in a way that needs a person
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

Found = TypeVar("Found")

_AGAIN = "wait a minute and run the same thing again; nothing is done twice"
_NEXT_STEP = {
    400: "see the values above; if you did not choose them, this is a fault of the workbench",
    401: "check who this program runs as: a person signs in with `az login`, a machine needs its managed identity, "
    "and the clock must be right",
    403: "give that identity the role it needs; a new role takes up to ten minutes to reach everywhere",
    404: "check the name, and run notebook 01 if it was never created",
    409: "it exists already or is in the wrong state; look at it before trying again",
    429: _AGAIN,
    500: _AGAIN,
    503: _AGAIN,
}
# What a code asks for, where that differs from what its status suggests; the first that the code holds counts.
_STEP_OF_CODE = {
    "quota": "ask for more (portal, the Batch account's Quotas), or delete or end what uses it up",
    "BeingDeleted": "wait until it is gone, then run this again",
    "Disabled": "enable it again, then run this again",
    "Completed": "it has ended: take a new job_id, or look at its results",
    "Terminating": "it is ending: take a new job_id, or look at its results",
    "PropertyCannotBeUpdated": "make a new one under another name; this property is fixed for its life",
    "AuthorizationFailure": "the service is closed to this network, or to this identity: work from inside, or open it",
    "LeaseIdMissing": "someone else holds a lease on it: wait, or break the lease",
    "BlobArchived": "bring the blob back from the archive tier, then run this again",
    "OperationTimedOut": _AGAIN,
}


class BatchkitError(Exception):
    """Anything this package reports to a person: one or two lines, and no traceback in a notebook."""

    def _render_traceback_(self) -> list[str]:
        """Show IPython the message alone."""
        return [f"{type(self).__name__}: {self}"]


class SettingsError(BatchkitError):
    """A setting is missing or wrong."""


class ParameterError(BatchkitError):
    """A notebook's parameter is unknown or of the wrong type."""


class PlanError(BatchkitError):
    """The job cannot be planned as asked."""


class ServiceError(BatchkitError):
    """Azure refused, or could not be reached."""


class JobError(BatchkitError):
    """The job ended, or did not, in a way that needs a person."""


@contextmanager
def explain(doing: str) -> Iterator[None]:
    """Turn what Azure's clients raise while `doing` something into a `ServiceError` that says what to do next.

    `doing` completes the sentence "Could not ...": "create the pool x".
    """
    try:
        yield
    except AzureError as error:
        raise ServiceError(f"Could not {doing}: {_reason(error)}") from error


def or_none(read: Callable[[], Found]) -> Found | None:
    """What is read, or None when Azure says that there is no such thing."""
    try:
        return read()
    except ResourceNotFoundError:
        return None


def code_of(error: BaseException) -> str:
    """The service's own error code, such as `JobExists`; "" where the answer carried none."""
    return str(getattr(error, "error_code", None) or getattr(_said_by(error), "code", None) or "")


def values_of(error: object) -> str:
    """The details that an answer carries beside its message, as "name: value, ..."; "" when there are none."""
    inner = _said_by(error) or error
    pairs = getattr(inner, "error_values", None) or getattr(inner, "details", None) or []
    named = [(getattr(p, "key", None) or getattr(p, "name", None), getattr(p, "value", None)) for p in pairs]
    return ", ".join(f"{name}: {value}" for name, value in named if name and value)


def next_step(code: str, status: int = 0) -> str:
    """What to do about an error of this code and HTTP status."""
    for part, step in _STEP_OF_CODE.items():
        if part.lower() in code.lower():
            return step
    return _NEXT_STEP.get(status, "see the service's message")


def _reason(error: AzureError) -> str:
    if isinstance(error, ClientAuthenticationError) and not error.status_code:
        return f"{_first_line(error)}. Next: {_no_identity()}."
    said = _first_line(error)
    if not isinstance(error, HttpResponseError):
        return f"{said}. Check the address and the network, then run it again."
    code, status, values = code_of(error), error.status_code or 0, values_of(error)
    return (
        f"{f'{code} ' if code else ''}({status}) {said}{f' ({values})' if values else ''}. "
        f"Next: {next_step(code, status)}."
    )


def _no_identity() -> str:
    if os.environ.get("BATCHKIT_PROFILE") == "local":
        return "the local Azure that this environment names does not run any more; start inside one again"
    return "sign in with `az login`, or give this machine a managed identity"


def _said_by(error: object) -> object:
    """The body of the answer: Batch's own model of it, else the one that all of Azure's clients share."""
    model = getattr(error, "model", None)
    return model if getattr(model, "code", None) else getattr(error, "error", None)


def _first_line(error: AzureError) -> str:
    inner = _said_by(error)
    message = getattr(getattr(inner, "message", None), "value", None) or getattr(error, "message", "") or str(error)
    return str(message).strip().split("\n", 1)[0].rstrip(". ")
