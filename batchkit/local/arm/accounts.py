"""Calls on Batch accounts: made and deleted in the background, changed and shown at once.

An account that nobody made answers by any name, as the one local account, until an account is made in its
group or a template is deployed there: from then on only what was made is there.
"""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.account import LOCATION, SETTABLE, shown
from batchkit.local.arm.calls import ACCOUNT, ACCOUNTS, SUBSCRIPTION, Table, accepted, account_id, tagged, version
from batchkit.local.arm.calls import LOCATION as IN_LOCATION
from batchkit.local.batch.engine import pools
from batchkit.local.resources import access, catalogue
from batchkit.local.resources import accounts as kept
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import BatchError, bad_value, error, missing
from batchkit.local.wire.formats import Json, new_etag, stamp

_NO_VAULT = "keyVaultReference must be set if poolAllocationMode is specified as 'UserSubscription' on a PUT request"
_DELETE_SECONDS = 15.0  # by the service's clock; recorded: 15 to 60
_QUOTED_SINCE = "2017-05-01"  # the first API version with quotes around an ETag


def table() -> Table:
    """Return the calls as method, path and handler."""
    return [
        ("GET", f"{SUBSCRIPTION}/providers/Microsoft.Batch/batchAccounts", list_all),
        ("GET", ACCOUNTS, list_in_group),
        ("PUT", ACCOUNT, put_account),
        ("PATCH", ACCOUNT, patch_account),
        ("GET", ACCOUNT, get_account),
        ("DELETE", ACCOUNT, delete_account),
        ("GET", f"{ACCOUNT}/operationResults/{{result}}", made_result),
        ("GET", f"{IN_LOCATION}/accountOperationResults/{{result}}", deleted_result),
    ]


def found(site: Site, request: Request) -> Json:
    """Return the account that a request's path names, made or implied.

    Raises:
        BatchError: ResourceNotFound, 404.
    """
    doc = site.resources.get(account_id(request))
    if doc is not None:
        return doc
    if site.resources.settled(account_id(request)):
        raise not_found(request)
    return _implied(site, account_id(request))


def not_found(request: Request) -> BatchError:
    """Return the refusal of an account that is not there."""
    names = request.path_params
    text = f"The Resource 'Microsoft.Batch/batchAccounts/{names['account']}' under resource group '{names['group']}' "
    text += "was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    return error("ResourceNotFound", text, 404)


def _implied(site: Site, resource_id: str) -> Json:
    """Return the one local account under a name: keyless unless keys are allowed, linked to the local blob storage."""
    config = site.batch.config
    storage = config.blob_url.rstrip("/").rpartition("/")[2]
    group = resource_id.partition("/providers/")[0]
    return _described(resource_id, LOCATION) | {
        "properties": {
            "allowedAuthenticationModes": ["SharedKey", "AAD"] if config.shared_key is not None else ["AAD"],
            "autoStorage": {
                "storageAccountId": f"{group}/providers/Microsoft.Storage/storageAccounts/{storage}",
                "lastKeySync": site.started,
                "authenticationMode": "BatchAccountManagedIdentity",
            },
        }
    }


def _described(resource_id: str, location: str) -> Json:
    name, kind = resource_id.rsplit("/", 1)[-1], "Microsoft.Batch/batchAccounts"
    return {"id": resource_id, "name": name, "type": kind, "location": location}


def _shown(site: Site, doc: Json, request: Request) -> Response:
    since = doc.get("service") or {"etag": site.etag, "modified": site.started}
    asked = version(request)
    body = shown(site, doc, asked)
    etag = since["etag"] if asked < _QUOTED_SINCE else f'"{since["etag"]}"'
    return tagged(body, etag, since["modified"])


async def get_account(site: Site, request: Request) -> Response:
    """Show an account."""
    return _shown(site, found(site, request), request)


async def list_all(site: Site, request: Request) -> Response:
    """List a subscription's accounts; where none was ever made, the one that is always there."""
    below = SUBSCRIPTION.format(**request.path_params)
    docs = kept.below(site.resources, below)
    if not docs and not site.resources.settled_anywhere(below):
        docs = [
            _implied(site, f"{below}/resourceGroups/{kept.GROUP}/providers/{kept.KIND}/{kept.name(site.resources)}")
        ]
    return _listed(site, docs, request)


async def list_in_group(site: Site, request: Request) -> Response:
    """List a group's accounts."""
    return _listed(site, kept.below(site.resources, account_id_of_group(request)), request)


def account_id_of_group(request: Request) -> str:
    """Return the resource id of the group that a request's path names."""
    return ACCOUNTS.format(**request.path_params).partition("/providers/")[0]


def _listed(site: Site, docs: list[Json], request: Request) -> Response:
    return reply({"value": [shown(site, doc, version(request)) for doc in docs]})


async def put_account(site: Site, request: Request) -> Response:
    """Begin to make an account."""
    body, resource_id = await body_of(request), account_id(request)
    present = site.resources.get(resource_id)
    _check(body, request, present)
    access.check_assign(site.resources, request, _identities(body))
    if site.resources.over_quota(resource_id, str(body["location"])):
        text = "The regional Batch account quota for the specified subscription has been reached."
        problem = error("SubscriptionQuotaExceeded", text, 409)
        return _begin(site, request, resource_id, problem)
    doc = _described(resource_id, str(body["location"])) | _sent(body)
    doc["properties"] |= {"provisioningState": "Creating" if present is None else "Succeeded"}
    _keep(site, doc, present)
    return _begin(site, request, resource_id)


def _identities(body: Json) -> list[str]:
    return list((body.get("identity") or {}).get("userAssignedIdentities") or {})


