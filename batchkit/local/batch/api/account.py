"""Account-level lists and the node calls that need the account: applications, usage, logs, remote login."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from batchkit.local.batch.api.call import Call, Reply, operation
from batchkit.local.batch.api.nodes import found
from batchkit.local.batch.engine import network
from batchkit.local.batch.engine.commands import identities
from batchkit.local.batch.state.state import State
from batchkit.local.wire.errors import error
from batchkit.local.wire.formats import Json, moment, stamp


@operation("list_applications")
async def list_applications(call: Call) -> Reply:
    """List the account's applications that have a package; Resource Manager makes them."""
    docs = call.state.subscription.applications()
    return call.listing(docs, "listapplicationsummariesresponses", lambda d: str(d["id"]))


@operation("get_application")
async def get_application(call: Call) -> Reply:
    """Get an application."""
    name = call.path["applicationId"]
    for doc in call.state.subscription.applications():
        if doc["id"].lower() == name.lower():
            metadata = f"{call.state.url}/$metadata#getapplicationsummaryresponse/@Element"
            return Reply(200, {"odata.metadata": metadata, **doc})
    raise error("ApplicationNotFound", ApplicationId=name)


@operation("list_pool_usage_metrics")
async def list_pool_usage_metrics(call: Call) -> Reply:
    """List core hours by pool: the nodes that are there, since each was allocated (one core a node)."""
    docs = [_usage(call, pool.id) for pool in call.state.pools.values() if pool.nodes]
    return call.listing(docs, "poolusagemetrics", lambda d: str(d["poolId"]))


def _usage(call: Call, pool_id: str) -> Json:
    pool = call.state.pool(pool_id)
    starts = [moment(node.doc["allocationTime"]) for node in pool.nodes.values()]
    end = moment(stamp())
    hours = sum((end - start).total_seconds() for start in starts) * call.state.config.speed / 3600
    return {
        "poolId": pool.id,
        "startTime": stamp(min(starts)),
        "endTime": stamp(end),
        "vmSize": pool.doc["vmSize"],
        "totalCoreHours": round(hours, 3),
    }


@operation("get_node_remote_login_settings")
async def remote_login_settings(call: Call) -> Reply:
    """Tell where a node's ssh would be; no machine listens there."""
    pool, node = found(call)
    body = network.login(pool, node.doc)
    return Reply(200, {"odata.metadata": call.entity("RemoteLoginSettings"), **body})


async def _sent(state: State, entry: Json, log: Path, names: frozenset[str]) -> None:
    await state.machine.send(entry, log.parent, names)


@operation("upload_node_logs")
async def upload_node_logs(call: Call) -> Reply:
    """Send a node's log: what it is and what it did last, as one JSON file."""
    body = call.require("containerUrl", "startTime")
    pool, node = found(call)
    folder = f"{pool.id}/{node.id}/{uuid.uuid4()}"
    log = node.root / "shared" / "agent-log.json"
    log.write_text(json.dumps(node.doc, indent=1), "utf-8")
    place = {"containerUrl": body["containerUrl"], "identityReference": body.get("identityReference")}
    destination = {"container": {**place, "path": f"{folder}/{log.name}"}}
    # The service answers before it sends, so what the sending meets is not the caller's to see.
    entry = {"filePattern": f"../{log.name}", "destination": destination}
    call.state.spawn(_sent(call.state, entry, log, identities(pool)), f"log of node {node.id[:14]}")
    answer = {"virtualDirectoryName": folder, "numberOfFilesUploaded": 1}
    return Reply(200, {"odata.metadata": call.entity("UploadBatchServiceLogsResult"), **answer})
