"""What would change: the template's what-if as a table, with the providers, the quota and what stays billed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from batchkit.errors import ServiceError, explain
from batchkit.provision import quota
from batchkit.provision.targets import Target

PROVIDERS = ("Microsoft.Batch", "Microsoft.ContainerRegistry", "Microsoft.ManagedIdentity", "Microsoft.Storage")
# US dollars a month that are due even when nothing runs; list prices, rounded, to be looked up before relying on them.
_REGISTRY = {"Basic": 5, "Standard": 20, "Premium": 50}
_PRIVATE, _NAT, _ALERT = 4 * 7 + 3 * 0.5, 33 + 4, 0.1
ROLES = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "6aaa78f1-f7de-44ca-8722-c64a23943cae": "Azure Batch Data Contributor",
    "48e5e92e-a480-4e71-aa9c-2778f4c13781": "Azure Batch Job Submitter",
    "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
}


def plan(target: Target) -> pd.DataFrame:
    """What `apply` would do, a row each: what, name, plan (create, change, delete, ignore, ...) and a note.

    Nothing is changed. Raises ServiceError when Azure refuses the template or cannot be reached.
    """
    rows = [(c["kind"], c["name"], c["plan"], c["note"]) for c in changes(target)]
    rows += [("provider", name, "register", "once for the subscription") for name in unregistered(target)]
    rows += list(_quota_rows(target))
    rows += [
        ("price", name, f"{dollars:g} USD a month", "due even when nothing runs") for name, dollars in floor(target)
    ]
    return pd.DataFrame(rows, columns=["what", "name", "plan", "note"])


def changes(target: Target) -> list[dict[str, Any]]:
    """What-if, a resource each: id, kind, name, plan, note, and what was there before.

    Raises ServiceError when Azure refuses the template or cannot be reached.
    """
    calls, body = target.deployments.deployments, target.body()
    with explain("ask what would change"):
        if target.by_group:
            poller = calls.begin_what_if(target.group, target.name, body, polling_interval=target.pause)
        else:
            poller = calls.begin_what_if_at_subscription_scope(target.name, body, polling_interval=target.pause)
        result = poller.result()
    if result.error is not None:
        raise ServiceError(f"Azure refuses the template: {result.error.code}: {result.error.message}")
    found = (result.properties.changes if result.properties else None) or []
    return [_change(change) for change in found]


def _change(change: Any) -> dict[str, Any]:
    after = change.after or change.before or {}
    kind, name = str(after.get("type", "")).rsplit("/", 1)[-1], str(change.resource_id).rsplit("/", 1)[-1]
    word = {"Create": "create", "Modify": "change", "Deploy": "change", "Delete": "delete", "NoChange": "no change"}
    note = ", ".join(entry.path for entry in change.delta or [])
    if kind == "roleAssignments":
        role, whom = (str(after["properties"][key]).rsplit("/", 1)[-1] for key in ("roleDefinitionId", "principalId"))
        kind, name, note = "role", ROLES.get(role, role), f"on {_place(str(change.resource_id))} for {_whom(whom)}"
    plan = word.get(change.change_type, "ignore")
    return {"id": change.resource_id, "kind": kind, "name": name, "plan": plan, "note": note, "before": change.before,
            "type": str(after.get("type", ""))}  # fmt: skip


def _whom(principal: str) -> str:
    """An identity that does not exist yet has no id: what-if then gives the template's own expression for it."""
    if "variables(" not in principal:
        return principal
    owners = {"'account'": "the account's identity", "'deploy'": "the pipelines' identity"}
    return next((owner for name, owner in owners.items() if name in principal), "the nodes' identity")


def _place(resource_id: str) -> str:
    scope = resource_id.rsplit("/providers/Microsoft.Authorization/", 1)[0].split("/")
    return f"{scope[-2]} {scope[-1]}"


def unregistered(target: Target) -> Iterator[str]:
    """The resource providers that the subscription has yet to register; one who sees the group alone sees none."""
    if target.by_group:
        return
    for name in [*PROVIDERS, *_optional_providers(target)]:
        with explain(f"read the provider {name}"):
            if target.resources.providers.get(name).registration_state != "Registered":
                yield name


def _optional_providers(target: Target) -> Iterator[str]:
    values = target.parameters
    if target.private:
        yield "Microsoft.Network"
    if target.logs or values.get("alertEmails"):
        yield "Microsoft.Insights"
    if target.logs and not values.get("logAnalyticsWorkspaceId"):
        yield "Microsoft.OperationalInsights"
    if values.get("budget"):
        yield "Microsoft.Consumption"


def _quota_rows(target: Target) -> Iterator[tuple[str, str, str, str]]:
    found = sizes(target)
    if found is None:
        text = f"read once the account exists; a new one often has 0 to 20 cores, {quota.NODES} nodes need more"
        yield "quota", target.session.settings.azure.batch.vm_sizes[0], "not known yet", text
        return
    taken = quota.best(found)
    for size in found:
        note = "; ".join(size.wants(target.parameters["location"])) or "enough"
        plan = f"{size.nodes} of {quota.NODES} nodes, {size.pools} pools"
        yield "quota", size.name, plan, note if size is taken else f"{note} (taken: {taken.name})"
        yield (
            "quota",
            f"{size.name}, Spot",
            f"{size.spot} of {quota.NODES} nodes",
            "its own quota, needed for Spot only",
        )


def sizes(target: Target) -> list[quota.Size] | None:
    """The wanted sizes with what the account's quotas let run; None while there is no account."""
    account = target.session.settings.azure.batch.account_name
    if not account:
        return None
    return quota.sizes(target.session, str(target.parameters["location"]), account, target.group)


def floor(target: Target) -> Iterator[tuple[str, float]]:
    """What stays on and its price in US dollars a month, then the sum."""
    values = target.parameters
    sku = "Premium" if target.private else values.get("registrySku", "Basic")
    parts: list[tuple[str, float]] = [(f"container registry ({sku})", _REGISTRY[sku])]
    parts += [("private endpoints and zones", _PRIVATE)] if target.private else []
    parts += [("NAT gateway", _NAT)] if target.private and values.get("natGateway") else []
    parts += [("alert rules", 4 * _ALERT)] if values.get("alertEmails") else []
    parts += [("logs (5 GB a month are free)", 0)] if target.logs else []
    parts += [("Batch account, identities, empty storage", 0)]
    yield from parts
    yield "floor", sum(price for _, price in parts)
