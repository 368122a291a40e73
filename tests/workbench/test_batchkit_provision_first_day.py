"""The first day on a real subscription: quotas of nought, rights of one group, roles and records that are gone."""

import json
import types

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.resources.models import ResourceGroup
from provisioned import SUBSCRIPTION, Heard

from batchkit import pools, provision
from batchkit.errors import ServiceError
from batchkit.provision import doctor, machines, quota
from batchkit.provision.planning import changes
from batchkit.session import Session

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
ROLE_API = "2022-04-01"


@pytest.fixture(autouse=True)
def easy(place):
    place.tell(roles=None, family_quota={}, pool_quota=100, low_priority_quota=1000)
    yield
    place.tell(roles=None, family_quota={}, pool_quota=100, low_priority_quota=1000)


def image(**fields):
    reference = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
    named = types.SimpleNamespace(**reference | {k: v for k, v in fields.items() if k in reference})
    entry = {"capabilities": ["DockerCompatible"], "verification_type": "verified", "os_type": "linux",
             "batch_support_end_of_life": None, "image_reference": named}  # fmt: skip
    return types.SimpleNamespace(**entry | {k: v for k, v in fields.items() if k in entry})


def test_an_image_without_an_end_will_do_and_one_of_the_other_architecture_never():
    assert machines.fits(image())
    assert not machines.fits(image(sku="2404-arm64"))
    assert machines.fits(image(sku="2404-arm64"), arm=True)
    assert not machines.fits(image(), arm=True)
    assert not machines.fits(image(verification_type="unverified"))


def test_what_a_node_is_is_chosen_once_and_kept(place):
    heard = Heard()
    session = provision.apply(place.target("kept"), None, heard)
    kept = session.settings.azure.batch.machine
    assert kept["security"] == "trustedLaunch"
    assert (kept["sku"], kept["version"], kept["vm_size"]) == ("2404", "1.0.20260901", "Standard_D2ds_v5")
    spec = pools.spec(place.target("kept").session)
    pool_id = pools.ensure(session, spec)
    assert "version 1.0.20260901" in pools.describe(session, pool_id)["host image"]
    machine = session.batch.get_pool(pool_id).virtual_machine_configuration
    assert machine.security_profile.security_type == "trustedLaunch"
    provision.destroy(place.target("kept"), "kept", tell=heard)


def test_a_size_that_is_wanted_no_more_is_chosen_anew_and_kept(place):
    provision.apply(place.target("resized"), None, Heard())
    config = place.folder / "resized.json"
    settings = json.loads(config.read_text())
    settings["azure"]["batch"]["vm_size"] = "Standard_D4ds_v5"
    config.write_text(json.dumps(settings))
    session = provision.apply(place.target("resized"), None, Heard())
    assert session.settings.azure.batch.machine["vm_size"] == "Standard_D4ds_v5"
    assert json.loads(config.read_text())["azure"]["batch"]["machine"]["vm_size"] == "Standard_D4ds_v5"
    provision.destroy(place.target("resized"), "resized", tell=Heard())


def test_a_size_without_quota_is_passed_over(place):
    place.tell(family_quota={"standardDDSv5Family": 0})
    heard = Heard()
    session = provision.apply(place.target("second"), None, heard)
    assert session.settings.azure.batch.machine["vm_size"] == "Standard_D2ads_v5"
    table = provision.plan(place.target("second"))
    rows = table[table["what"] == "quota"].set_index("name")
    assert "taken: Standard_D2ads_v5" in rows.loc["Standard_D2ds_v5", "note"]
    assert rows.loc["Standard_D2ads_v5", "note"] == "enough"
    provision.destroy(place.target("second"), "second", tell=heard)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"core_quota": 0}, "ask for 20 dedicated cores"),
        ({"family_quota": {"standardDDSv5Family": 0, "standardDadsv5Family": 0}}, "dedicated cores of standardDDSv5"),
        ({"pool_quota": 0}, "ask for a pool quota"),
    ],
)
def test_each_quota_of_nought_stops_with_the_request_to_make(place, knobs, said):
    place.tell(**knobs)
    with pytest.raises(ServiceError, match=said):
        provision.apply(place.target("nought"), None, Heard())
    table = provision.verify(place.target("nought"))
    assert any(said in result for result in table["result"])
    place.tell()
    provision.destroy(place.target("nought"), "nought", tell=Heard())


def test_no_spot_quota_is_said_and_stops_nothing(place):
    place.tell(low_priority_quota=0)
    heard = Heard()
    session = provision.apply(place.target("spotless"), None, heard)
    assert heard.has("0 of 10 Spot nodes: keep spot_nodes at 0")
    assert quota.size(session).spot == 0
    provision.destroy(place.target("spotless"), "spotless", tell=heard)


