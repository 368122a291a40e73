"""From nothing to a running pool and back, by the real management clients on a local Azure of its own."""

import json
import os

import pytest
from azure.mgmt.resource.resources.models import ResourceGroup
from provisioned import Heard, subscription
from typer.testing import CliRunner

from batchkit import provision
from batchkit.errors import ServiceError, SettingsError
from batchkit.provision import applying, image
from batchkit.provision.cli import app
from batchkit.provision.planning import changes

ROLES = {
    "AcrPull",
    "Azure Batch Data Contributor",
    "Managed Identity Operator",
    "Storage Blob Data Contributor",
    "Storage Blob Data Reader",
}


@pytest.fixture(autouse=True)
def easy(place):
    place.tell()
    yield
    place.tell()


@pytest.fixture
def worker(tmp_path):
    """A folder with a Dockerfile, which the builds take."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n")
    return tmp_path


def by(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def failing(table):
    return list(table[table["result"] != "pass"]["check"])


def test_from_nothing_and_back(place, worker):
    heard, target = Heard(), place.target("whole")
    first = provision.plan(target)
    assert set(first["plan"][: list(first["what"]).index("provider")]) == {"create"}
    assert len(by(first, what="role")) == 8
    assert len(by(first, what="provider")) == 6
    assert by(first, what="quota")["plan"].item() == "not known yet"
    assert by(first, what="price", name="floor")["plan"].item() == "5 USD a month"

    session = provision.apply(target, worker, heard)
    assert heard.has("succeeded  batchAccounts")
    assert heard.has("registering Microsoft.Batch")
    assert "@sha256:" in session.settings.azure.acr.image
    written = json.loads((place.folder / "whole.json").read_text())
    assert written["provision"] == {"prefix": "bk1"}
    assert written["azure"]["batch"]["managed_identity_id"].endswith("/userAssignedIdentities/bk1-nodes")
    assert set(written["azure"]["identity"]) >= {"name", "resource_id", "principal_id", "client_id"}

    again = Heard()
    provision.apply(place.target("whole"), worker, again)
    assert again[0] == "nothing to change"
    assert again.has("is up to date")
    second = provision.plan(place.target("whole"))
    assert not set(second["plan"]) & {"create", "change", "delete", "register"}
    assert by(second, what="quota", name="Standard_D2ds_v5")["plan"].item() == "10 of 10 nodes, 100 pools"

    table = provision.verify(place.target("whole"))
    assert not failing(table), table
    assert {"put a blob", "task on a node, in the image", "read the blob it wrote"} <= set(table["check"])

    gone = Heard()
    provision.destroy(place.target("whole"), "whole", tell=gone)
    assert gone.has("deleted the resource group whole")
    assert not place.target("whole").resources.resource_groups.check_existence("whole")
    assert list(provision.verify(place.target("whole"))["result"]) == ["not there: run `batchkit provision apply`"]
    provision.destroy(place.target("whole"), "whole", tell=gone)
    assert gone.has("gone already")


def test_what_was_there_before_stays(place):
    target = place.target("shared")
    target.resources.resource_groups.create_or_update("shared", ResourceGroup(location="x", tags={"of": "someone"}))
    mine = "/subscriptions/{}/resourceGroups/shared/providers/Microsoft.Storage/storageAccounts/someones"
    someones = mine.format(target.subscription)
    body = {"location": "x", "properties": {}}
    target.resources.resources.begin_create_or_update_by_id(someones, body, api_version="2026-09-01").result()
    provision.apply(place.target("shared"), worker=None, tell=Heard())
    ignored = by(provision.plan(place.target("shared")), plan="ignore")
    assert list(ignored["name"]) == ["someones"]
    with pytest.raises(ServiceError, match="Nothing was deleted"):
        provision.destroy(place.target("shared"), "share", tell=Heard())
    heard = Heard()
    provision.destroy(place.target("shared"), "shared", tell=heard)
    assert heard.has("the group shared stays: someones was there before")
    left = place.target("shared").resources.resources.list_by_resource_group("shared")
    assert [resource.name for resource in left] == ["someones"]
    assert place.target("shared").resources.resource_groups.get("shared").tags == {"of": "someone"}


def test_a_strangers_resource_is_not_taken_over(place):
    target = place.target("taken", registryName="strangers")
    target.resources.resource_groups.create_or_update("taken", ResourceGroup(location="x", tags={"batchkit": "bk1"}))
    group = f"/subscriptions/{target.subscription}/resourceGroups/taken"
    theirs = f"{group}/providers/Microsoft.ContainerRegistry/registries/strangers"
    body = {"location": "x", "tags": {}, "sku": {"name": "Premium"}, "properties": {}}
    target.resources.resources.begin_create_or_update_by_id(theirs, body, api_version="2025-11-01").result()
    with pytest.raises(ServiceError, match="was not made by batchkit-bk1"):
        provision.apply(target, worker=None, tell=Heard())


def test_an_apply_that_failed_half_way_ends_the_same_when_run_again(place):
    place.tell(fail_at="/registries/")
    heard = Heard()
    with pytest.raises(ServiceError, match=r"InternalServerError.*Then apply again"):
        provision.apply(place.target("halfway"), worker=None, tell=heard)
    assert heard.has("failed     registries")
    assert place.target("halfway").resources.resource_groups.check_existence("halfway")
    assert by(provision.plan(place.target("halfway")), what="batchAccounts")["plan"].item() == "create"
    place.tell()
    provision.apply(place.target("halfway"), worker=None, tell=heard)
    table = provision.verify(place.target("halfway"), round_trip=False)
    assert not failing(table)
    straight = place.target("straight")
    provision.apply(straight, worker=None, tell=heard)
    plans = [provision.plan(place.target(group)) for group in ("halfway", "straight")]
    assert len(plans[0]) == len(plans[1])
    assert list(plans[0]["plan"]) == list(plans[1]["plan"])
    for group in ("halfway", "straight"):
        provision.destroy(place.target(group), group, tell=heard)


def test_an_apply_waits_for_one_that_still_runs(place):
    target, heard = place.target("running"), Heard()
    place.tell(slowness=10)
    for name in ("Microsoft.Batch", "Microsoft.ContainerRegistry", "Microsoft.ManagedIdentity", "Microsoft.Storage"):
        target.resources.providers.register(name)
    target.deployments.deployments.begin_create_or_update_at_subscription_scope(
        target.name, target.body(), polling=False
    )
    provision.apply(place.target("running"), worker=None, tell=heard)
    assert heard.has("an earlier deployment still runs")
    provision.destroy(place.target("running"), "running", tell=heard)


def test_each_role_removed_makes_verify_name_it(place):
    heard, target = Heard(), place.target("roles")
    provision.apply(target, worker=None, tell=heard)
    rows = [change for change in changes(place.target("roles")) if change["kind"] == "role"]
    assert {row["name"] for row in rows} == ROLES
    for row in rows:
        target.resources.resources.begin_delete_by_id(row["id"], api_version="2022-04-01").wait()
        table = provision.verify(place.target("roles"))
        [line] = [check for check in failing(table) if check.startswith("role ")]
        assert row["name"] in line
        assert row["note"] in line
        assert by(table, check=line)["result"].item() == "missing: run `batchkit provision apply`"
        provision.apply(place.target("roles"), worker=None, tell=heard)
    assert not failing(provision.verify(place.target("roles"), round_trip=False))
    provision.destroy(place.target("roles"), "roles", tell=heard)


def test_no_quota_stops_with_the_request_to_make(place):
    place.tell(core_quota=0)
    words = r"The quota lets no node run: ask for 20 dedicated cores of standardDDSv5Family in swedencentral"
    with pytest.raises(ServiceError, match=words):
        provision.apply(place.target("poor"), worker=None, tell=Heard())
    table = provision.verify(place.target("poor"))
    assert failing(table) == ["quota: 0 of 10 nodes of Standard_D2ds_v5", "round trip"]
    place.tell(core_quota=4)
    heard = Heard()
    provision.apply(place.target("poor"), worker=None, tell=heard)
    assert heard.has("the quota lets 2 nodes of Standard_D2ds_v5 run at once; for 10, ask for 20")
    provision.destroy(place.target("poor"), "poor", tell=heard)


def test_roles_that_spread_slowly_are_waited_for(place, monkeypatch):
    monkeypatch.setattr(applying, "ROLE_MINUTES", 120)  # at this speed, ten are gone before a busy machine has looked
    place.tell(role_spread_seconds=4800)
    heard = Heard()
    provision.apply(place.target("slow"), worker=None, tell=heard)
    assert heard.has("the role for pools is still spreading")
    provision.destroy(place.target("slow"), "slow", tell=heard)


def test_a_name_that_is_taken_is_said(place):
    place.tell(taken_names=["takenname"])
    with pytest.raises(ServiceError, match="StorageAccountAlreadyTaken"):
        provision.apply(place.target("named", storageAccountName="takenname"), worker=None, tell=Heard())


def test_a_registry_that_refuses_builds_says_what_to_do(place, worker, monkeypatch):
    provision.apply(place.target("free"), worker=None, tell=Heard())
    place.tell(builds_allowed=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ServiceError, match=r"refuses builds.*neither docker nor podman"):
        provision.apply(place.target("free"), worker, Heard())
    provision.destroy(place.target("free"), "free", tell=Heard())


def test_docker_hub_is_asked_once_and_its_limit_waited_for(place, worker):
    target = place.target("hub")
    (worker / "Dockerfile").write_text("FROM python:3.13-slim\n")
    place.tell(hub_refusals=1)
    with pytest.raises(ServiceError, match="could not build"):  # what a build from there meets
        provision.apply(target, worker, Heard())
    (worker / "Dockerfile").write_text("ARG BASE=python:3.13-slim\nFROM ${BASE}\n")
    place.tell(hub_refusals=2)
    heard = Heard()
    provision.apply(place.target("hub"), worker, heard)
    assert heard.has("copied python:3.13-slim into the registry")
    (worker / "more.txt").write_text("another image")
    place.tell(hub_refusals=1000)  # nobody asks it any more
    again = Heard()
    provision.apply(place.target("hub"), worker, again)
    assert again.has("the image is")
    assert not again.has("copied")
    provision.destroy(place.target("hub"), "hub", tell=heard)


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_digest_is_the_registrys(engine, tmp_path, monkeypatch):
    program = tmp_path / engine
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1 $2" = "push --digestfile" ] && printf sha256:pushed > "$3"\n'
        f'[ "$1" = image ] && [ {engine} = podman ] && echo \'["other/w@sha256:1","r.io/w@sha256:unpacked"]\'\n'
        f'[ "$1" = image ] && [ {engine} = docker ] && echo \'["other/w@sha256:1","r.io/w@sha256:pushed"]\'\n'
        "exit 0\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert image._push(engine, "r.io/w:tag") == "sha256:pushed"


def test_an_engine_that_knows_no_digest_is_said(tmp_path, monkeypatch):
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$1" = image ] && echo null\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ServiceError, match=r"docker pushed r.io/w:tag, but"):
        image._push("docker", "r.io/w:tag")


def test_no_dockerfile_is_said(place, tmp_path):
    with pytest.raises(ServiceError, match="no Dockerfile"):
        image.pack(tmp_path)


def test_the_private_form_closes_the_doors_last(place, worker):
    target, heard = place.target("private", privateNetwork=True), Heard()
    session = provision.apply(target, worker, heard)
    assert session.settings.azure.batch.model_dump()["subnet_id"].endswith("/subnets/nodes")
    assert heard.index("closing the public doors") > next(i for i, line in enumerate(heard) if "the image is" in line)
    account = target.resources.resources.get_by_id(session.settings.azure.batch.resource_id, api_version="2025-06-01")
    assert account.properties["publicNetworkAccess"] == "Disabled"
    again = Heard()
    provision.apply(place.target("private", privateNetwork=True), worker, again)
    inside = "the doors are closed: pools and jobs are made from inside the private network"
    assert again == ["nothing to change", inside, f"the image {session.settings.azure.acr.image} is up to date"]
    (worker / "Dockerfile").write_text("FROM python:3.12-slim\n")
    provision.apply(place.target("private", privateNetwork=True), worker, again)
    assert again.index("opening the public doors for the build") < again.index("closing the public doors")
    provision.destroy(place.target("private", privateNetwork=True), "private", tell=heard)
    assert not target.resources.resource_groups.check_existence("private")


def test_the_command_line(place, worker):
    config, runner = place.folder / "words.json", CliRunner()
    place.target("words")
    said = runner.invoke(app, ["plan", "--config", str(config)])
    assert said.exit_code == 0
    assert "storageAccounts" in said.output
    said = runner.invoke(app, ["apply", "--config", str(config), "--yes", "--worker", str(worker)])
    assert said.exit_code == 0, said.output
    assert runner.invoke(app, ["verify", "--config", str(config), "--no-round-trip"]).exit_code == 0
    refused = runner.invoke(app, ["destroy", "--config", str(config)], input="other\n")
    assert isinstance(refused.exception, ServiceError)
    assert runner.invoke(app, ["destroy", "--config", str(config), "--yes"]).exit_code == 0
    failed = runner.invoke(app, ["verify", "--config", str(config)])
    assert failed.exit_code == 1


def test_a_settings_file_without_a_subscription_is_one_line(place, tmp_path):
    (tmp_path / "config.json").write_text('{"azure": {"resource_group": "x"}}')
    with pytest.raises(SettingsError, match=r"azure.subscription_id is missing"):
        provision.target(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingsError, match="not readable as JSON"):
        provision.target(tmp_path / "config.json")


def test_the_local_profile_needs_no_settings_file(place, worker):
    target = provision.target()
    assert (target.group, target.config) == ("local", None)
    session = provision.apply(target, worker, Heard())
    assert session.settings.azure.batch.managed_identity_id.endswith("/userAssignedIdentities/pool")
    assert not failing(provision.verify(provision.target()))
    provision.destroy(provision.target(), "local", tell=Heard())


def test_what_is_kept_works_after_a_restart(tmp_path):
    for turn in (0, 1):
        with subscription(tmp_path, "--state", str(tmp_path / "state")):
            heard, target = Heard(), provision.target()
            provision.apply(target, None, heard)
            assert (heard[0] == "nothing to change") == bool(turn)
            assert not failing(provision.verify(target))
