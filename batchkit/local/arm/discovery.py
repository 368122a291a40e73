"""What a program asks of Resource Manager before it knows anything: the cloud's addresses, tenants, subscriptions.

The addresses are told without a token, as on Azure: `az cloud register --endpoint-resource-manager URL` reads them.
Whoever would log in with a password is led back here, where nothing takes one, and never to Entra.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from batchkit.local.arm.account import LOCATION
from batchkit.local.config import SUBSCRIPTION
from batchkit.local.resources.answers import reply
from batchkit.local.resources.site import Site
from batchkit.local.tokens import ARM_AUDIENCE, BATCH_AUDIENCE, OLD_ARM_AUDIENCE
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json

METADATA = "/metadata/endpoints"
Handler = Callable[[Site, Request], Awaitable[Response]]
_OBJECT_SINCE = "2022-09-01"  # before, the answer was a list of clouds


def table() -> list[tuple[str, str, Handler]]:
    """Return the calls that need a token, as method, path and handler."""
    return [
        ("GET", "/tenants", list_tenants),
        ("GET", "/subscriptions", list_subscriptions),
        ("GET", "/subscriptions/{subscription}", get_subscription),
        ("GET", "/subscriptions/{subscription}/locations", list_locations),
    ]


async def metadata(site: Site, request: Request) -> Response:
    """Tell the cloud's addresses, to anyone."""
    check_host(site, request)
    cloud: Json = {
        "name": "Local",
        "portal": site.url,
        "authentication": {
            "loginEndpoint": f"{site.url}/",
            "audiences": [OLD_ARM_AUDIENCE, ARM_AUDIENCE],
            "tenant": site.batch.config.tokens.tenant_id,
            "identityProvider": "AAD",
        },
        "resourceManager": f"{site.url}/",
        "batch": BATCH_AUDIENCE,
        "suffixes": {"storage": "core.windows.net", "acrLoginServer": "azurecr.io", "keyVaultDns": "vault.azure.net"},
    }
    return JSONResponse(cloud if request.query_params.get("api-version", "") >= _OBJECT_SINCE else [cloud])


def check_host(site: Site, request: Request) -> None:
    """Refuse a Host header that is not this service's address.

    Raises:
        BatchError: InvalidHostHeader, 400.
    """
    if not site.batch.config.is_management(request.headers.get("host")):
        raise error("InvalidHostHeader", "The Host header is not this service's.", 400)


async def list_tenants(site: Site, _request: Request) -> Response:
    """List the tenants: one."""
    tenant = site.batch.config.tokens.tenant_id
    shown = {"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Local", "tenantCategory": "Home"}
    return reply({"value": [shown]})


async def list_subscriptions(site: Site, _request: Request) -> Response:
    """List the subscriptions: the one that is always there, and each that something was provisioned in."""
    everything = [doc["id"] for doc in site.resources.below("/subscriptions")]
    provisioned = [each.split("/")[2] for each in everything]
    found = dict.fromkeys([SUBSCRIPTION, *provisioned])
    return reply({"value": [_subscription(site, each) for each in found]})


async def get_subscription(site: Site, request: Request) -> Response:
    """Show a subscription: any id is taken."""
    return reply(_subscription(site, request.path_params["subscription"]))


def _subscription(site: Site, name: str) -> Json:
    return {
        "id": f"/subscriptions/{name}",
        "subscriptionId": name,
        "tenantId": site.batch.config.tokens.tenant_id,
        "displayName": "Local",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


async def list_locations(_site: Site, request: Request) -> Response:
    """List the regions: one."""
    name = f"/subscriptions/{request.path_params['subscription']}/locations/{LOCATION}"
    shown = {"id": name, "name": LOCATION, "type": "Region", "displayName": "Local", "regionalDisplayName": "Local"}
    return reply({"value": [shown]})
