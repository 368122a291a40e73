"""The data plane's web application: the gate that every request passes, then its operation.

The gate checks the Host header (against DNS rebinding), the token or key, the API version, the query
parameters and the body's size, in that order; each operation's name and path come from the table.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from batchkit.local.batch.api import admin, lenient
from batchkit.local.batch.api.call import HANDLERS, OPERATIONS, Call, Reply
from batchkit.local.batch.api.keys import account_of, verify_shared_key
from batchkit.local.batch.api.permission import check_door, check_role
from batchkit.local.batch.state.state import State, log
from batchkit.local.tokens import BATCH_AUDIENCE, AuthenticationFailed
from batchkit.local.wire import schema
from batchkit.local.wire.errors import BatchError, body, error
from batchkit.local.wire.hangup import Dropped, Hangup
from batchkit.local.wire.versions import NEWEST, spoken
from batchkit.local.wire.versions import headers as versioned

MAX_BODY = 1024 * 1024 + 64 * 1024  # about 1 MB: a collection of tasks beyond it is refused
_VERSION = re.compile(r"^(\d{4}-\d{2}-\d{2})(\.\d+\.\d+)?$")
_ALWAYS = {"api-version", "timeout", "$skiptoken"}
# Changes whose answers do not say, in DataServiceId, what was changed; and the one look that does.
_UNNAMED = {"create_task_collection", "upload_node_logs", "reactivate_task"}
_NAMED = {"get_node_remote_login_settings"}
_CHUNK = 256 * 1024


def make_app(state: State) -> Starlette:
    """Return the ASGI application of the data plane."""
    routes = [_route(state, name, entry["url"], entry["method"]) for name, entry in OPERATIONS.items()]
    routes.append(Route(admin.PATH, _admin(state), methods=admin.METHODS))
    app = Starlette(routes=routes)
    app.router.default = _Unrouted(state)
    app.router.redirect_slashes = False
    return app


def _route(state: State, name: str, url: str, method: str) -> Route:
    async def endpoint(request: Request) -> Response:
        return await answer(state, name, request)

    path = url.replace("{filePath}", "{filePath:path}")
    route = Route(path, endpoint, methods=[method], name=name)
    route.methods = {method}  # Starlette adds HEAD to GET, but here each has an operation of its own
    return route


def _admin(state: State) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            check_host(state, request)
            authenticate(state, request)
        except BatchError as failure:
            return refusal(state, failure, request, str(uuid.uuid4()))
        return await admin.faults(state, request)

    return endpoint


class _Unrouted:
    """What answers when no operation has the path, or none with the method."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            gate(self.state, request, "")
            raise error("InvalidUri")
        except BatchError as failure:
            await refusal(self.state, failure, request, str(uuid.uuid4()))(scope, receive, send)


def gate(state: State, request: Request, name: str) -> None:
    """Let a request in, or refuse it.

    Raises:
        BatchError: a wrong Host, no or a bad token, a bad API version, an unknown query parameter.
    """
    check_host(state, request)
    check_door(state)
    claims = authenticate(state, request)
    _check_version(request.query_params.get("api-version"))
    if name:
        _check_query(request, name)
        check_role(state, name, claims, request.path_params.get("jobId"))


def check_host(state: State, request: Request) -> None:
    """Refuse a Host header that is not this service's address.

    Raises:
        BatchError: InvalidHeaderValue.
    """
    if not state.config.is_batch(request.headers.get("host")):
        raise error("InvalidHeaderValue", HeaderName="Host", HeaderValue=request.headers.get("host", ""))


def authenticate(state: State, request: Request) -> dict[str, Any]:
    """Check the bearer token, or the shared key where the service was started with one.

    Raises:
        BatchError: AuthenticationFailed; 401 for tokens, 403 for a wrong signature, as the service does.
    """
    authorization = request.headers.get("authorization")
    if (authorization or "").startswith("SharedKey ") and state.config.shared_key is not None:
        verify_shared_key(request, *state.subscription.account_keys(account_of(request)))
        return {}
    try:
        return state.config.tokens.verify(authorization, BATCH_AUDIENCE)
    except AuthenticationFailed as failure:
        refused = error("AuthenticationFailed", status=401, AuthenticationErrorDetail=failure.reason)
        refused.headers["WWW-Authenticate"] = f'Bearer authorization_uri="{BATCH_AUDIENCE}", error="invalid_token"'
        raise refused from None


def _check_version(version: str | None) -> None:
    if version is None:
        raise error("MissingRequiredQueryParameter", QueryParameterName="api-version")
    match = _VERSION.match(version)
    if match is None:
        raise error("InvalidQueryParameterValue", QueryParameterName="api-version", QueryParameterValue=version)
    if match.group(1) > NEWEST:
        raise error("UnsupportedRequestVersion", QueryParameterName="api-version", QueryParameterValue=version)


