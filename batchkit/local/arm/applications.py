"""Calls on a Batch account's applications and their packages: made, uploaded to the blob service, activated.

A package is made with a link to upload its zip file to, and is there for tasks once it was activated.
"""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.accounts import found as found_account
from batchkit.local.arm.calls import ACCOUNT, Table, account_id
from batchkit.local.resources import packages
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.model import parent_missing, shown
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import bad_value, error
from batchkit.local.wire.formats import Json, new_etag, stamp

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_VERSION = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_SET = ("displayName", "allowUpdates", "defaultVersion")


def table() -> Table:
    """Return the calls as method, path and handler."""
    application = f"{ACCOUNT}/applications/{{application}}"
    version = f"{application}/versions/{{version}}"
    return [
        ("GET", f"{ACCOUNT}/applications", list_applications),
        ("PUT", application, put_application),
        ("PATCH", application, patch_application),
        ("GET", application, get_application),
        ("DELETE", application, delete_application),
        ("GET", f"{application}/versions", list_packages),
        ("PUT", version, put_package),
        ("GET", version, get_package),
        ("DELETE", version, delete_package),
        ("POST", f"{version}/activate", activate_package),
    ]


def _id(request: Request) -> str:
    return f"{account_id(request)}/applications/{request.path_params['application']}"


def _application(site: Site, request: Request) -> Json:
    found_account(site, request)
    doc = site.resources.get(_id(request))
    if doc is None:
        raise error("ApplicationNotFound", "The specified application does not exist.", 404)
    return doc


def _package(site: Site, request: Request) -> Json:
    _application(site, request)
    doc = site.resources.get(f"{_id(request)}/versions/{request.path_params['version']}")
    if doc is None:
        raise error("ApplicationPackageNotFound", "The specified application package does not exist.", 404)
    return doc


async def list_applications(site: Site, request: Request) -> Response:
    """List the account's applications."""
    mine = f"{found_account(site, request)['id']}/".lower()
    docs = [doc for doc in site.resources.of_kind(packages.KIND) if doc["id"].lower().startswith(mine)]
    return reply({"value": [shown(doc) for doc in sorted(docs, key=lambda doc: str(doc["name"]).lower())]})


async def get_application(site: Site, request: Request) -> Response:
    """Show an application."""
    return reply(shown(_application(site, request)))


async def put_application(site: Site, request: Request) -> Response:
    """Make an application; one that is there already is changed."""
    found_account(site, request)
    if (parent := site.resources.missing_parent(_id(request))) is not None:
        raise error("ParentResourceNotFound", parent_missing(packages.KIND, parent), 404)
    name = request.path_params["application"]
    body = await body_of(request) if await request.body() else {}  # az sends none where there is nothing to say
    if not _NAME.fullmatch(name):
        raise bad_value("applicationName", name, "It takes 1 to 64 letters, digits, hyphens and underscores.")
    doc = site.resources.get(_id(request)) or {"id": _id(request), "name": name, "type": packages.KIND}
    return _changed(site, doc | {"properties": doc.get("properties", {"allowUpdates": True})}, body)


async def patch_application(site: Site, request: Request) -> Response:
    """Change an application's name for people, its default version, whether its packages may be replaced."""
    return _changed(site, _application(site, request), await body_of(request))


def _changed(site: Site, doc: Json, body: Json) -> Response:
    sent = body.get("properties") or {}
    default = sent.get("defaultVersion")
    if default is not None and default not in {each["name"] for each in packages.active(site.resources, doc)}:
        reason = "The specified default version is not an active package of the application."
        raise bad_value("defaultVersion", default, reason)
    fresh = {name: sent[name] for name in _SET if sent.get(name) is not None}
    return reply(shown(_kept(site, doc, {**doc["properties"], **fresh})))


def _kept(site: Site, doc: Json, properties: Json) -> Json:
    return site.resources.put({**doc, "etag": f'W/"{new_etag()}"', "properties": properties})


async def delete_application(site: Site, request: Request) -> Response:
    """Delete an application without packages; one that is not there counts as deleted."""
    doc = site.resources.get(_id(request))
    if doc is None:
        return Response(status_code=204)
    if packages.below(site.resources, doc):
        reason = "The application has packages; delete them first."
        raise error("OperationInvalidForCurrentState", status=409, Reason=reason)
    site.resources.drop(doc["id"])
    return Response(status_code=200)


async def list_packages(site: Site, request: Request) -> Response:
    """List an application's packages."""
    docs = packages.below(site.resources, _application(site, request))
    return reply({"value": [_with_link(site, doc) for doc in sorted(docs, key=lambda doc: str(doc["name"]).lower())]})


async def get_package(site: Site, request: Request) -> Response:
    """Show a package."""
    return reply(_with_link(site, _package(site, request)))


async def put_package(site: Site, request: Request) -> Response:
    """Make a package and say where to upload it; one that is there already waits for another upload."""
    application, version = _application(site, request), request.path_params["version"]
    if not _VERSION.fullmatch(version):
        raise bad_value("versionName", version, "It takes 1 to 64 letters, digits, points, hyphens and underscores.")
    where = f"{application['id']}/versions/{version}"
    if site.resources.has(where) and not application["properties"]["allowUpdates"]:
        raise error("OperationInvalidForCurrentState", status=409, Reason="The application does not allow updates.")
    doc = {"id": where, "name": version, "type": packages.VERSION}
    await asyncio.to_thread(packages.prepare, site.batch.config, doc)
    return reply(_with_link(site, _kept(site, doc, {"state": "Pending"}), write=True))


async def activate_package(site: Site, request: Request) -> Response:
    """Let tasks have a package that was uploaded."""
    doc, body = _package(site, request), await body_of(request)
    kind = str(body.get("format") or "").lower()
    if kind != "zip":
        raise bad_value("format", body.get("format"), "The format of a package is zip.")
    if not await asyncio.to_thread(packages.is_uploaded, site.batch.config, doc):
        text = "The specified application package has not been uploaded to storage."
        raise error("ApplicationPackageBlobNotFound", text, 409)
    active = {"state": "Active", "format": kind, "lastActivationTime": stamp()}
    return reply(_with_link(site, _kept(site, doc, active)))


async def delete_package(site: Site, request: Request) -> Response:
    """Delete a package and what was uploaded; one that is not there counts as deleted."""
    application = site.resources.get(_id(request))
    doc = site.resources.get(f"{_id(request)}/versions/{request.path_params['version']}")
    if application is None or doc is None:
        return Response(status_code=204)
    if application["properties"].get("defaultVersion") == doc["name"]:
        left = {key: value for key, value in application["properties"].items() if key != "defaultVersion"}
        _kept(site, application, left)
    await asyncio.to_thread(packages.remove, site.batch.config, doc)
    site.resources.drop(doc["id"])
    return Response(status_code=200)


def _with_link(site: Site, doc: Json, write: bool = False) -> Json:
    url, until = packages.link(site.batch.config, doc, write)
    return shown(doc) | {"properties": {**doc["properties"], "storageUrl": url, "storageUrlExpiry": stamp(until)}}
