"""The doctor on a local Azure: well, and with each illness that can be made; the table of failures names them all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from batch_clients import wait_for
from provisioned import Heard

import batchkit
from batchkit import health, pools, provision
from batchkit.errors import ServiceError, explain
from batchkit.provision import doctor, machines
from batchkit.provision.planning import changes

GUIDE = Path(__file__).parents[2] / "docs/troubleshooting.md"


def ill(table):
    return {row["check"]: row["result"] for row in table.to_dict("records") if row["result"] != "pass"}


def take(role):
    target = provision.target()
    for row in changes(target):
        if row["name"] == role and row["plan"] == "no change":
            target.resources.resources.begin_delete_by_id(row["id"], api_version="2022-04-01").wait()


def test_a_fresh_local_azure_is_well(place):
    assert not ill(doctor.examine())


def test_the_image_is_the_one_of_the_rule(place):
    found = machines.choose(batchkit.connect())
    assert found == {
        "vm_size": "Standard_D2ds_v5",
        "version": "1.0.20260901",
        "security": "trustedLaunch",
        "disk_gb": "75",
        "publisher": "microsoft-dsvm",
        "offer": "ubuntu-hpc",
        "sku": "2404",
        "node_agent": "batch.node.ubuntu 24.04",
    }


def test_no_local_azure_is_one_line(monkeypatch):
    for name in ("BATCHKIT_BATCH_URL", "BATCHKIT_BLOB_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BATCHKIT_PROFILE", "local")
    assert list(ill(doctor.examine())) == ["settings"]


def test_each_illness_is_named_with_what_to_do(place):
    session = provision.apply(provision.target(), None, Heard())
    place.tell(core_quota=0)
    assert "ask for 20 dedicated cores" in ill(doctor.examine())["quota"]
    place.tell()
    take("AcrPull")
    pool_id = pools.ensure(session, pools.spec(session), keep_warm_minutes=5)
    wait_for(lambda: any(node.errors for node in session.batch.list_nodes(pool_id)))
    assert (
        "ContainerInvalidImage: it cannot pull the image: give the nodes' identity AcrPull"
        in ill(doctor.examine())["nodes"]
    )
    old = pools.spec(session, offer="0001-com-ubuntu-server-focal", publisher="canonical", sku="20_04-lts",
                     node_agent="batch.node.ubuntu 20.04")  # fmt: skip
    pools.ensure(session, old)
    assert "whose support ends" in ill(doctor.examine())["image support"]
    take("Azure Batch Data Contributor")
    assert "no role: give whoever runs this Azure Batch" in ill(doctor.examine())["permission and network"]


def refused(error):
    with pytest.raises(ServiceError) as told, explain("look"):
        raise error
    return doctor.why(told.value, "the role X")


def test_a_closed_door_is_not_a_missing_role():
    closed: Any = HttpResponseError("no")
    missing: Any = HttpResponseError("no")
    closed.status_code = missing.status_code = 403
    closed.error_code, missing.error_code = "PublicNetworkAccessDisabled", "AuthorizationPermissionMismatch"
    assert "not in the private network" in refused(closed)
    assert "no role: give whoever runs this the role X" in refused(missing)
    assert "no way to the service" in refused(ServiceRequestError("Failed to resolve"))


@pytest.mark.parametrize(
    "failure",
    ["login", "permission", "quota", "name taken", "image pull", "image past its support", "node unusable",
     "start task", "disk full", "stuck tasks", "not in the private network"],
)  # fmt: skip
def test_the_table_of_failures_has(failure):
    rows = [line.split("|") for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    [row] = [row for row in rows if row[1].strip() == failure]
    checks = {name for name, _ in doctor.CHECKS} | {"settings"}
    assert all(cell.strip() for cell in row[1:5])
    assert row[4].strip(" `") in checks


def test_a_formula_that_is_not_looked_at_any_more_is_said():
    now = datetime.now(UTC)

    def pool(minutes_ago):
        seen = {"timestamp": (now - timedelta(minutes=minutes_ago)).isoformat()}
        kept = {"id": "p", "enableAutoScale": True, "autoScaleEvaluationInterval": "PT5M", "autoScaleRun": seen}
        return models.BatchPool(kept)

    assert not list(health.stuck(pool(14), now))
    assert list(health.stuck(pool(16), now)) == [
        "The formula was not looked at for 16 minutes. Next: batchkit pool mend p."
    ]
