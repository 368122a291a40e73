"""What the Batch provider offers: its operations, and in a location names, quotas and machine sizes."""

from __future__ import annotations

import json
import re
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.calls import LOCATION, SUBSCRIPTION, Table
from batchkit.local.batch.engine.fleet import EXACT
from batchkit.local.batch.engine.images import listed
from batchkit.local.batch.engine.sizes import SIZES
from batchkit.local.resources.accounts import KIND
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json

OPERATIONS: list[Json] = json.loads(files(__package__).joinpath("operations.json").read_text("utf-8"))
_SHORT, _LONG = 3, 24
_IMAGE_VERSIONS = ("1.0.20260801", EXACT)
_VERSIONS = (
    f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/{{location}}/publishers/{{publisher}}"
    "/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
)


def table() -> Table:
    """Return the calls as method, path and handler."""
    return [
        ("GET", "/providers/Microsoft.Batch/operations", list_operations),
        ("POST", f"{LOCATION}/checkNameAvailability", check_name),
        ("GET", f"{LOCATION}/quotas", get_quotas),
        ("GET", f"{LOCATION}/virtualMachineSkus", list_skus),
        ("GET", f"{LOCATION}/cloudServiceSkus", list_none),
        ("GET", _VERSIONS, list_versions),
        ("GET", f"{_VERSIONS}/{{version}}", get_version),
    ]


async def list_operations(_site: Site, _request: Request) -> Response:
    """List what roles can allow."""
    return reply({"value": OPERATIONS})


async def check_name(site: Site, request: Request) -> Response:
    """Say whether an account may have a name: it must be well formed, and nobody's."""
    name = str((await body_of(request)).get("name", ""))
    if not _SHORT <= len(name) <= _LONG:
        return _unavailable("Invalid", "Account name must be at least 3 characters and at most 24 characters.")
    if not re.fullmatch("[a-z0-9]+", name):
        return _unavailable("Invalid", "Account name can only contain lowercase letters and numbers.")
    made = {doc["name"].lower() for doc in site.resources.of_kind(KIND)}
    if name in made or name in site.resources.knobs.taken_names:
        return _unavailable("AlreadyExists", f"An account named '{name}' is already in use.")
    return reply({"nameAvailable": True})


def _unavailable(reason: str, message: str) -> Response:
    return reply({"nameAvailable": False, "reason": reason, "message": message})


async def get_quotas(site: Site, _request: Request) -> Response:
    """Say how many accounts a subscription may have in a location."""
    return reply({"accountQuota": site.resources.knobs.account_quota})


async def list_skus(_site: Site, _request: Request) -> Response:
    """List the machine sizes that pools may be made of."""
    return reply({"value": SIZES})


async def list_versions(_site: Site, request: Request) -> Response:
    """List the versions of a marketplace image (Microsoft.Compute), oldest first as that service does."""
    place, location = _image(request), request.path_params["location"]
    return reply([{"location": location, "name": name, "id": f"{place}/{name}"} for name in _IMAGE_VERSIONS])


async def get_version(_site: Site, request: Request) -> Response:
    """Show one version of a marketplace image, with the features that Microsoft.Compute tells of it."""
    place, names = _image(request), request.path_params
    if names["version"] not in _IMAGE_VERSIONS:
        raise error("NotFound", f"Artifact: VMImage was not found: version {names['version']}.", 404)
    features = [{"name": "SecurityType", "value": "TrustedLaunchSupported"}]
    properties = {"features": features, "hyperVGeneration": "V2", "osDiskImage": {"operatingSystem": "Linux"}}
    return reply({"location": names["location"], "name": names["version"], "id": place, "properties": properties})


def _image(request: Request) -> str:
    """Return the path of an image that is known."""
    names = request.path_params
    if (names["publisher"].lower(), names["offer"].lower(), names["sku"].lower()) not in listed():
        text = f"Artifact: VMImage was not found: {names['publisher']}, {names['offer']}, {names['sku']}."
        raise error("NotFound", text, 404)
    return str(request.url.path.rstrip("/"))


async def list_none(_site: Site, _request: Request) -> Response:
    """List the sizes of Cloud Services: they are gone."""
    return reply({"value": []})
