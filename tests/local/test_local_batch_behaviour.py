"""The local Batch beyond the main job: schedules, special tasks, nodes that go, faults, keys, restarts."""

import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.batch.models as m
import pytest
import requests
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from batch_clients import IMAGE, Azure, wait_for
from batch_schema import schema
from conftest import running_local_azure

from batchkit.local.batch.state.fault_plan import FaultError, read
from batchkit.local.coverage import coverage

ROOT = Path(__file__).parents[2]
FAULTS = "/_local/faults"


def task(name: str, command: str = "true", **more: Any) -> m.BatchTaskCreateOptions:
    return m.BatchTaskCreateOptions(id=name, command_line=command, **more)


def idle(azure: Azure, pool: str, count: int = 1) -> list[Any]:
    def look() -> list[Any]:
        nodes = list(azure.batch.list_nodes(pool))
        return nodes if [n.state for n in nodes] == ["idle"] * count else []

    found: list[Any] = wait_for(look)
    return found


def gone(azure: Azure, pool: str) -> None:
    azure.batch.begin_delete_pool(pool, polling_interval=0.1).result()


@pytest.fixture
def faults(azure: Azure) -> Iterator[Any]:
    """A call that sets the fault plan; emptied at the end."""
    yield lambda *plan: azure.send("PUT", FAULTS, json={"fault": list(plan)}).raise_for_status()
    azure.send("DELETE", FAULTS)


def test_coverage_page_is_the_table_of_handlers() -> None:
    assert (ROOT / "batchkit/local/COVERAGE.md").read_text() == coverage(), "run python -m batchkit.local.coverage"