def test_a_pool_that_exists_is_patched(place):
    session = provision.apply(place.target("patched"), None, Heard())
    spec = pools.spec(session)
    pool_id = pools.ensure(session, spec)
    azure = session.settings.azure
    with pytest.raises(HttpResponseError, match="PropertyCannotBeUpdated"):  # what a whole PUT would get
        session.arm.pool.create(azure.resource_group, azure.batch.account_name, pool_id, pools.body(spec))
    before = pools.formula(session, pool_id)
    assert pools.ensure(session, pools.spec(session, max_nodes=4)) == pool_id
    assert pools.formula(session, pool_id) != before
    assert "enabled again" in pools.mend(session, pool_id)
    assert session.batch.get_pool(pool_id).enable_auto_scale
    provision.destroy(place.target("patched"), "patched", tell=Heard())


def test_pools_of_an_older_description_go_when_they_are_idle(place):
    session = provision.apply(place.target("older"), None, Heard())
    old, busy, new = (pools.ensure(session, pools.spec(session, os_disk_gb=size)) for size in (64, 65, 66))
    session.batch.create_job(models.BatchJobCreateOptions(id="j", pool_info=models.BatchPoolInfo(pool_id=busy)))
    assert pools.retire(session, new) == [old]
    assert pools.retire(session, new) == []
    assert session.batch.pool_exists(busy)
    provision.destroy(place.target("older"), "older", tell=Heard())


def test_nodes_read_inputs_and_write_outputs_and_logs_alone(place):
    target = place.target("least")
    provision.apply(target, None, Heard())
    mine: dict[str, set[str]] = {row["name"]: set() for row in changes(target) if row["kind"] == "role"}
    for row in changes(target):
        if row["kind"] == "role" and "containers" in row["note"]:
            mine[row["name"]].add(row["note"].split()[2])
    assert mine["Storage Blob Data Reader"] == {"batch-input"}
    assert mine["Storage Blob Data Contributor"] >= {"batch-output", "batch-logs"}
    assert "batch-input" not in mine["Storage Blob Data Contributor"]
    provision.destroy(place.target("least"), "least", tell=Heard())


def test_an_identity_that_was_made_anew_gets_its_roles_again(place):
    target = place.target("anew")
    provision.apply(target, None, Heard())
    row = next(row for row in changes(target) if row["name"] == "AcrPull")
    resources = target.resources.resources
    kept = resources.get_by_id(row["id"], api_version=ROLE_API).properties
    stale = {"properties": kept | {"principalId": "99999999-0000-0000-0000-000000000009"}}
    with pytest.raises(HttpResponseError, match="RoleAssignmentUpdateNotPermitted"):
        resources.begin_create_or_update_by_id(row["id"], stale, api_version=ROLE_API).result()
    resources.begin_delete_by_id(row["id"], api_version=ROLE_API).wait()
    resources.begin_create_or_update_by_id(row["id"], stale, api_version=ROLE_API).result()
    heard = Heard()
    provision.apply(place.target("anew"), None, heard)
    assert heard.has("it was of an identity that is gone")
    assert resources.get_by_id(row["id"], api_version=ROLE_API).properties["principalId"] == kept["principalId"]
    provision.destroy(place.target("anew"), "anew", tell=Heard())


def test_what_a_parameter_took_back_is_destroyed_by_its_tag(place):
    first = provision.apply(place.target("taken-back", alertEmails=["a@example.org"], budget=50), None, Heard())
    assert first.settings.azure.model_dump()["budget"]["start"].endswith("-01")
    heard = Heard()
    provision.destroy(place.target("taken-back", diagnostics=False), "taken-back", tell=heard)
    assert heard.has("deleting workspaces")
    assert heard.has("deleting metricalerts")
    assert heard.has("deleted the resource group taken-back")


def test_a_pipelines_identity_is_told_and_a_second_apply_changes_nothing(place):
    trusted = [{"name": "main", "issuer": "https://token.example.org", "subject": "repo:us/it:environment:azure"}]
    asked = {"federation": trusted, "budget": 10, "alertEmails": ["a@example.org"]}
    session = provision.apply(place.target("piped", **asked), None, Heard())
    assert len(session.settings.azure.model_dump()["pipelines"]["client_id"]) == 36
    again = Heard()
    provision.apply(place.target("piped", **asked), None, again)
    assert again[0] == "nothing to change"
    provision.destroy(place.target("piped", **asked), "piped", tell=Heard())


