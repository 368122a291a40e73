"""Faults on demand, beyond one refused call: storms, lost answers, refused tasks, full disks, broken pools."""

import time
from typing import Any

import azure.batch.models as m
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from batch_clients import ARM, Azure, arm_pool, output, source, wait_for

ADD = "/jobs/{}/addtaskcollection?api-version=2025-06-01"


@pytest.fixture
def pool(azure: Azure) -> str:
    """A pool with one node and the identity, shared by the tests of this file."""
    if "faulty" not in [pool.id for pool in azure.batch.list_pools()]:
        azure.arm.pool.create(*ARM, "faulty", arm_pool(targets=1, slots=4))
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("faulty") if n.state in ("idle", "running")])
    return "faulty"


def task(name: str, command: str = "true", **more: Any) -> m.BatchTaskCreateOptions:
    return m.BatchTaskCreateOptions(id=name, command_line=command, **more)


def details(failure: Any) -> dict[str, str]:
    return {detail.name: detail.value for detail in failure.details}


@pytest.mark.parametrize(
    ("spelling", "words"),
    [(False, ["success", "clienterror", "servererror"]), (True, ["Success", "ClientError", "ServerError"])],
)
def test_chosen_tasks_of_a_collection_are_refused(azure: Azure, faults: Any, spelling: bool, words: list[str]) -> None:
    name = f"refused-{spelling}"
    azure.job(name, "no-pool")
    plan = [
        {"kind": "add_task", "task": f"{name}/2", "code": "TaskDependencyListTooLong", "times": -1},
        {"kind": "add_task", "task": f"{name}/3", "code": "ServerBusy"},
        *([{"kind": "spelling", "times": -1}] if spelling else []),
    ]
    faults(*plan)
    body = {"value": [{"id": str(number), "commandLine": "true"} for number in (1, 2, 3)]}
    results = azure.send("POST", ADD.format(name), json=body).json()["value"]
    assert [result["status"] for result in results] == words
    assert [result.get("error", {}).get("code") for result in results] == [
        None,
        "TaskDependencyListTooLong",
        "ServerBusy",
    ]
    assert azure.batch.get_job_task_counts(name).task_counts.active == 1
    again = azure.send("POST", ADD.format(name), json={"value": body["value"][1:]}).json()["value"]
    assert [result["status"] for result in again] == [words[1], words[0]]


def test_calls_fail_for_a_time_or_a_count(azure: Azure, faults: Any) -> None:
    path = "/pools?api-version=2025-06-01"
    faults({"kind": "throttle", "operation": "list_pools", "lasts": 1.5, "retry_after": 1})
    began, codes = time.monotonic(), []
    while (answer := azure.get(path)).status_code != 200:
        codes.append(answer.status_code)
        assert answer.headers["Retry-After"] == "1"
        time.sleep(0.2)
    assert set(codes) == {429}
    assert time.monotonic() - began > 1
    faults({"kind": "refuse", "operation": "list_*", "code": "OperationTimedOut", "times": 2})
    assert [azure.get(path).status_code for _ in range(3)] == [500, 500, 200]


def test_an_answer_is_lost_and_the_call_was_done(azure: Azure, faults: Any) -> None:
    body = {"id": "unheard", "poolInfo": {"poolId": "no-pool"}}
    faults({"kind": "lost", "operation": "create_job"})
    with pytest.raises(requests.exceptions.ConnectionError):
        azure.send("POST", "/jobs?api-version=2025-06-01", json=body)
    assert azure.batch.get_job("unheard").state == "active"
    faults({"kind": "lost", "operation": "arm_get_pool"})
    with pytest.raises(HttpResponseError):
        azure.arm.pool.get(*ARM, "no-such-pool", retry_total=0)


def test_a_failed_task_says_what_and_why(azure: Azure, faults: Any, pool: str) -> None:
    azure.job("reasons", pool)
    faults(
        {"kind": "disk_full", "task": "reasons/full"},
        {"kind": "disk_full", "task": "reasons/writes", "what": "write"},
        {"kind": "exit", "task": "reasons/killed"},
        {"kind": "upload", "task": "reasons/once"},
        {"kind": "upload", "task": "reasons/never", "times": -1, "code": "FileUploadAccessDenied"},
    )
    files = [source(azure, "batch-input", "no/such blob.json", "in/x.json")]
    reference = files[0].identity_reference
    nowhere = m.ResourceFile(storage_container_url=azure.url("no-such"), blob_prefix="a/", identity_reference=reference)
    sent = [output(azure, "../stdout.txt", "batch-logs", "reasons")]
    retry = m.BatchTaskConstraints(max_task_retry_count=1)
    azure.batch.create_tasks(
        "reasons",
        [
            task("full"), task("writes"), task("killed"),
            task("missing", resource_files=files), task("nowhere", resource_files=[nowhere]),
            task("once", output_files=sent, constraints=retry), task("never", output_files=sent, constraints=retry),
        ],
    )  # fmt: skip
    ended = {name: azure.ended("reasons", name).execution_info for name in ("full", "writes", "killed", "missing")}
    assert {name: info.failure_info.code for name, info in ended.items()} == {
        "full": "DiskFull",
        "writes": "DiskFull",
        "killed": "FailureExitCode",
        "missing": "BlobNotFound",
    }
    assert ended["killed"].exit_code == 137
    assert ended["full"].failure_info.category == "servererror"
    assert details(ended["missing"].failure_info)["FilePath"].endswith("/batch-input/no/such%20blob.json")
    listed = azure.ended("reasons", "nowhere").execution_info.failure_info
    assert listed.code == "ResourceContainerListMiscError"
    assert details(listed)["FilePath"] == azure.url("no-such", "a/")
    for name, code in (("once", "FileUploadMiscError"), ("never", "FileUploadAccessDenied")):
        info = azure.ended("reasons", name).execution_info
        assert (info.exit_code, info.failure_info.code) == (0, code)
    azure.batch.reactivate_task("reasons", "once")
    wait_for(lambda: azure.ended("reasons", "once").execution_info.result == "success")


def test_pools_that_never_come_up(azure: Azure, faults: Any) -> None:
    faults(
        {"kind": "boot", "pool": "broken", "times": -1},
        {"kind": "formula", "pool": "unscaled", "code": "InsufficientSampleData"},
    )
    azure.pool("broken", nodes=2)
    azure.pool("unscaled", enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes=0;")
    nodes = wait_for(
        lambda: (
            [n.state for n in found] == ["unusable"] * 2 and found
            if (found := list(azure.batch.list_nodes("broken")))
            else None
        )
    )
    assert {error.code for node in nodes for error in node.errors} == {"NodeUnusable"}
    run = wait_for(lambda: azure.batch.get_pool("unscaled").auto_scale_run)
    assert run.error.code == "InsufficientSampleData"
    assert [value["value"] for value in run.error["values"]] == ["Line 1, Col 1: A fault of the plan."]


def test_every_node_of_a_pool_is_lost_at_once(azure: Azure, faults: Any) -> None:
    azure.pool("lost", nodes=2)
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("lost")] == ["idle"] * 2)
    faults({"kind": "unusable", "pool": "lost", "at": 0, "nodes": -1})
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("lost")] == ["unusable"] * 2)