def _check(body: Json, request: Request, present: Json | None) -> None:
    if not body.get("location"):
        raise error("LocationRequired", "The location property is required for this definition.", 400)
    sent = body.get("properties") or {}
    if sent.get("poolAllocationMode") == "UserSubscription" and not sent.get("keyVaultReference"):
        raise error("InvalidRequestBody", Reason=_NO_VAULT)
    if present is not None and present["location"].lower() != str(body["location"]).lower():
        text = f"The resource '{present['name']}' already exists in location '{present['location']}'. "
        text += f"A resource with the same name cannot be created in location '{body['location']}'."
        raise error("InvalidResourceLocation", text, 409)


def _sent(body: Json) -> Json:
    """Return what a body sets, as it is kept."""
    sent = body.get("properties") or {}
    properties = {key: sent[key] for key in SETTABLE if sent.get(key) is not None}
    if "autoStorage" in properties:
        properties["autoStorage"] = _linked(properties["autoStorage"])
    given = {key: body[key] for key in ("tags", "identity") if body.get(key)}
    return given | {"properties": properties}


def _linked(storage: Json) -> Json:
    if not storage.get("storageAccountId"):
        raise missing("storageAccountId")
    mode = storage.get("authenticationMode") or "StorageKeys"
    if mode not in ("StorageKeys", "BatchAccountManagedIdentity"):
        raise bad_value("authenticationMode", mode, "It must be StorageKeys or BatchAccountManagedIdentity.")
    return {**storage, "authenticationMode": mode, "lastKeySync": stamp()}


def _keep(site: Site, doc: Json, present: Json | None) -> Json:
    generations = ((present or {}).get("service") or {}).get("keys") or {}
    service = {"etag": new_etag(), "modified": stamp(), "keys": generations}
    return site.resources.put({**doc, "service": service})


def _begin(site: Site, request: Request, resource_id: str, problem: BatchError | None = None) -> Response:
    name = str(uuid.uuid4())
    site.results[name] = None
    seconds = catalogue.seconds(kept.KIND) * site.resources.knobs.slowness
    site.batch.spawn(_make(site, name, resource_id, seconds, problem), f"account {resource_id} is made")
    return accepted(site, request, f"{resource_id}/operationResults/{name}")


async def _make(site: Site, name: str, resource_id: str, seconds: float, problem: BatchError | None) -> None:
    await site.batch.wait(seconds)
    doc = site.resources.get(resource_id)
    if doc is not None and doc["properties"].get("provisioningState") == "Creating":
        site.resources.put({**doc, "properties": {**doc["properties"], "provisioningState": "Succeeded"}})
    site.results[name] = problem or resource_id


async def made_result(site: Site, request: Request) -> Response:
    """Say how the making of an account goes: 202 until it is there."""
    result = _result(site, request)
    if result is None:
        return accepted(site, request, f"{account_id(request)}/operationResults/{request.path_params['result']}")
    if isinstance(result, BatchError):
        raise result
    return _shown(site, found(site, request), request)


def _result(site: Site, request: Request) -> str | BatchError | None:
    name = request.path_params["result"]
    if name not in site.results:
        raise error("OperationResultNotFound", f"There is no operation '{name}'.", 404)
    result: str | BatchError | None = site.results[name]
    return result


async def patch_account(site: Site, request: Request) -> Response:
    """Change what the body names; an empty storage account unlinks auto-storage."""
    body, present = await body_of(request), found(site, request)
    access.check_assign(site.resources, request, _identities(body))
    sent = body.get("properties") or {}
    for name in ("poolAllocationMode", "keyVaultReference"):
        if sent.get(name) is not None:
            raise bad_value(name, sent[name], "It cannot be changed.")
    unlinked = "autoStorage" in sent and not (sent["autoStorage"] or {}).get("storageAccountId")
    fresh = _sent({**body, "properties": {k: v for k, v in sent.items() if k != "autoStorage" or not unlinked}})
    properties = {**present["properties"], **fresh.pop("properties")}
    if unlinked:
        properties.pop("autoStorage", None)
    doc = {**present, **fresh, "properties": properties}
    if "tags" in body:
        doc["tags"] = body["tags"] or {}
    return _shown(site, _keep(site, doc, present), request)


async def delete_account(site: Site, request: Request) -> Response:
    """Begin to delete an account with its pools; one that is not there counts as deleted."""
    resource_id = account_id(request)
    doc = site.resources.get(resource_id)
    if doc is None:
        return Response(status_code=204)
    name = f"{doc['name']}-{uuid.uuid4()}"
    site.results[name] = None
    site.resources.put({**doc, "properties": {**doc["properties"], "provisioningState": "Deleting"}})
    site.batch.spawn(_delete(site, name, resource_id), f"account {resource_id} is deleted")
    return accepted(site, request, _place(request, doc["location"], name))


def _place(request: Request, location: str, name: str) -> str:
    where = IN_LOCATION.format(subscription=request.path_params["subscription"], location=location)
    return f"{where}/accountOperationResults/{name}"


async def _delete(site: Site, name: str, resource_id: str) -> None:
    await site.batch.wait(_DELETE_SECONDS)
    site.resources.drop(resource_id)
    if not site.resources.accounts():
        for pool in list(site.batch.pools.values()):
            pools.delete(site.batch, pool)
    site.results[name] = resource_id


async def deleted_result(site: Site, request: Request) -> Response:
    """Say how the deletion of an account goes: 202 until it is gone."""
    if _result(site, request) is None:
        return accepted(site, request, _place(request, request.path_params["location"], request.path_params["result"]))
    return Response(status_code=200)
