"""Bodies in the service's own words: defaults, durations, secrets, and each API version's names and spelling."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import azure.mgmt.batch.models as am
import pytest
from azure.core.exceptions import HttpResponseError
from batch_clients import AGENT, ARM, IMAGE, Azure, arm_pool
from starlette.requests import Request
from virtual import Engine, play

from batchkit.local.batch.api.keys import verify_shared_key
from batchkit.local.batch.engine import jobs, pools, schedules
from batchkit.local.config import SharedKey
from batchkit.local.wire.defaults import fill
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import UNLIMITED, normal_duration
from batchkit.local.wire.schema import read
from batchkit.local.wire.versions import NEWEST, spoken

OLD = "2020-09-01.12.0"
USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": AGENT}
SECRET = "a-word-that-must-not-come-back"


@pytest.mark.parametrize(
    ("given", "said"),
    [("PT01H05M00S", "PT1H5M"), ("PT90S", "PT1M30S"), ("PT24H", "P1D"), ("P3Y6M4DT12H30M5S", "P1279DT12H30M5S"),
     ("PT1.5S", "PT1.5S"), ("P0D", "PT0S"), ("P1W", "P7D"), (UNLIMITED, UNLIMITED)],
)  # fmt: skip
def test_durations_are_given_back_as_the_service_writes_them(given: str, said: str) -> None:
    assert normal_duration(given) == said
    assert normal_duration(said) == said


def test_words_of_enumerations_are_taken_in_any_case_and_kept_as_the_newest_client_spells_them() -> None:
    policy = {"taskSchedulingPolicy": {"nodeFillType": "PACK"}}
    assert read(policy, "BatchPoolCreateOptions", strict=True) == {"taskSchedulingPolicy": {"nodeFillType": "pack"}}
    with pytest.raises(BatchError, match="InvalidPropertyValue"):
        read({"taskSchedulingPolicy": {"nodeFillType": "loose"}}, "BatchPoolCreateOptions", strict=True)


@pytest.mark.parametrize("strict", [True, False])
def test_secrets_are_left_out_at_every_depth(strict: bool) -> None:
    body = {
        "userAccounts": [{"name": "u", "password": SECRET, "linuxUserConfiguration": {"sshPrivateKey": SECRET}}],
        "mountConfiguration": [
            {"azureBlobFileSystemConfiguration": {"accountName": "a", "accountKey": SECRET, "sasKey": SECRET}},
            {"cifsMountConfiguration": {"username": "u", "password": SECRET}},
        ],
        "virtualMachineConfiguration": {
            "containerConfiguration": {"containerRegistries": [{"username": "u", "password": SECRET}]},
            "extensions": [{"name": "e", "protectedSettings": {"key": SECRET}}],
        },
    }
    known = read(body, "BatchPoolCreateOptions", strict)
    assert SECRET not in str(known)
    assert known["userAccounts"][0]["name"] == "u"


def test_secrets_under_names_that_are_gone_since_are_left_out() -> None:
    body = {"certificates": [{"thumbprint": "t", "password": SECRET}]}
    assert read(body, "BatchPoolCreateOptions", strict=False) == {"certificates": [{"thumbprint": "t"}]}


def test_defaults_are_filled_in_by_model_and_twice_is_once() -> None:
    body: dict[str, Any] = {
        "vmSize": "Standard_A1",
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "p"}, "nodeAgentSKUId": "batch.node.windows amd64",
            "dataDisks": [{"lun": 1, "diskSizeGB": 50}], "osDisk": {"diskSizeGB": 100},
        },
        "startTask": {"commandLine": "c", "userIdentity": {"autoUser": {"elevationLevel": "admin"}}},
        "userAccounts": [{"name": "u"}],
        "networkConfiguration": {},
    }  # fmt: skip
    filled = fill(body, "BatchPoolCreateOptions")
    assert fill(filled, "BatchPoolCreateOptions") == filled
    machine = filled["virtualMachineConfiguration"]
    assert filled["vmSize"] == "standard_a1"
    assert machine["imageReference"] == {"publisher": "p", "version": "latest"}
    disk = {"lun": 1, "diskSizeGB": 50, "caching": "none", "managedDisk": {"storageAccountType": "standard_lrs"}}
    assert machine["dataDisks"] == [disk]
    assert machine["osDisk"] == {"diskSizeGB": 100, "ephemeralOSDiskSettings": {}}
    admin = {"autoUser": {"scope": "pool", "elevationLevel": "admin"}}
    start = {"commandLine": "c", "userIdentity": admin, "maxTaskRetryCount": 0, "waitForSuccess": True}
    assert filled["startTask"] == start
    account = {"name": "u", "elevationLevel": "nonadmin", "windowsUserConfiguration": {"loginMode": "batch"}}
    assert filled["userAccounts"] == [account]
    assert filled["networkConfiguration"] == {"dynamicVNetAssignmentScope": "none"}
    assert (filled["targetDedicatedNodes"], filled["resizeTimeout"]) == (0, "PT15M")


def test_a_job_s_own_tasks_get_their_defaults(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        job = jobs.create(engine.state, {
            "id": "j", "constraints": {"maxTaskRetryCount": 5, "maxWallClockTime": "P1D"},
            "jobManagerTask": {"id": "m", "commandLine": "1"}, "jobPreparationTask": {"commandLine": "1"},
            "jobReleaseTask": {"commandLine": "1"},
            "poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": {
                "vmSize": "standard_a1", "virtualMachineConfiguration": MACHINE}}},
        })  # fmt: skip
        limits = {"maxWallClockTime": UNLIMITED, "retentionTime": "P7D"}
        manager, before = job.doc["jobManagerTask"], job.doc["jobPreparationTask"]
        assert manager["constraints"] == limits | {"maxTaskRetryCount": 5}
        assert before["constraints"] == limits | {"maxTaskRetryCount": 0}
        assert (before["id"], before["waitForSuccess"], before["userIdentity"]) == ("jobpreparation", True, USER)
        assert job.doc["jobReleaseTask"]["maxWallClockTime"] == "PT15M"
        auto = job.doc["poolInfo"]["autoPoolSpecification"]
        assert (auto["keepAlive"], auto["pool"]["taskSlotsPerNode"]) == (False, 1)
        task = engine.add(job, "1")
        assert task.doc["constraints"] == limits | {"maxTaskRetryCount": 5}  # the job's retries, not its clock
        made = schedules.create(engine.state, {"id": "s", "jobSpecification": {"poolInfo": {"poolId": "p"}}})
        assert (made.doc["jobSpecification"]["priority"], made.doc["jobSpecification"]["maxParallelTasks"]) == (0, -1)

    play(tmp_path, story)


def test_a_changed_start_task_gets_its_defaults_and_an_empty_list_takes_away(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=0, metadata=[{"name": "a", "value": "b"}])
        pools.change(engine.state, pool, {"startTask": {"commandLine": "new"}, "metadata": []})
        start = {"commandLine": "new", "userIdentity": USER, "maxTaskRetryCount": 0, "waitForSuccess": True}
        assert pool.doc["startTask"] == start
        assert "metadata" not in pool.doc

    play(tmp_path, story)


def test_the_newest_version_speaks_as_the_newest_client_does_and_older_ones_as_recorded() -> None:
    said = {
        "taskSchedulingPolicy": {"nodeFillType": "spread"}, "taskSlotsPerNode": 2, "requiredSlots": 1,
        "executionInfo": {"failureInfo": {"category": "usererror", "code": "x"}},
        "value": [{"status": "clienterror", "taskId": "1"}],
        "osDisk": {"caching": "readwrite"}, "dataDisks": [{"lun": 1, "caching": "none"}],
    }  # fmt: skip
    assert spoken(said, NEWEST, as_recorded=False) == said
    recorded = spoken(said, NEWEST, as_recorded=True)
    assert recorded["executionInfo"]["failureInfo"]["category"] == "UserError"
    assert recorded["value"][0]["status"] == "ClientError"
    assert (recorded["osDisk"]["caching"], recorded["dataDisks"][0]["caching"]) == ("ReadWrite", "none")
    assert recorded["taskSlotsPerNode"] == 2
    assert spoken(said, OLD, as_recorded=False)["taskSchedulingPolicy"] == {"nodeFillType": "Spread"}
    older = spoken(said, "2019-08-01.10.0", as_recorded=False)
    assert (older["maxTasksPerNode"], "requiredSlots" in older, "taskSlotsPerNode" in older) == (2, False, False)


def test_before_task_slots_a_job_s_counts_were_those_of_its_tasks_alone() -> None:
    counts = {"active": 1, "running": 0, "completed": 2, "succeeded": 2, "failed": 0}
    both = {"odata.metadata": "https://x/$metadata#taskcountsresult/@Element", "taskCounts": counts}
    both["taskSlotCounts"] = counts
    assert spoken(both, OLD, as_recorded=False) == both
    older = {"odata.metadata": "https://x/$metadata#taskcounts/@Element", **counts}
    assert spoken(both, "2020-03-01.11.0", as_recorded=False) == older


def test_an_older_request_may_use_its_own_names() -> None:
    body = {"maxTasksPerNode": 4, "startTask": {"commandLine": "c", "runElevated": True}}
    taken = read(body, "BatchPoolCreateOptions", strict=False)
    assert taken["taskSlotsPerNode"] == 4
    assert taken["startTask"]["userIdentity"]["autoUser"]["elevationLevel"] == "admin"


def test_over_https_nothing_secret_comes_back_and_headers_are_the_service_s(azure: Azure) -> None:
    users = [{"name": "u", "password": SECRET}]
    body = {"id": "secretive", "vmSize": "Standard_A1", "virtualMachineConfiguration": MACHINE, "userAccounts": users}
    for version, word in ((NEWEST, "timeOut"), (OLD, "timeout")):
        made = azure.send("POST", f"/pools?api-version={version}&{word}=30", json=body)
        assert made.status_code in (201, 409)
        shown = azure.get(f"/pools/secretive?api-version={version}&{word}=30")
        assert shown.status_code == 200
        assert SECRET not in shown.text
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert "DataServiceId" not in shown.headers
        if made.status_code == 201:
            assert made.headers["DataServiceId"] == made.headers["Location"] == shown.json()["url"]
    assert "DataServiceId" not in made.headers  # a refusal


def test_resource_manager_s_pools_keep_no_secrets_and_its_own_words(azure: Azure) -> None:
    pool = arm_pool()
    pool.properties.user_accounts = [am.UserAccount(name="u", password=SECRET, elevation_level="NonAdmin")]
    pool.properties.start_task = am.StartTask(command_line="c")
    made = azure.arm.pool.create(*ARM, "worded", pool)
    [user] = made.properties.user_accounts
    assert (user.password, user.elevation_level) == (None, "NonAdmin")
    start = made.properties.start_task
    assert (start.user_identity.auto_user.scope, start.wait_for_success) == ("Pool", True)
    machine = made.properties.deployment_configuration.virtual_machine_configuration
    assert machine.container_configuration.type == "DockerCompatible"
    with pytest.raises(HttpResponseError, match="PropertyCannotBeUpdated"):  # even unchanged
        azure.arm.pool.create(*ARM, "worded", pool)
    assert SECRET not in azure.get(f"/pools/worded?api-version={NEWEST}").text


@pytest.mark.parametrize("named", ["timeOut", "timeout"])
def test_a_key_client_may_sign_its_query_s_names_as_sent_or_in_small_letters(named: str) -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    key = base64.b64encode(b"k" * 64).decode()
    text = "\n".join(["GET", *[""] * 11, f"ocp-date:{date}", "/account/pools", "api-version:1", f"{named}:30"])
    signature = base64.b64encode(hmac.new(b"k" * 64, text.encode(), hashlib.sha256).digest()).decode()
    headers = {"ocp-date": date, "authorization": f"SharedKey account:{signature}"}
    scope = {
        "type": "http", "method": "GET", "raw_path": b"/pools", "query_string": b"api-version=1&timeOut=30",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    verify_shared_key(Request(scope), SharedKey("account", key))
    scope["query_string"] = b"api-version=1&timeOut=31"
    with pytest.raises(BatchError, match="AuthenticationFailed"):
        verify_shared_key(Request(scope), SharedKey("account", key))
