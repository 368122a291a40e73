"""The calls of image builds and of what a location offers, with the two links that need no token."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchkit.local.batch.errors import error
from batchkit.local.batch.state import State
from batchkit.local.resources.builds import Builds

Json = dict[str, Any]
SKUS: list[Json] = json.loads(files(__package__).joinpath("skus.json").read_text("utf-8"))
_REGISTRY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries"
_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.Batch/locations/{location}"
_builds: dict[int, Builds] = {}


def builds(state: State) -> Builds:
    """Return the builds of one running service."""
    return _builds.setdefault(id(state), Builds())


def table() -> list[tuple[str, str, Callable[[State, Request], Awaitable[Response]]]]:
    """Return the calls as method, path and handler."""
    registry = f"{_REGISTRY}/{{registry}}"
    return [
        ("POST", f"{registry}/listBuildSourceUploadUrl", upload_url),
        ("POST", f"{registry}/scheduleRun", schedule),
        ("GET", f"{registry}/runs/{{run}}", get_run),
        ("POST", f"{registry}/runs/{{run}}/listLogSasUrl", log_url),
        ("GET", f"{_LOCATION}/virtualMachineSkus", list_skus),
        ("GET", f"{_LOCATION}/quotas", location_quota),
    ]


def links(state: State) -> list[Route]:
    """Return the routes of the links: they carry their own secret, so no token is asked for."""

    async def answer(request: Request) -> Response:
        what, key = request.path_params["what"], request.query_params.get("sig", "")
        if request.headers.get("host") != urlsplit(state.config.arm_url).netloc or not builds(state).opens(what, key):
            return Response(status_code=403, headers={"x-ms-error-code": "AuthenticationFailed"})
        return await _put(state, request, what) if request.method == "PUT" else _log(state, request, what)

    return [Route("/transient/links/{what:path}", answer, methods=["GET", "PUT", "HEAD"])]


async def _put(state: State, request: Request, what: str) -> Response:
    builds(state).uploads[what] = await request.body()
    return Response(status_code=201, headers=_blob_headers())


def _log(state: State, request: Request, what: str) -> Response:
    text = builds(state).runs[what.rsplit("/", 1)[-1].removesuffix(".log")].log.encode()
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("x-ms-range", request.headers.get("range", "")))
    start = int(wanted[1]) if wanted else 0
    part = text[start : int(wanted[2]) + 1 if wanted and wanted[2] else None]
    headers = _blob_headers() | {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(text)}"}
    return Response(part, 206 if wanted else 200, headers, "text/plain")


def _blob_headers() -> dict[str, str]:
    return {"ETag": '"0x1"', "Last-Modified": formatdate(usegmt=True), "x-ms-blob-type": "BlockBlob",
            "x-ms-version": "2021-12-02", "x-ms-request-id": base64.b16encode(b"local").decode()}  # fmt: skip


def _registry(state: State, request: Request) -> str:
    path = _REGISTRY.format(**request.path_params) + f"/{request.path_params['registry']}"
    if state.resources.governs(path) and state.resources.get(path) is None:
        raise error("ResourceNotFound", f"The resource '{path}' was not found.", 404)
    if not state.resources.knobs.builds_allowed:
        text = f"ACR Tasks requests for the registry {request.path_params['registry']} are not permitted."
        raise error("TasksOperationsNotAllowed", text, 403)
    return path


def _address(state: State, path: str) -> str:
    return state.config.arm_url.rstrip("/") + path


async def upload_url(state: State, request: Request) -> Response:
    """Give a link to put a build's context under."""
    from batchkit.local.resources.routes import reply

    _registry(state, request)
    what = f"source/{len(builds(state).uploads) + 1}.tar.gz"
    return reply({"uploadUrl": _address(state, builds(state).link(what)), "relativePath": what})


async def schedule(state: State, request: Request) -> Response:
    """Start a build."""
    from batchkit.local.resources.routes import body_of, reply

    path = _registry(state, request)
    build = builds(state).run(request.path_params["registry"], await body_of(request))
    return reply(build.shown(path))


async def get_run(state: State, request: Request) -> Response:
    """Show a build."""
    from batchkit.local.resources.routes import reply

    path, run = _registry(state, request), builds(state).runs.get(request.path_params["run"])
    if run is None:
        raise error("RunNotFound", f"The run '{request.path_params['run']}' was not found.", 404)
    return reply(run.shown(path))


async def log_url(state: State, request: Request) -> Response:
    """Give a link to read a build's log under."""
    from batchkit.local.resources.routes import reply

    _registry(state, request)
    return reply({"logLink": _address(state, builds(state).link(f"logs/{request.path_params['run']}.log"))})


async def list_skus(_state: State, _request: Request) -> Response:
    """List the machine sizes that pools may be made of."""
    from batchkit.local.resources.routes import reply

    return reply({"value": SKUS})


async def location_quota(_state: State, _request: Request) -> Response:
    """Say how many accounts a subscription may have in a location."""
    from batchkit.local.resources.routes import reply

    return reply({"accountQuota": 3})
