"""The calls of image builds, with the two links that need no token."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import error

Json = dict[str, Any]
_REGISTRY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries"


def table() -> list[tuple[str, str, Callable[[Site, Request], Awaitable[Response]]]]:
    """Return the calls as method, path and handler."""
    registry = f"{_REGISTRY}/{{registry}}"
    return [
        ("POST", f"{registry}/listBuildSourceUploadUrl", upload_url),
        ("POST", f"{registry}/scheduleRun", schedule),
        ("POST", f"{registry}/importImage", import_image),
        ("GET", f"{registry}/runs/{{run}}", get_run),
        ("POST", f"{registry}/runs/{{run}}/listLogSasUrl", log_url),
    ]


def links(site: Site) -> list[Route]:
    """Return the routes of the links: they carry their own secret, so no token is asked for."""

    async def answer(request: Request) -> Response:
        what, key = request.path_params["what"], request.query_params.get("sig", "")
        if request.headers.get("host") != urlsplit(site.batch.config.arm_url).netloc or not site.builds.opens(
            what, key
        ):
            return Response(status_code=403, headers={"x-ms-error-code": "AuthenticationFailed"})
        return await _put(site, request, what) if request.method == "PUT" else _log(site, request, what)

    return [Route("/transient/links/{what:path}", answer, methods=["GET", "PUT", "HEAD"])]


async def _put(site: Site, request: Request, what: str) -> Response:
    site.builds.uploads[what] = await request.body()
    return Response(status_code=201, headers=_blob_headers())


def _log(site: Site, request: Request, what: str) -> Response:
    text = site.builds.runs[what.rsplit("/", 1)[-1].removesuffix(".log")].log.encode()
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("x-ms-range", request.headers.get("range", "")))
    start = int(wanted[1]) if wanted else 0
    part = text[start : int(wanted[2]) + 1 if wanted and wanted[2] else None]
    headers = _blob_headers() | {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(text)}"}
    return Response(part, 206 if wanted else 200, headers, "text/plain")


def _blob_headers() -> dict[str, str]:
    return {"ETag": '"0x1"', "Last-Modified": formatdate(usegmt=True), "x-ms-blob-type": "BlockBlob",
            "x-ms-version": "2021-12-02", "x-ms-request-id": base64.b16encode(b"local").decode()}  # fmt: skip


def _registry(site: Site, request: Request) -> str:
    path = _REGISTRY.format(**request.path_params) + f"/{request.path_params['registry']}"
    if site.resources.settled(path) and site.resources.get(path) is None:
        raise error("ResourceNotFound", f"The resource '{path}' was not found.", 404)
    if not site.resources.knobs.builds_allowed:
        text = f"ACR Tasks requests for the registry {request.path_params['registry']} are not permitted."
        raise error("TasksOperationsNotAllowed", text, 403)
    return path


def _address(site: Site, path: str) -> str:
    return site.url + path


async def upload_url(site: Site, request: Request) -> Response:
    """Give a link to put a build's context under."""
    _registry(site, request)
    what = f"source/{len(site.builds.uploads) + 1}.tar.gz"
    return reply({"uploadUrl": _address(site, site.builds.link(what)), "relativePath": what})


async def schedule(site: Site, request: Request) -> Response:
    """Start a build."""
    path = _registry(site, request)
    registry, body = request.path_params["registry"], await body_of(request)
    refused = _hub_refuses(site) if site.builds.begins_from_hub(registry, body) else ""
    build = site.builds.run(registry, body, refused)
    return reply(build.shown(path))


def _hub_refuses(site: Site) -> str:
    """Return what Docker Hub says to one address too many, as often as the subscription is told to."""
    if not site.resources.knobs.hub_refusals:
        return ""
    site.resources.knobs.hub_refusals -= 1
    return "toomanyrequests: You have reached your unauthenticated pull rate limit."


async def import_image(site: Site, request: Request) -> Response:
    """Copy an image of another registry into this one; a tag that is there already is not overwritten (NoForce)."""
    _registry(site, request)
    body = await body_of(request)
    registry, tags = request.path_params["registry"].lower(), {*(body.get("targetTags") or [])}
    there = site.builds.copies.setdefault(registry, set())
    if again := there & tags:
        raise error("Conflict", f"Tag {', '.join(again)} already exists in target registry.", 409)
    if body["source"].get("registryUri") == "docker.io" and (refused := _hub_refuses(site)):
        raise error("InvalidParameters", refused, 400)
    there |= tags
    return Response(status_code=200)


async def get_run(site: Site, request: Request) -> Response:
    """Show a build."""
    path, run = _registry(site, request), site.builds.runs.get(request.path_params["run"])
    if run is None:
        raise error("RunNotFound", f"The run '{request.path_params['run']}' was not found.", 404)
    return reply(run.shown(path))


async def log_url(site: Site, request: Request) -> Response:
    """Give a link to read a build's log under."""
    _registry(site, request)
    return reply({"logLink": _address(site, site.builds.link(f"logs/{request.path_params['run']}.log"))})
