"""What an account has besides pools and applications: private links, what its nodes call, detectors."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.accounts import found
from batchkit.local.arm.calls import ACCOUNT, Table, account_id
from batchkit.local.resources.answers import reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, new_etag

_LINKS = {
    "batchAccount": "privatelink.batch.azure.com",
    "nodeManagement": "privatelink.batch.azure.com",
}
# What a real account lists: the service itself, storage, packages and secrets, as its documents name them.
_CALLED = {
    "Azure Batch": ("batch.azure.com",),
    "Azure Storage": ("blob.core.windows.net", "queue.core.windows.net", "table.core.windows.net"),
    "Microsoft Package Repository": ("packages.microsoft.com",),
    "Azure Key Vault": ("vault.azure.net",),
}
_DETECTOR = "poolsAndNodes"


def table() -> Table:
    """Return the calls as method, path and handler."""
    connection = f"{ACCOUNT}/privateEndpointConnections"
    return [
        ("GET", f"{ACCOUNT}/privateLinkResources", list_links),
        ("GET", f"{ACCOUNT}/privateLinkResources/{{link}}", get_link),
        ("GET", connection, list_connections),
        ("GET", f"{connection}/{{connection}}", get_connection),
        ("GET", f"{ACCOUNT}/outboundNetworkDependenciesEndpoints", list_called),
        ("GET", f"{ACCOUNT}/detectors", list_detectors),
        ("GET", f"{ACCOUNT}/detectors/{{detector}}", get_detector),
    ]


def _link(request: Request, name: str) -> Json:
    base = f"{account_id(request)}/privateLinkResources"
    return {
        "id": f"{base}/{name}",
        "name": name,
        "type": "Microsoft.Batch/batchAccounts/privateLinkResources",
        "etag": f'W/"{new_etag()}"',
        "properties": {"groupId": name, "requiredMembers": [name], "requiredZoneNames": [_LINKS[name]]},
    }


async def list_links(site: Site, request: Request) -> Response:
    """List what a private endpoint may lead to."""
    found(site, request)
    return reply({"value": [_link(request, name) for name in _LINKS]})


async def get_link(site: Site, request: Request) -> Response:
    """Show one of what a private endpoint may lead to."""
    found(site, request)
    if request.path_params["link"] not in _LINKS:
        raise error("PrivateLinkResourceNotFound", "The specified private link resource does not exist.", 404)
    return reply(_link(request, request.path_params["link"]))


async def list_connections(site: Site, request: Request) -> Response:
    """List the private endpoints that lead to the account."""
    return reply({"value": site.resources.connections(found(site, request)["id"])})


async def get_connection(site: Site, request: Request) -> Response:
    """Show a private endpoint that leads to the account."""
    for each in site.resources.connections(found(site, request)["id"]):
        if each["name"] == request.path_params["connection"]:
            return reply(each)
    raise error("PrivateEndpointConnectionNotFound", "The specified connection does not exist.", 404)


async def list_called(site: Site, request: Request) -> Response:
    """List what the account's nodes call; the local ones call nothing but this machine."""
    found(site, request)
    listed = [{"category": name, "endpoints": [_called(host) for host in hosts]} for name, hosts in _CALLED.items()]
    return reply({"value": listed})


def _called(host: str) -> Json:
    return {"domainName": host, "description": "", "endpointDetails": [{"port": 443}]}


async def list_detectors(site: Site, request: Request) -> Response:
    """List the detectors: one, of pools and nodes."""
    found(site, request)
    return reply({"value": [_detector(request)]})


async def get_detector(site: Site, request: Request) -> Response:
    """Show a detector."""
    found(site, request)
    if request.path_params["detector"] != _DETECTOR:
        raise error("DetectorNotFound", "The specified detector does not exist.", 404)
    return reply(_detector(request))


def _detector(request: Request) -> Json:
    kind = "Microsoft.Batch/batchAccounts/detectors"
    where = f"{account_id(request)}/detectors/{_DETECTOR}"
    return {"id": where, "name": _DETECTOR, "type": kind, "etag": f'W/"{new_etag()}"', "properties": {"value": ""}}
