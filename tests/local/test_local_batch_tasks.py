"""Jobs, tasks and files of the local Batch: real processes, real blobs, the clients as they are."""

import datetime
from typing import Any

import azure.batch.models as m
import psutil
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from batch_clients import ARM, IDENTITY, Azure, arm_pool, output, source, wait_for


@pytest.fixture
def work(azure: Azure) -> str:
    """A pool with one node of four slots and the identity, shared by the tests of this file."""
    if "work" not in [pool.id for pool in azure.batch.list_pools()]:
        azure.arm.pool.create(*ARM, "work", arm_pool(targets=1, slots=4))
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("work") if n.state in ("idle", "running")])
    return "work"


def task(name: str, command: str = "true", **more: Any) -> m.BatchTaskCreateOptions:
    return m.BatchTaskCreateOptions(id=name, command_line=command, **more)


def test_blobs_come_in_and_go_out_by_the_pool_identity(azure: Azure, work: str) -> None:
    names = ["flow/a/x 1.json", "flow/a/b/ü.json", "flow/a2/no.json"]
    for name in names:
        azure.container("batch-input").upload_blob(name, name.encode(), overwrite=True)
    azure.job("flow", work)
    reference = m.BatchNodeIdentityReference(resource_id=IDENTITY)
    prefix = m.ResourceFile(
        storage_container_url=azure.url("batch-input"),
        blob_prefix="flow/a/",
        identity_reference=reference,
        file_path="in",
    )
    code = (
        "import os, pathlib, sys; pathlib.Path('out/deep').mkdir(parents=True);"
        "pathlib.Path('out/deep/x.report.json').write_text('1');"
        "pathlib.Path('out/.hidden.report.json').write_text('2');"
        "pathlib.Path('out/task.partial').write_text('3'); print('said'); print('warned', file=sys.stderr)"
    )
    azure.batch.create_task(
        "flow",
        task(
            "1",
            f'python -c "{code}"',
            resource_files=[prefix, source(azure, "batch-input", "flow/a/x%201.json", "in/one.json")],
            output_files=[
                output(azure, "out/**/*.report.json", "batch-output", "flow/reports"),
                output(azure, "out/task.partial", "batch-output", "flow/partials/1.partial", "tasksuccess"),
                output(azure, "../std*.txt", "batch-logs", "flow/1"),
                output(azure, "nothing/*.x", "batch-output", "flow/none"),
            ],
        ),
    )
    done = azure.ended("flow", "1")
    assert done.execution_info is not None
    assert (done.execution_info.exit_code, done.execution_info.result) == (0, "success")
    files = {f.name for f in azure.batch.list_task_files("flow", "1", recursive=True)}
    assert {"wd/in/one.json", "wd/in/flow/a/x 1.json", "wd/in/flow/a/b/ü.json", "stdout.txt"} <= files
    assert "wd/in/flow/a2/no.json" not in files
    sent = {b.name for b in azure.container("batch-output").list_blobs("flow/")}
    assert sent == {"flow/reports/deep/x.report.json", "flow/partials/1.partial"}
    assert azure.container("batch-logs").download_blob("flow/1/stderr.txt").readall() == b"warned\n"
    assert azure.text("flow", "1") == "said\n"
    assert b"".join(azure.batch.download_task_file("flow", "1", "stdout.txt", ocp_range="bytes=1-2")) == b"ai"
    info = azure.batch.get_task_file_properties("flow", "1", "stdout.txt")
    assert info.content_length == 5
    with pytest.raises(ResourceNotFoundError):
        azure.batch.get_task_file_properties("flow", "1", "../../../../../../etc/passwd")


def test_what_cannot_be_moved_fails_the_task_as_the_service_says(azure: Azure, work: str) -> None:
    azure.job("unmoved", work)
    other = m.BatchNodeIdentityReference(resource_id=IDENTITY + "2")
    stranger = m.ResourceFile(http_url=azure.url("batch-input", "x"), file_path="x", identity_reference=other)
    gone = output(azure, "*.txt", "no-such-container", "x", "tasksuccess")
    azure.batch.create_tasks(
        "unmoved",
        [
            task("missing", resource_files=[source(azure, "batch-input", "no/such", "x")]),
            task("stranger", resource_files=[stranger]),
            task("outside", resource_files=[source(azure, "batch-input", "no/such", "../../x")]),
            task("unsent", "touch a.txt", output_files=[gone]),
            task("absent", "no-such-program"),
        ],
    )
    codes = {}
    for name in ("missing", "stranger", "outside", "unsent", "absent"):
        info = azure.ended("unmoved", name).execution_info
        assert info is not None
        assert info.failure_info is not None
        assert info.result == "failure"
        codes[name] = info.failure_info.code
    assert codes == {
        "missing": "BlobNotFound",
        "stranger": "BlobAccessDenied",
        "outside": "ResourceFileCreateFailed",
        "unsent": "FileUploadContainerNotFound",
        "absent": "CommandProgramNotFound",
    }


