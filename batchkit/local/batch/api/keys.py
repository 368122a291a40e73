"""Shared-key authentication: the HMAC that account-key clients put in the Authorization header.

The string to sign is the service's: the verb, the standard headers, the ocp- headers, the account and
path, and the query parameters in order (REST reference, "Authenticate requests to the Batch service").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

from starlette.requests import Request

from batchkit.local.config import SharedKey
from batchkit.local.wire.clock import now
from batchkit.local.wire.errors import BatchError, error
from batchkit.local.wire.formats import from_http_date

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
MAX_SKEW = timedelta(minutes=15)


def string_to_sign(request: Request, account: str, length: str, lowered: bool) -> str:
    """Return the text that a client signs for this request.

    Args:
        request: what came.
        account: the account's name.
        length: how the client spells its content-length.
        lowered: whether it signs its query parameters' names in small letters, or as they are.
    """
    headers = request.headers
    values = [headers.get(name, "") for name in _SIGNED]
    values[_SIGNED.index("content-length")] = length
    own = sorted((name, value) for name, value in headers.items() if name.startswith("ocp-"))
    path = request.scope["raw_path"].decode("ascii").split("?")[0]
    query = sorted((name.lower() if lowered else name, value) for name, value in request.query_params.multi_items())
    lines = [request.method, *values, *(f"{name}:{value.strip()}" for name, value in own), f"/{account}{path}"]
    return "\n".join([*lines, *(f"{name}:{value}" for name, value in query)])


def account_of(request: Request) -> str:
    """Return the account that a shared key's header names."""
    return request.headers["authorization"].removeprefix("SharedKey ").partition(":")[0]


def verify_shared_key(request: Request, *keys: SharedKey) -> None:
    """Check an Authorization header of the form `SharedKey ACCOUNT:SIGNATURE` against the keys that open accounts.

    Raises:
        BatchError: AuthenticationFailed (403) for another account, an old date or a wrong signature.
    """
    account = account_of(request)
    signature = request.headers["authorization"].partition(":")[2]
    opening = [key for key in keys if key.account == account]
    if not opening:
        raise _failed("The account is not this one, or its allowedAuthenticationModes do not include SharedKey.")
    _check_date(request.headers.get("ocp-date") or request.headers.get("date"))
    wanted = [
        _sign(string_to_sign(request, account, length, lowered), key)
        for key in opening
        for length in _lengths(request)
        for lowered in (True, False)
    ]
    if not any(hmac.compare_digest(each, signature.strip().encode()) for each in wanted):
        raise _failed("The MAC signature found in the HTTP request is not the same as any computed signature.")


def _lengths(request: Request) -> list[str]:
    """Return how clients spell this request's length: an empty body is 0 to some, and nothing to others."""
    length = request.headers.get("content-length", "")
    return ["", "0"] if length in ("", "0") else [length]


def _sign(text: str, key: SharedKey) -> bytes:
    return base64.b64encode(hmac.new(base64.b64decode(key.key), text.encode(), hashlib.sha256).digest())


def _check_date(date: str | None) -> None:
    try:
        age = abs(now() - from_http_date(date or ""))
    except ValueError:
        raise _failed("The request needs an ocp-date or Date header.") from None
    if age > MAX_SKEW:
        raise _failed("The request's date is too far from the service's.")


def _failed(reason: str) -> BatchError:
    return error("AuthenticationFailed", AuthenticationErrorDetail=reason)
