"""Takes away what apply made, and nothing else: the template's own resources that carry its tag, then the group."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_fixed

from batchkit.errors import ServiceError, explain
from batchkit.provision import planning
from batchkit.provision.targets import TAG, Target

# What goes first: who may, who watches, who uses, what is used. Parts of these go with them.
ORDER = ("roleassignments", "budgets", "metricalerts", "actiongroups", "diagnosticsettings", "privateendpoints",
         "batchaccounts", "registries", "storageaccounts", "workspaces", "userassignedidentities",
         "virtualnetworklinks", "privatednszones", "virtualnetworks", "natgateways", "publicipaddresses",
         "networksecuritygroups")  # fmt: skip

BUDGET = "Microsoft.Consumption/budgets"


def destroy(target: Target, name: str, tell: Callable[[str], None] = print) -> None:
    """Delete everything that this deployment made; `name` must be the resource group's, as a confirmation.

    What was in the group before stays, and the group with it. Raises ServiceError when the name differs, or
    Azure refuses; running it again goes on.
    """
    if name != target.group:
        raise ServiceError(f"Nothing was deleted: '{name}' is not the resource group's name, {target.group}.")
    if not (_deployed(target) or _tagged(target)):
        tell(f"{target.name} was never deployed, or is gone already")
        return
    mine = [change for change in planning.changes(target) if change["plan"] in ("change", "no change")]
    for kind in ORDER:
        for change in [c for c in mine if c["type"].lower().rsplit("/", 1)[-1] == kind and _ours(target, c)]:
            tell(f"deleting {change['kind']} {change['name']}")
            _delete(target, change["id"], change["type"])
    _delete_tagged(target, tell)
    _delete_group(target, tell)
    with explain("forget the deployment"), suppress(ResourceNotFoundError):
        target.deployments.deployments.begin_delete_at_scope(
            target.scope, target.name, polling_interval=target.pause
        ).wait()
    tell("nothing of it is left")


def _deployed(target: Target) -> bool:
    with explain("read the deployment"):
        try:
            target.deployments.deployments.get_at_scope(target.scope, target.name)
        except HttpResponseError as error:
            if error.status_code == 404:
                return False
            raise
    return True


def _tagged(target: Target) -> bool:
    """Whether anything in the group carries our tag: the record of the deployment may be gone, as after 800 others."""
    try:
        return any((resource.tags or {}).get(TAG) == target.prefix for resource in _in_group(target))
    except ServiceError as error:
        if isinstance(error.__cause__, ResourceNotFoundError):
            return False
        raise


def _delete_tagged(target: Target, tell: Callable[[str], None]) -> None:
    """Delete what carries our tag and the template makes no more, as after a parameter was taken back."""
    left = [r for r in _in_group(target) if (r.tags or {}).get(TAG) == target.prefix]
    kinds = [r.type.lower().rsplit("/", 1)[-1] for r in left]
    for kind in ORDER:
        for resource in [r for r, its in zip(left, kinds, strict=True) if its == kind]:
            tell(f"deleting {kind} {resource.name}")
            _delete(target, resource.id, resource.type)
    budget = (
        f"/subscriptions/{target.subscription}/resourceGroups/{target.group}/providers/{BUDGET}/{target.prefix}-budget"
    )
    _delete(target, budget, BUDGET)  # carries no tag, and no list of a group shows it


def _ours(target: Target, change: dict[str, Any]) -> bool:
    before = change["before"] or {}
    return "tags" not in before or (before["tags"] or {}).get(TAG) == target.prefix


def _delete(target: Target, resource_id: str, kind: str) -> None:
    with explain(f"delete {resource_id.rsplit('/', 1)[-1]}"):
        try:
            poller = target.resources.resources.begin_delete_by_id(
                resource_id, api_version=target.versions()[kind.lower()], polling_interval=target.pause
            )
            poller.wait()
        except HttpResponseError as error:
            if error.status_code != 404:
                raise


def _delete_group(target: Target, tell: Callable[[str], None]) -> None:
    left = [r.name for r in _in_group(target)]
    waiting = Retrying(retry=retry_if_result(bool), wait=wait_fixed(target.pause), stop=stop_after_attempt(60))
    with suppress(RetryError):  # what is left is said below
        waiting(lambda: [r for r in _in_group(target) if (r.tags or {}).get(TAG) == target.prefix])
    if left or not target.owns_group:
        tell(f"the group {target.group} stays: {', '.join(left) or 'it'} was there before")
        return
    with explain(f"delete the resource group {target.group}"):
        target.resources.resource_groups.begin_delete(target.group, polling_interval=target.pause).wait()
    tell(f"deleted the resource group {target.group}")


def _in_group(target: Target) -> list[Any]:
    with explain(f"list the resource group {target.group}"):
        return list(target.resources.resources.list_by_resource_group(target.group))