def test_a_task_sees_its_own_folder_and_no_secret(azure: Azure, work: str) -> None:
    azure.job("env", work, common_environment_settings=[m.EnvironmentSetting(name="COMMON", value="c")])
    azure.batch.create_task(
        "env", task("1", "env", environment_settings=[m.EnvironmentSetting(name="MINE", value="m")])
    )
    azure.batch.create_task("env", task("2", "python -c 'import sys; print(sys.prefix, \"$HOME\")'"))
    azure.ended("env", "1")
    seen = dict(line.split("=", 1) for line in azure.text("env", "1").splitlines())
    assert seen["AZ_BATCH_TASK_WORKING_DIR"] == seen["AZ_BATCH_TASK_DIR"] + "/wd"
    assert (seen["AZ_BATCH_JOB_ID"], seen["AZ_BATCH_TASK_ID"], seen["AZ_BATCH_POOL_ID"]) == ("env", "1", "work")
    assert (seen["COMMON"], seen["MINE"]) == ("c", "m")
    assert not [name for name in seen if name.startswith("AZURE_")]
    azure.ended("env", "2")
    assert azure.text("env", "2").endswith("$HOME\n")


def test_dependencies_by_id_and_range_and_what_satisfies_them(azure: Azure, work: str) -> None:
    azure.job("deps", work, uses_task_dependencies=True)
    satisfy = m.ExitOptions(dependency_action="satisfy")
    needs = m.BatchTaskDependencies(task_ids=["a"], task_id_ranges=[m.BatchTaskIdRange(start=1, end=2)])
    azure.batch.create_tasks(
        "deps",
        [
            task("1"),
            task("2", "false", exit_conditions=m.ExitConditions(default=satisfy)),
            task("a", "no-such-program",
                 exit_conditions=m.ExitConditions(exit_codes=[m.ExitCodeMapping(code=3, exit_options=satisfy)],
                                                  pre_processing_error=satisfy)),
            task("last", depends_on=needs),
            task("never", depends_on=m.BatchTaskDependencies(task_ids=["nobody"])),
        ],
    )  # fmt: skip
    azure.ended("deps", "last")
    counts = azure.batch.get_job_task_counts("deps").task_counts
    assert (counts.active, counts.running, counts.succeeded, counts.failed) == (1, 0, 2, 2)
    azure.job("nodeps", work)
    with pytest.raises(HttpResponseError) as caught:
        azure.batch.create_task("nodeps", task("x", depends_on=needs))
    assert caught.value.error is not None
    assert caught.value.error.code == "TaskDependenciesNotSpecifiedOnJob"


def test_retries_wall_clock_and_reactivation(azure: Azure, work: str) -> None:
    azure.job("tries", work)
    limits = m.BatchTaskConstraints(max_task_retry_count=1)
    second = m.BatchTaskConstraints(max_wall_clock_time=datetime.timedelta(seconds=1))
    azure.batch.create_tasks(
        "tries", [task("fails", "false", constraints=limits), task("long", "sleep 60", constraints=second)]
    )
    info = azure.ended("tries", "fails").execution_info
    assert info is not None
    assert (info.retry_count, info.exit_code) == (1, 1)
    long = azure.ended("tries", "long").execution_info
    assert long is not None
    assert long.failure_info is not None
    azure.batch.reactivate_task("tries", "fails")
    wait_for(lambda: azure.ended("tries", "fails").execution_info.retry_count == 1)


