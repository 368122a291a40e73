"""Compute nodes on the data plane: look at them, reboot, reimage, take them out of scheduling, users."""

from __future__ import annotations

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.engine import nodes
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json
from batchkit.local.wire.versions import REIMAGED

_BUSY = {
    "creating": "NodeBeingCreated",
    "starting": "NodeBeingStarted",
    "waitingforstarttask": "NodeBeingStarted",
    "reimaging": "NodeBeingReimaged",
    "rebooting": "NodeBeingRebooted",
    "unusable": "NodeStateUnusable",
}


# The one that the service puts on every node, for its own agent.
_AGENT = {
    "name": "batchNodeExtension",
    "publisher": "Microsoft.Azure.Extensions",
    "type": "CustomScript",
    "typeHandlerVersion": "2.1",
    "autoUpgradeMinorVersion": True,
}


def found(call: Call) -> tuple[Pool, Node]:
    """Return the pool and node that a call names.

    Raises:
        BatchError: PoolNotFound, NodeNotFound.
    """
    return call.state.pool(call.path["poolId"]), call.state.node(call.path["poolId"], call.path["nodeId"])


def _steady(node: Node, *states: str) -> None:
    if node.state not in states:
        raise error(_BUSY.get(node.state, "OperationNotValidOnNode"), status=409)


@operation("list_nodes")
async def list_nodes(call: Call) -> Reply:
    """List a pool's nodes."""
    listed = call.state.pool(call.path["poolId"]).nodes.values()
    return call.listing([n.doc for n in listed], "nodes", lambda d: str(d["id"]))


@operation("get_node")
async def get_node(call: Call) -> Reply:
    """Get a node."""
    return call.element(found(call)[1].doc, "nodes")


@operation("reboot_node_internal")
async def reboot_node(call: Call) -> Reply:
    """Restart a node; its tasks are requeued, ended or waited for."""
    option = (call.body or {}).get("nodeRebootOption") or "requeue"
    return _down(call, "rebooting", option)


@operation("reimage_node_internal")
async def reimage_node(call: Call) -> Reply:
    """Install a node's operating system anew; its files are gone."""
    if call.query["api-version"] < REIMAGED:
        reason = "Operation reimage can be invoked only on pools created with cloudServiceConfiguration"
        raise error("OperationNotValidOnNode", Reason=reason)
    option = (call.body or {}).get("nodeReimageOption") or "requeue"
    return _down(call, "reimaging", option)


@operation("deallocate_node_internal")
async def deallocate_node(call: Call) -> Reply:
    """Stop a node's machine; it stays in the pool and can be started again."""
    option = (call.body or {}).get("nodeDeallocateOption") or "requeue"
    return _down(call, "deallocating", option)


def _down(call: Call, to: str, option: str) -> Reply:
    pool, node = found(call)
    _steady(node, "idle", "running", "starttaskfailed", "unusable")
    nodes.take_down(call.state, pool, node, to, option)
    return Reply(202)


@operation("start_node_internal")
async def start_node(call: Call) -> Reply:
    """Start a deallocated node."""
    pool, node = found(call)
    _steady(node, "deallocated")
    nodes.start(call.state, pool, node)
    return Reply(202)


@operation("disable_node_scheduling")
async def disable_scheduling(call: Call) -> Reply:
    """Give a node no further tasks."""
    _, node = found(call)
    _refuse(node, "disabled")
    nodes.disable_scheduling(call.state, node, (call.body or {}).get("nodeDisableSchedulingOption") or "requeue")
    return Reply(200)


@operation("enable_node_scheduling")
async def enable_scheduling(call: Call) -> Reply:
    """Let a node take tasks again."""
    pool, node = found(call)
    _refuse(node, "enabled")
    nodes.enable_scheduling(call.state, pool, node)
    return Reply(200)


def _refuse(node: Node, state: str) -> None:
    if node.doc["schedulingState"] == state:
        raise error("NodeAlreadyInTargetSchedulingState")


def users(call: Call) -> Json:
    """Return the users of the node that a call names, by their names; kept in the node's notes."""
    _, node = found(call)
    known: Json = node.notes.setdefault("users", {})
    return known


@operation("create_node_user")
async def create_user(call: Call) -> Reply:
    """Note a user account; no account is made on this machine."""
    body, known = call.require("name"), users(call)
    if body["name"] in known:
        raise error("NodeUserExists")
    known[body["name"]] = {key: value for key, value in body.items() if key != "password"}
    url = f"{found(call)[1].doc['url']}/users/{body['name']}"
    return _noted(call, Reply(201, headers={"Location": url}))


@operation("replace_node_user")
async def replace_user(call: Call) -> Reply:
    """Change a noted user account."""
    known, name = users(call), call.path["userName"]
    if name not in known:
        raise error("NodeUserNotFound")
    known[name] = {"name": name, **{key: value for key, value in call.json().items() if key != "password"}}
    return _noted(call, Reply(200))


@operation("delete_node_user")
async def delete_user(call: Call) -> Reply:
    """Forget a noted user account."""
    if users(call).pop(call.path["userName"], None) is None:
        raise error("NodeUserNotFound")
    return _noted(call, Reply(200))


def _noted(call: Call, reply: Reply) -> Reply:
    call.state.save_node(found(call)[1])
    return reply


@operation("list_node_extensions")
async def list_extensions(call: Call) -> Reply:
    """List a node's VM extensions: those of its pool's configuration, and the service's own."""
    pool, _ = found(call)
    return call.listing(_extensions(pool), "extensions", _place)


@operation("get_node_extension")
async def get_extension(call: Call) -> Reply:
    """Get one of a node's VM extensions."""
    pool, _ = found(call)
    for entry in _extensions(pool):
        if entry["vmExtension"]["name"] == call.path["extensionName"]:
            return call.element(entry, "extensions")
    raise error("ResourceNotFound")


def _place(entry: Json) -> str:
    """Return what lists are ordered by: the pool's own extensions by name, the service's last."""
    name = str(entry["vmExtension"]["name"])
    return f"~{name}" if name == _AGENT["name"] else name


def _extensions(pool: Pool) -> list[Json]:
    listed = [*(pool.doc["virtualMachineConfiguration"].get("extensions") or []), _AGENT]
    return [{"provisioningState": "Succeeded", "vmExtension": entry} for entry in listed]