def test_schema_is_the_client_s() -> None:
    written = (ROOT / "batchkit/local/wire/schema.json").read_text()
    assert written == schema(), "run python tests/batch_schema.py > batchkit/local/wire/schema.json"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"id": "x", "poolInfo": {"poolId": "p"}, "nonsense": 1}, "InvalidRequestBody"),
        ({"id": 5, "poolInfo": {"poolId": "p"}}, "InvalidRequestBody"),
        ({"id": "x", "poolInfo": "p"}, "InvalidRequestBody"),
        ({"id": "x"}, "MissingRequiredProperty"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "onAllTasksComplete": "sometimes"}, "InvalidPropertyValue"),
        ({"id": "x" * 65, "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "priority": 2000}, "InvalidPropertyValue"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "constraints": {"maxWallClockTime": "5m"}}, "InvalidRequestBody"),
        ([], "InvalidRequestBody"),
    ],
)
def test_bodies_that_do_not_fit_are_refused(azure: Azure, body: object, code: str) -> None:
    answer = azure.send("POST", "/jobs?api-version=2025-06-01", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_older_clients_may_send_what_is_gone_since(azure: Azure) -> None:
    machine = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    body = {
        "id": "old",
        "vmSize": "s",
        "virtualMachineConfiguration": machine,
        "targetNodeCommunicationMode": "simplified",
    }
    assert azure.send("POST", "/pools?api-version=2024-02-01.19.0", json=body).status_code == 201
    gone(azure, "old")


def test_schedule_makes_jobs_one_after_the_other(azure: Azure) -> None:
    azure.pool("timed")
    spec = m.BatchJobSpecification(
        pool_info=m.BatchPoolInfo(pool_id="timed"),
        all_tasks_complete_mode="terminatejob",
        job_manager_task=m.BatchJobManagerTask(id="manager", command_line="true"),
    )
    every = m.BatchJobScheduleConfiguration(recurrence_interval=datetime.timedelta(minutes=1))
    azure.batch.create_job_schedule(m.BatchJobScheduleCreateOptions(id="timed", schedule=every, job_specification=spec))
    with pytest.raises(ResourceExistsError):
        azure.job("timed", "timed")
    jobs = wait_for(lambda: len(found := list(azure.batch.list_jobs_from_schedule("timed"))) >= 2 and found)
    assert {"timed:job-1", "timed:job-2"} <= {job.id for job in jobs}
    wait_for(lambda: azure.batch.get_job("timed:job-1").state == "completed")
    assert azure.batch.get_task("timed:job-1", "manager").execution_info.result == "success"
    azure.batch.disable_job_schedule("timed")
    assert azure.batch.get_job_schedule("timed").state == "disabled"
    azure.batch.enable_job_schedule("timed")
    azure.batch.begin_terminate_job_schedule("timed", polling_interval=0.1).result()
    assert azure.batch.get_job_schedule("timed").state == "completed"
    azure.batch.begin_delete_job_schedule("timed", polling_interval=0.1).result()
    with pytest.raises(ResourceNotFoundError):
        azure.batch.job_schedule_exists("timed")
    assert not [job for job in azure.batch.list_jobs() if job.id.startswith("timed:")]
    gone(azure, "timed")


def test_start_preparation_and_release_tasks(azure: Azure) -> None:
    start = m.BatchStartTask(
        command_line="/bin/sh -c 'echo ready > $AZ_BATCH_NODE_SHARED_DIR/flag'", wait_for_success=True
    )
    azure.pool("special", start_task=start)
    node = idle(azure, "special")[0]
    assert node.start_task_info.result == "success"
    azure.job(
        "special",
        "special",
        job_preparation_task=m.BatchJobPreparationTask(command_line="/bin/sh -c 'echo prepared > made.txt'"),
        job_release_task=m.BatchJobReleaseTask(command_line="/bin/sh -c 'echo released'"),
    )
    azure.batch.create_task(
        "special", task("1", "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/flag $AZ_BATCH_JOB_PREP_WORKING_DIR/made.txt'")
    )
    azure.ended("special", "1")
    assert azure.text("special", "1") == "ready\nprepared\n"
    azure.batch.begin_terminate_job("special", {"terminateReason": "done"}, polling_interval=0.1).result()
    status = next(iter(azure.batch.list_job_preparation_and_release_task_status("special")))
    assert status.job_preparation_task_execution_info.result == "success"
    assert status.job_release_task_execution_info.result == "success"
    files = [f.name for f in azure.batch.list_node_files("special", node.id, recursive=True)]
    assert "startup/stdout.txt" in files
    gone(azure, "special")


def test_nodes_reboot_leave_scheduling_and_have_users(azure: Azure) -> None:
    azure.pool("handled")
    name = idle(azure, "handled")[0].id
    azure.batch.disable_node_scheduling(
        "handled", name, m.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    )
    with pytest.raises(ResourceExistsError):
        azure.batch.disable_node_scheduling(
            "handled", name, m.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
        )
    azure.job("handled", "handled")
    azure.batch.create_task("handled", task("1"))
    assert azure.batch.get_task("handled", "1").state == "active"
    azure.batch.enable_node_scheduling("handled", name)
    azure.ended("handled", "1")
    azure.batch.begin_reboot_node("handled", name, {"nodeRebootOption": "requeue"}, polling_interval=0.1).result()
    assert azure.batch.get_node("handled", name).state == "idle"
    assert azure.text("handled", "1") == ""
    azure.batch.begin_reimage_node("handled", name, {"nodeReimageOption": "requeue"}, polling_interval=0.1).result()
    with pytest.raises(HttpResponseError):
        azure.text("handled", "1")
    azure.batch.begin_deallocate_node(
        "handled", name, {"nodeDeallocateOption": "requeue"}, polling_interval=0.1
    ).result()
    azure.batch.begin_start_node("handled", name, polling_interval=0.1).result()
    azure.batch.create_node_user("handled", name, m.BatchNodeUserCreateOptions(name="me", password="p"))
    with pytest.raises(ResourceExistsError):
        azure.batch.create_node_user("handled", name, m.BatchNodeUserCreateOptions(name="me", password="p"))
    azure.batch.delete_node_user("handled", name, "me")
    gone(azure, "handled")


def test_faults_show_as_the_service_would(azure: Azure, faults: Any) -> None:
    path = "/pools?api-version=2025-06-01"
    faults(
        {"kind": "throttle", "operation": "list_pools", "retry_after": 3}, {"kind": "busy", "operation": "list_jobs"}
    )
    answer = azure.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert azure.get(path).status_code == 200
    assert azure.get("/jobs?api-version=2025-06-01").json()["code"] == "ServerBusy"
    faults({"kind": "drop", "operation": "list_pools"})
    with pytest.raises(requests.exceptions.ConnectionError):
        azure.get(path)
    faults({"kind": "throttle", "operation": "list_*", "times": 2, "retry_after": 0})
    list(azure.batch.list_pools())  # the client tries again by itself
    faults({"kind": "resize", "pool": "stuck", "code": "AccountCoreQuotaReached"}, {"kind": "upload", "task": "x/*"})
    azure.pool("stuck")
    errors = wait_for(lambda: azure.batch.get_pool("stuck").resize_errors)
    assert errors[0].code == "AccountCoreQuotaReached"
    faults({"kind": "quota", "what": "pools"})
    with pytest.raises(ResourceExistsError) as caught:
        azure.pool("onemore")
    assert caught.value.error is not None
    assert caught.value.error.code == "PoolQuotaReached"
    assert azure.send("PUT", FAULTS, json={"fault": [{"kind": "nonsense"}]}).status_code == 400
    gone(azure, "stuck")


def test_faults_of_nodes_and_tasks(azure: Azure, faults: Any) -> None:
    start = m.BatchStartTask(command_line="true", wait_for_success=True)
    faults(
        {"kind": "start_task", "pool": "hurt"},
        {"kind": "image_pull", "pool": "hurt"},
        {"kind": "upload", "task": "hurt/sent"},
        {"kind": "unusable", "pool": "hurt", "after": 3},
    )
    azure.pool("hurt", start_task=start)
    node = wait_for(lambda: next((n for n in azure.batch.list_nodes("hurt") if n.state == "starttaskfailed"), None))
    azure.batch.begin_reboot_node("hurt", node.id, {"nodeRebootOption": "requeue"}, polling_interval=0.1).result()
    azure.job("hurt", "hurt")
    image = m.BatchTaskContainerSettings(image_name="worker:1")
    place = m.OutputFileBlobContainerDestination(container_url=azure.url("batch-output"))
    sending = m.OutputFile(
        file_pattern="../stdout.txt",
        destination=m.OutputFileDestination(container=place),
        upload_options=m.OutputFileUploadConfiguration(upload_condition="taskcompletion"),
    )
    azure.batch.create_tasks("hurt", [task("boxed", container_settings=image), task("sent", output_files=[sending])])
    codes = {name: azure.ended("hurt", name).execution_info.failure_info.code for name in ("boxed", "sent")}
    assert codes == {"boxed": "ContainerInvalidImage", "sent": "FileUploadMiscError"}
    azure.batch.create_task("hurt", task("last"))
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("hurt")] == ["unusable"])
    assert azure.batch.get_node("hurt", node.id).errors[0].code == "NodeUnusable"
    gone(azure, "hurt")