def _check_query(request: Request, name: str) -> None:
    """Refuse a parameter that the operation does not take; versions differ in their capitals (timeout, timeOut)."""
    allowed = _ALWAYS | {known.lower() for known in OPERATIONS[name]["query"]}
    for parameter in request.query_params:
        if parameter.lower() not in allowed:
            raise error("UnsupportedQueryParameter", QueryParameterName=parameter)


def _query(request: Request, name: str) -> dict[str, str]:
    """Return the query by the names that the table has for the operation's parameters."""
    known = {each.lower(): each for each in (*_ALWAYS, *OPERATIONS[name]["query"])}
    return {known[each.lower()]: value for each, value in request.query_params.items()}


async def answer(state: State, name: str, request: Request) -> Response:
    """Answer one request for an operation."""
    request_id = str(uuid.uuid4())
    try:
        gate(state, request, name)
        await state.faults.before(name)
        handler = HANDLERS.get(name)
        if handler is None:
            raise error("NotImplemented", f"The local Azure Batch does not implement {name}.", 501, Operation=name)
        call = Call(state, name, dict(request.path_params), _query(request, name), dict(request.headers))
        call.body = await _read(request)
        _take_body(call)
        reply = await handler(call)
        state.faults.after(name)
    except BatchError as failure:
        return refusal(state, failure, request, request_id)
    except (Dropped, ClientDisconnect):
        return Hangup()
    except Exception:
        log.exception("%s failed", name)
        return refusal(state, error("InternalError"), request, request_id)
    if (name in _NAMED or (call.write and request.method != "DELETE")) and name not in _UNNAMED:
        reply.headers.setdefault("DataServiceId", reply.headers.get("Location") or _address(state, request))
    return _respond(state, reply, request, request_id)


def _address(state: State, request: Request) -> str:
    return f"{state.url}{request.scope['raw_path'].decode('latin-1')}"


def _take_body(call: Call) -> None:
    """Hold the body against its model, and go on with it in the service's own words."""
    model = OPERATIONS[call.operation].get("body")
    if model is None and not isinstance(call.body, dict | None):
        raise error("InvalidRequestBody", Reason="The body must be a JSON object.")
    if model is not None:
        call.body = schema.read(call.body, model, call.query["api-version"] == NEWEST)


async def _read(request: Request) -> Any:
    size = request.headers.get("content-length")
    if size and int(size) > MAX_BODY:
        raise error("RequestBodyTooLarge", MaxLimit=MAX_BODY)
    content = await request.body()
    if len(content) > MAX_BODY:
        raise error("RequestBodyTooLarge", MaxLimit=MAX_BODY)
    if not content:
        return None
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise error("InvalidHeaderValue", HeaderName="Content-Type", HeaderValue=request.headers.get("content-type"))
    try:
        return json.loads(content, object_hook=lenient.read)
    except (ValueError, RecursionError) as failure:
        raise error("InvalidRequestBody", Reason=str(failure)) from None


def _common(state: State, request: Request, request_id: str) -> dict[str, str]:
    said = {"request-id": request_id, **versioned(request.query_params.get("api-version", NEWEST))}
    own = request.headers.get("client-request-id")
    if own and request.headers.get("return-client-request-id", "").lower() == "true":
        said["client-request-id"] = own
    return said


def refusal(state: State, failure: BatchError, request: Request, request_id: str) -> Response:
    """Return the response of a refusal; 304 and HEAD have no body."""
    headers = {**_common(state, request, request_id), **failure.headers}
    if failure.status == HTTPStatus.NOT_MODIFIED or request.method == "HEAD":
        return Response(status_code=failure.status, headers=headers)
    text = json.dumps(body(failure, state.url, request_id))
    return Response(text, failure.status, headers, "application/json;odata=minimalmetadata")


def _respond(state: State, reply: Reply, request: Request, request_id: str) -> Response:
    headers = {**_common(state, request, request_id), **reply.all_headers()}
    if reply.file is not None:
        start, end = reply.span or (0, reply.file.stat().st_size)
        headers["Content-Length"] = str(end - start)
        return StreamingResponse(_stream(reply, start, end), reply.status, headers)
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    said = spoken(reply.body, request.query_params.get("api-version", NEWEST), state.config.as_recorded)
    text = json.dumps(said, separators=(",", ":"))
    return Response(text, reply.status, headers, "application/json;odata=minimalmetadata")


async def _stream(reply: Reply, start: int, end: int) -> AsyncIterator[bytes]:
    assert reply.file is not None
    with reply.file.open("rb") as content:
        content.seek(start)
        left = end - start
        while left > 0 and (chunk := await asyncio.to_thread(content.read, min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