def test_terminate_kills_the_whole_process_group(azure: Azure, work: str) -> None:
    azure.job("kill", work)
    azure.batch.create_task("kill", task("1", "/bin/sh -c 'sleep 4711 & sleep 4711'"))
    wait_for(lambda: azure.batch.get_task("kill", "1").state == "running")
    wait_for(lambda: len(sleepers()) >= 2)
    azure.batch.terminate_task("kill", "1")
    info = azure.batch.get_task("kill", "1").execution_info
    assert info is not None
    assert info.failure_info is not None
    assert info.failure_info.code == "TaskEnded"
    wait_for(lambda: not sleepers())
    with pytest.raises(ResourceExistsError):
        azure.batch.terminate_task("kill", "1")
    azure.batch.delete_task("kill", "1")
    with pytest.raises(ResourceNotFoundError):
        azure.batch.get_task("kill", "1")


def sleepers() -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if "4711" in (p.info["cmdline"] or [])]


def test_jobs_end_by_themselves_or_by_their_user(azure: Azure, work: str) -> None:
    azure.job("empty", work, all_tasks_complete_mode="terminatejob")
    wait_for(lambda: azure.batch.get_job("empty").state == "completed")
    with pytest.raises(ResourceExistsError):
        azure.batch.create_task("empty", task("late"))
    azure.job("auto", work)
    azure.batch.create_tasks("auto", [task(str(i)) for i in range(5)])
    azure.batch.update_job("auto", m.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    wait_for(lambda: azure.batch.get_job("auto").state == "completed")
    assert azure.batch.get_job("auto").execution_info.termination_reason == "AllTasksCompleted"
    azure.job("stopped", work)
    azure.batch.create_tasks("stopped", [task(str(i), "sleep 60") for i in range(5)])
    wait_for(lambda: azure.batch.get_job_task_counts("stopped").task_counts.running == 4)
    azure.batch.begin_disable_job(
        "stopped", m.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0.1
    ).result()
    assert azure.batch.get_job_task_counts("stopped").task_counts.active == 5
    with pytest.raises(ResourceExistsError):
        list(azure.batch.list_task_files("stopped", "0"))
    azure.batch.begin_enable_job("stopped", polling_interval=0.1).result()
    wait_for(lambda: azure.batch.get_job_task_counts("stopped").task_counts.running == 4)
    azure.batch.begin_terminate_job("stopped", {"terminateReason": "enough"}, polling_interval=0.1).result()
    assert azure.batch.get_job("stopped").execution_info.termination_reason == "enough"
    assert azure.batch.get_job_task_counts("stopped").task_counts.failed == 4
    azure.batch.begin_delete_job("stopped", polling_interval=0.1).result()
    with pytest.raises(ResourceNotFoundError):
        azure.batch.get_job("stopped")


def test_collections_are_limited_and_each_task_has_a_result(azure: Azure, work: str) -> None:
    azure.job("many", work)
    azure.batch.begin_disable_job("many", m.BatchJobDisableOptions(disable_tasks="wait"), polling_interval=0.1).result()
    azure.batch.create_tasks("many", [task(f"t{i:04d}") for i in range(250)])
    pages = [[t.id for t in page] for page in azure.batch.list_tasks("many", max_results=100).by_page()]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [name for page in pages for name in page] == [f"t{i:04d}" for i in range(250)]
    filtered = list(azure.batch.list_tasks("many", filter="state eq 'active' and startswith(id,'t00')", select=["id"]))
    assert len(filtered) == 100
    body = {"value": [{"id": f"n{i}", "commandLine": "true"} for i in range(101)]}
    path = "/jobs/many/addtaskcollection?api-version=2025-06-01"
    assert azure.send("POST", path, json=body).json()["code"] == "InvalidPropertyValue"
    mixed = {
        "value": [
            {"id": "t0001", "commandLine": "true"},
            {"id": "bad id", "commandLine": "true"},
            {"id": "ok", "commandLine": "true"},
        ]
    }
    results = azure.send("POST", path, json=mixed).json()["value"]
    assert [r["status"] for r in results] == ["clienterror", "clienterror", "success"]
    assert results[0]["error"]["code"] == "TaskExists"
    huge = {"value": [{"id": "h", "commandLine": "x" * 1_200_000}]}
    assert azure.send("POST", path, json=huge).status_code == 413
    files = [source(azure, "batch-input", f"{'n' * 100}{i}", f"in/{i}") for i in range(100)]
    with pytest.raises(HttpResponseError) as caught:
        azure.batch.create_task("many", task("files", resource_files=files))
    assert "resourceFiles" in str(caught.value)