@pytest.mark.parametrize(
    "entry", [{}, {"kind": "slow", "second": 1}, {"kind": "slow", "times": "2"}, {"kind": "drop", "times": True}]
)
def test_bad_fault_plans_are_named(entry: dict[str, object]) -> None:
    with pytest.raises(FaultError, match="Fault 1"):
        read([entry])


def test_shared_key_is_verified() -> None:
    with running_local_azure("--speed", "1200", "--allow-shared-key") as env:

        def client(key: str) -> Any:
            credential = AzureNamedKeyCredential(env["AZURE_BATCH_ACCOUNT"], key)
            return BatchClient(env["AZURE_BATCH_ENDPOINT"], credential, connection_verify=env["BATCHKIT_CA_FILE"])

        good = client(env["AZURE_BATCH_ACCESS_KEY"])
        image = m.BatchVmImageReference(**IMAGE)
        machine = m.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04")
        good.create_pool(m.BatchPoolCreateOptions(id="keyed", vm_size="s", virtual_machine_configuration=machine))
        assert [pool.id for pool in good.list_pools(filter="startswith(id,'k')", select=["id"])] == ["keyed"]
        with pytest.raises(HttpResponseError) as caught:
            list(client("bm90IHRoZSBrZXk=").list_pools())
        assert caught.value.status_code == 403
        good.close()