def test_destroy_needs_no_record_of_the_deployment(place):
    target = place.target("unrecorded")
    provision.apply(target, None, Heard())
    target.deployments.deployments.begin_delete_at_subscription_scope(target.name, polling_interval=0.1).wait()
    heard = Heard()
    provision.destroy(place.target("unrecorded"), "unrecorded", tell=heard)
    assert heard.has("deleted the resource group unrecorded")


def test_the_private_form_is_made_from_outside_and_works_inside(place, tmp_path):
    (tmp_path / "Dockerfile").write_text("ARG BASE=python:3.13-slim\nFROM ${BASE}\n")
    target = place.target("shut", privateNetwork=True)
    session = provision.apply(target, tmp_path, Heard())
    spec = pools.spec(session)
    pools.ensure(session, spec)  # the doors are closed by now: this goes through Resource Manager alone
    assert pools.ensure(session, spec).endswith(spec.fingerprint)
    outside = provision.verify(place.target("shut", privateNetwork=True))
    assert list(outside[outside["result"] != "pass"]["result"])
    place.tell(network="inside")
    inside = provision.verify(place.target("shut", privateNetwork=True))
    assert list(inside[inside["result"] != "pass"]["result"]) == []
    place.tell(network="outside")
    provision.destroy(place.target("shut", privateNetwork=True), "shut", tell=Heard())


KINDS = ("userAssignedIdentities", "storageAccounts", "blobServices", "containers", "managementPolicies", "registries",
         "batchAccounts", "roleAssignments", "workspaces", "diagnosticSettings", "metricAlerts", "budgets")  # fmt: skip


@pytest.mark.longer
@pytest.mark.parametrize("kind", KINDS)
def test_an_apply_that_stopped_at_any_resource_goes_on(place, kind):
    group, asked = f"at-{kind}", {"alertEmails": ["a@example.org"], "budget": 10}
    place.tell(fail_at=f"/{kind}/")
    with pytest.raises(ServiceError, match="Then apply again"):
        provision.apply(place.target(group, **asked), None, Heard())
    place.tell()
    provision.apply(place.target(group, **asked), None, Heard())
    again = Heard()
    provision.apply(place.target(group, **asked), None, again)
    assert again[0] == "nothing to change"
    provision.destroy(place.target(group, **asked), group, tell=Heard())


PEOPLE = {
    "operator": ("Azure Batch Data Contributor@{batch}", "Managed Identity Operator@{nodes}",
                 "Storage Blob Data Contributor@{storage}"),
    "analyst": ("Azure Batch Job Submitter@{batch}", "Storage Blob Data Reader@{storage}"),
}  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE)
def test_the_doctor_is_green_for_each_kind_of_person(place, who, monkeypatch):
    target = place.target(who)
    session = provision.apply(target, None, Heard())
    pools.ensure(session, pools.spec(session))
    for row in changes(target):
        if row["kind"] == "role" and target.caller["principalId"] in row["note"]:  # apply made its caller an operator
            target.resources.resources.begin_delete_by_id(row["id"], api_version=ROLE_API).wait()
    azure = session.settings.azure.model_dump()
    ids = {"batch": azure["batch"]["resource_id"], "nodes": azure["batch"]["managed_identity_id"]}
    place.tell(roles=[role.format(storage=azure["storage"]["resource_id"], **ids) for role in PEOPLE[who]])
    monkeypatch.setenv("BATCHKIT_CONFIG", str(target.config))
    monkeypatch.setenv("BATCHKIT_PROFILE", "azure")
    monkeypatch.setenv("BATCHKIT_ARM_URL", place.environment["BATCHKIT_ARM_URL"])
    table = doctor.examine()
    assert list(table[table["result"] != "pass"]["result"]) == []


def test_a_deployer_of_one_group_alone_does_it_all(place):
    owner = place.target("granted")
    for name in provision.planning.unregistered(owner):
        owner.resources.providers.register(name)
    owner.resources.resource_groups.create_or_update("granted", ResourceGroup(location="swedencentral"))
    held = ("Contributor", "Role Based Access Control Administrator")
    place.tell(roles=[f"{role}@{GROUP}/granted" for role in held])
    target = place.target("granted")
    assert target.by_group
    assert set(provision.plan(target)["plan"]) >= {"create"}
    heard = Heard()
    session = provision.apply(target, None, heard)
    assert isinstance(session, Session)
    again = Heard()
    provision.apply(place.target("granted"), None, again)
    assert again[0] == "nothing to change"
    table = provision.verify(place.target("granted"), round_trip=False)
    assert list(table[table["result"] != "pass"]["check"]) == []
    provision.destroy(place.target("granted"), "granted", tell=heard)
    assert heard.has("the group granted stays")
    assert not list(target.resources.resources.list_by_resource_group("granted"))
