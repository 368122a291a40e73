"""Calls on a Batch account's keys, and on those of its linked storage account."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.account import shown
from batchkit.local.arm.accounts import found
from batchkit.local.arm.calls import ACCOUNT, NEWEST, Table
from batchkit.local.resources import accounts as kept
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import bad_value, error
from batchkit.local.wire.formats import Json, new_etag, stamp

_KEYS = {"primary", "secondary"}


def table() -> Table:
    """Return the calls as method, path and handler."""
    return [
        ("POST", f"{ACCOUNT}/listKeys", list_keys),
        ("POST", f"{ACCOUNT}/regenerateKeys", regenerate_keys),
        ("POST", f"{ACCOUNT}/syncAutoStorageKeys", sync_keys),
    ]


async def list_keys(site: Site, request: Request) -> Response:
    """Show an account's keys, where keys open it at all."""
    doc = found(site, request)
    _check_keys(site, doc)
    return reply({"accountName": doc["name"], **kept.keys(site.resources, doc)})


async def regenerate_keys(site: Site, request: Request) -> Response:
    """Give an account a new primary or secondary key."""
    body, doc = await body_of(request), found(site, request)
    _check_keys(site, doc)
    which = str(body.get("keyName", "")).lower()
    if which not in _KEYS:
        raise bad_value("keyName", body.get("keyName"), "It must be Primary or Secondary.")
    service = doc.get("service") or {"etag": new_etag(), "modified": stamp()}
    generations = service.get("keys") or {}
    counted = {**generations, which: generations.get(which, 0) + 1}
    doc = site.resources.put({**doc, "service": {**service, "keys": counted}})
    return reply({"accountName": doc["name"], **kept.keys(site.resources, doc)})


def _check_keys(site: Site, doc: Json) -> None:
    """Refuse an account that no key opens: its modes are AAD and tasks' tokens alone."""
    if "SharedKey" not in shown(site, doc, NEWEST)["properties"]["allowedAuthenticationModes"]:
        reason = "The account's allowedAuthenticationModes do not include SharedKey."
        raise error("OperationInvalidForCurrentState", status=409, Reason=reason)


async def sync_keys(site: Site, request: Request) -> Response:
    """Read the linked storage account's keys anew."""
    doc = found(site, request)
    storage = doc["properties"].get("autoStorage")
    if storage is None:
        raise error("OperationInvalidForCurrentState", status=409, Reason="The account has no auto-storage account.")
    if doc.get("service"):
        synced = storage | {"lastKeySync": stamp()}
        site.resources.put({**doc, "properties": {**doc["properties"], "autoStorage": synced}})
    return Response(status_code=204)