def test_kill_and_restart_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = [sys.executable, "-m", "batchkit.local", "--speed", "1200", "--state", str(tmp_path / "s")]
    process, azure = started(program, monkeypatch)
    azure.pool("kept", slots=2)
    azure.job("kept", "kept", uses_task_dependencies=True)
    azure.batch.create_tasks(
        "kept", [task("1"), task("2", "sleep 60"), task("3", depends_on=m.BatchTaskDependencies(task_ids=["1", "2"]))]
    )
    first = azure.ended("kept", "1").execution_info.end_time
    wait_for(lambda: azure.batch.get_task("kept", "2").state == "running")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    azure.close()
    process, azure = started(program, monkeypatch)
    assert azure.batch.get_task("kept", "1").execution_info.end_time == first
    wait_for(lambda: azure.batch.get_task("kept", "2").state == "running")
    assert azure.batch.get_task("kept", "2").execution_info.requeue_count == 1
    assert azure.batch.get_job_task_counts("kept").task_counts.active == 1
    azure.close()
    process.send_signal(signal.SIGINT)
    process.communicate()


def started(program: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[subprocess.Popen[str], Azure]:
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    environment = dict(os.environ)
    assert process.stdout is not None
    for line in process.stdout:
        name, _, value = line.removeprefix("export ").strip().partition("=")
        environment[name] = value
        monkeypatch.setenv(name, value)
        if name == "AZURE_TOKEN_CREDENTIALS":
            break
    return process, Azure(environment)


def test_task_folders_go_when_their_retention_is_over(azure: Azure) -> None:
    azure.pool("short")
    azure.job("short", "short")
    soon = m.BatchTaskConstraints(retention_time=datetime.timedelta(minutes=1))
    azure.batch.create_tasks("short", [task("1", "echo 1", constraints=soon), task("2", "echo 2")])
    azure.ended("short", "1")
    azure.ended("short", "2")

    def cleaned() -> bool:
        answer = azure.get("/jobs/short/tasks/1/files?api-version=2025-06-01")
        return answer.status_code == 409 and bool(answer.json()["code"] == "TaskFilesCleanedup")

    wait_for(cleaned)
    assert azure.text("short", "2") == "2\n"
    gone(azure, "short")


def test_a_task_of_an_older_version_gets_a_token_that_opens_its_own_job_alone(azure: Azure) -> None:
    azure.pool("owned")
    for job in ("own", "other"):
        azure.job(job, "owned")
    look = "import os; print(os.environ['AZ_BATCH_AUTHENTICATION_TOKEN'])"
    body = {"commandLine": f'python -c "{look}"', "authenticationTokenSettings": {"access": ["job"]}}
    old = "/jobs/own/tasks?api-version=2024-02-01.19.0"
    assert azure.send("POST", old, json={"id": "asks", **body}).status_code == 201
    newest = azure.send("POST", "/jobs/own/tasks?api-version=2025-06-01", json={"id": "late", **body})
    assert newest.status_code == 400  # it left the API
    azure.ended("own", "asks")
    own = {"Authorization": f"Bearer {azure.text('own', 'asks').strip()}"}
    version = "api-version=2024-02-01.19.0"
    assert azure.get(f"/jobs/own/tasks?{version}", own).status_code == 200
    for path in ("/jobs/other/tasks", "/jobs/other", "/jobs", "/pools"):
        assert azure.get(f"{path}?{version}", own).status_code == 403
    gone(azure, "owned")
