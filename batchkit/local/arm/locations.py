"""What the Batch provider offers: its operations, and in a location names, quotas and machine sizes."""

from __future__ import annotations

import json
import re
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from batchkit.local.arm.calls import LOCATION, Table
from batchkit.local.resources.accounts import KIND
from batchkit.local.resources.answers import body_of, reply
from batchkit.local.resources.site import Site
from batchkit.local.wire.formats import Json

SKUS: list[Json] = json.loads(files("batchkit.local.resources").joinpath("skus.json").read_text("utf-8"))
OPERATIONS: list[Json] = json.loads(files(__package__).joinpath("operations.json").read_text("utf-8"))
_SHORT, _LONG = 3, 24


def table() -> Table:
    """Return the calls as method, path and handler."""
    return [
        ("GET", "/providers/Microsoft.Batch/operations", list_operations),
        ("POST", f"{LOCATION}/checkNameAvailability", check_name),
        ("GET", f"{LOCATION}/quotas", get_quotas),
        ("GET", f"{LOCATION}/virtualMachineSkus", list_skus),
        ("GET", f"{LOCATION}/cloudServiceSkus", list_none),
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
    return reply({"value": SKUS})


async def list_none(_site: Site, _request: Request) -> Response:
    """List the sizes of Cloud Services: they are gone."""
    return reply({"value": []})
