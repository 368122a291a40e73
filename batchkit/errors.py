"""What can go wrong, as a tree, and the one place where an answer of Azure becomes a sentence.

BatchkitError
├── SettingsError      a setting is missing or wrong
├── ParameterError     a notebook's parameter is unknown or of the wrong type
├── PlanError          the job cannot be planned as asked
├── ServiceError       Azure refused, or could not be reached
└── JobError           the job ended, or did not, in a way that needs a person
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

_NEXT_STEP = {
    401: "sign in again (`az login`), or check the identity that this program runs as",
    403: "give that identity the role it needs; a new role takes up to ten minutes to reach everywhere",
    404: "check the name, and run notebook 01 if it was never created",
    409: "it exists already or is in the wrong state; look at it before trying again",
    429: "wait a minute and run the same thing again; nothing is done twice",
    503: "wait a minute and run the same thing again; nothing is done twice",
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


def code_of(error: BaseException) -> str:
    """The service's own error code, such as `JobExists`; "" where the answer carried none."""
    inner = getattr(error, "error", None)
    return str(getattr(error, "error_code", None) or getattr(inner, "code", None) or "")


def _reason(error: AzureError) -> str:
    status = getattr(error, "status_code", None) or 0
    if isinstance(error, ClientAuthenticationError):
        status = status or 401
    said = _first_line(error)
    if not isinstance(error, HttpResponseError):
        return f"{said}. Check the address and the network, then run it again."
    code = code_of(error)
    step = _NEXT_STEP.get(status, "see the service's message")
    return f"{f'{code} ' if code else ''}({status}) {said}. Next: {step}."


def _first_line(error: AzureError) -> str:
    inner = getattr(error, "error", None)
    message = getattr(getattr(inner, "message", None), "value", None) or getattr(error, "message", "") or str(error)
    return str(message).strip().split("\n", 1)[0].rstrip(". ")
