"""What the service refuses, in its own words: a code, a status, a message and named values.

Codes and messages are the service's published ones, kept in errors.json. `error` makes the
exception that a handler raises; `body` is its form on the wire; `failure` is a task's failureInfo.
"""

from __future__ import annotations

import json
import uuid
from importlib.resources import files

from batchkit.local.wire.formats import Json, stamp

_TABLES: dict[str, dict[str, Json]] = json.loads(files(__package__).joinpath("errors.json").read_text("utf-8"))


class BatchError(Exception):
    """A refusal of the service: what its client sees as an error response."""

    def __init__(self, code: str, status: int, message: str, values: dict[str, str]) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.status, self.message, self.values = code, status, message, values
        self.headers: dict[str, str] = {}


def error(code: str, message: str | None = None, status: int | None = None, **values: object) -> BatchError:
    """Return the refusal of that code, with the published status and message unless others are given."""
    known = _TABLES["http"].get(code, {"status": 400, "message": code})
    texts = {key: str(value) for key, value in values.items()}
    return BatchError(code.partition(".")[0], status or known["status"], message or known["message"], texts)


def bad_value(name: str, value: object, reason: str) -> BatchError:
    """Return the refusal of a property's value."""
    return error("InvalidPropertyValue", PropertyName=name, PropertyValue=value, Reason=reason)


def missing(name: str) -> BatchError:
    """Return the refusal of a body without a required property."""
    return error("MissingRequiredProperty", PropertyName=name)


def message(text: str, request_id: str | None = None) -> Json:
    """Return an error message as the service words it, with the request's id and the time."""
    return {"lang": "en-US", "value": f"{text}\nRequestId:{request_id or uuid.uuid4()}\nTime:{stamp()}"}


def body(failure: BatchError, base_url: str, request_id: str | None = None) -> Json:
    """Return the error's body as the data plane sends it."""
    said = {
        "odata.metadata": f"{base_url}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element",
        "code": failure.code,
        "message": message(failure.message, request_id),
    }
    values = [{"key": key, "value": value} for key, value in failure.values.items()]
    return said | {"values": values} if values else said


def failure(code: str, **details: object) -> Json:
    """Return the failureInfo of a task that failed with that code."""
    known = _TABLES["task"].get(code, {"category": "usererror", "message": code})
    named = [{"name": name, "value": str(value)} for name, value in details.items()]
    return {"category": known["category"], "code": code, "message": known["message"], "details": named}


def exit_failure(code: int | None) -> Json:
    """Return the failureInfo of a command that ended with a nonzero exit code."""
    message = "The task process exited with an unexpected exit code"
    named = [{"name": "Message", "value": f"The task exited with an exit code of {code}"}]
    return {"category": "usererror", "code": "FailureExitCode", "message": message, "details": named}
