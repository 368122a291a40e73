"""Watching a job: it outlives bad weather, and ends early, with the reason, when nothing can come of the job."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from batch_clients import ARM, arm_pool
from conftest import running_local_azure
from shop import fill

import batchkit
from batchkit import datasets, jobs, patience, pools
from batchkit.errors import JobError
from batchkit.jobs import explaining


@pytest.fixture(scope="module")
def planned(fast_azure, tmp_path_factory):
    """Data of one file, uploaded once for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in fast_azure.items():
            patch.setenv(name, value)
        fill(tmp_path_factory.mktemp("one"), 1)
        return datasets.upload(batchkit.connect(), tmp_path_factory.getbasetemp() / "one0")


@pytest.fixture(scope="module")
def scaling(fast_azure):
    """A pool that works."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in fast_azure.items():
            patch.setenv(name, value)
        session = batchkit.connect()
        return pools.ensure(session, pools.spec(session, max_nodes=1, slots_per_node=2))


def submit(session, data, job_id, pool_id):
    jobs.submit(session, jobs.plan(session, job_id, data), pool_id)


MIXED = [{"kind": "lost", "operation": "get_job", "times": 3}, {"kind": "refuse", "operation": "list_*", "times": 3}]
longer = pytest.mark.longer


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param([{"kind": "throttle", "operation": "get_*", "lasts": 5.0, "retry_after": 1}], id="429"),
        pytest.param([{"kind": "drop", "operation": "*", "times": 10}], id="drops", marks=longer),
        pytest.param([{"kind": "busy", "operation": "*", "lasts": 4.0}], id="503", marks=longer),
        pytest.param(MIXED, id="mixed"),
    ],
)
def test_a_watch_outlives_the_weather(session, planned, scaling, faults, storm, request):
    job_id = f"storm-{request.node.callspec.id}"
    submit(session, planned, job_id, scaling)
    faults(*storm)
    history = jobs.watch(session, job_id, timeout_minutes=3)
    assert history["completed"].iloc[-1] == 2


@longer
def test_a_watch_says_that_azure_does_not_answer_and_that_it_answers_again(
    session, planned, scaling, faults, capsys, monkeypatch
):
    monkeypatch.setattr(patience, "_SAY_AFTER", 1.0)
    submit(session, planned, "silent", scaling)
    faults({"kind": "drop", "operation": "*", "lasts": 9.0})
    jobs.watch(session, "silent", timeout_minutes=3)
    said = capsys.readouterr().out
    assert said.count("Azure does not answer (no connection)") == 1
    assert "Azure answers again" in said


@longer
def test_a_watch_outlives_a_restart_of_the_service(tmp_path, monkeypatch):
    state = tmp_path / "state"
    with running_local_azure("--speed", "60", "--state", str(state)) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        session = batchkit.connect()
        fill(tmp_path / "in", 2)
        data = datasets.upload(session, tmp_path / "in")
        pool_id = pools.ensure(session, pools.spec(session, max_nodes=1))
        submit(session, data, "restart", pool_id)
        watched = ThreadPoolExecutor(1).submit(jobs.watch, session, "restart", timeout_minutes=2)
        time.sleep(1.5)
    with running_local_azure("--speed", "60", "--state", str(state)) as again:
        assert again == environment
        assert watched.result(100)["completed"].iloc[-1] == 2


def fails(session, job_id, minutes=1.0):
    """The one line with which watching a job ends early."""
    started = time.monotonic()
    with pytest.raises(JobError) as raised:
        jobs.watch(session, job_id, timeout_minutes=minutes)
    assert time.monotonic() - started < 60 * minutes
    assert "\n" not in str(raised.value)
    assert "Next:" in str(raised.value)
    rows = explaining.explain(session, job_id)
    return f"{raised.value} EXPLAINED {' '.join(rows['why'] + ' ' + rows['next'])}"


def test_every_node_unusable(session, planned, azure, faults):
    faults({"kind": "boot", "pool": "never-boots", "times": -1})
    azure.arm.pool.create(*ARM, "never-boots", arm_pool(targets=2))
    submit(session, planned, "on-never-boots", "never-boots")
    said = fails(session, "on-never-boots")
    assert "2 nodes are unusable" in said
    assert "cost money" in said
    assert "it costs money" in said
    assert "batchkit job repair" in said
    assert jobs.state(session, "on-never-boots") in ("completed", "terminating")


def test_a_start_task_that_fails(session, planned, azure):
    import azure.mgmt.batch.models as am

    pool = arm_pool(targets=1)
    pool.properties.start_task = am.StartTask(command_line="false", wait_for_success=True)
    azure.arm.pool.create(*ARM, "bad-start", pool)
    submit(session, planned, "on-bad-start", "bad-start")
    said = fails(session, "on-bad-start")
    assert "start task failed" in said
    assert "exit code 1" in said.partition("EXPLAINED")[2]


def test_no_nodes_and_no_autoscaling(session, planned, azure):
    azure.arm.pool.create(*ARM, "asleep", arm_pool(targets=0))
    submit(session, planned, "on-asleep", "asleep")
    said = fails(session, "on-asleep")
    assert said.count("has no nodes, and autoscaling is off") == 2


def test_a_formula_that_fails(session, planned, azure):
    azure.arm.pool.create(*ARM, "bad-formula", arm_pool(formula="$TargetDedicatedNodes = 0;"))
    formula = "$n = 1;\n$TargetDedicatedNodes = $ActiveTasks.GetSample(-1);"
    session.batch.enable_pool_auto_scale("bad-formula", {"autoScaleFormula": formula})
    submit(session, planned, "on-bad-formula", "bad-formula")
    said = fails(session, "on-bad-formula")
    assert "The formula failed" in said
    assert "its formula fails" in said


def test_a_pool_that_is_gone(session, planned, azure):
    azure.arm.pool.create(*ARM, "leaving", arm_pool(targets=0))
    submit(session, planned, "on-leaving", "leaving")
    azure.arm.pool.begin_delete(*ARM, "leaving", polling_interval=0.2).wait()
    said = fails(session, "on-leaving")
    assert "The pool leaving is gone" in said
    assert "the pool leaving is gone" in said


def test_a_quota(session, planned, azure, faults):
    faults({"kind": "resize", "pool": "too-large", "code": "AccountCoreQuotaReached", "times": -1})
    azure.arm.pool.create(*ARM, "too-large", arm_pool(targets=3))
    submit(session, planned, "on-too-large", "too-large")
    said = fails(session, "on-too-large")
    assert "AccountCoreQuotaReached" in said
    assert said.count("more quota") == 2


def test_a_disabled_job(session, planned, scaling):
    submit(session, planned, "disabled", scaling)
    session.batch.begin_disable_job("disabled", {"disableTasks": "requeue"}, polling_interval=0.2).wait()
    said = fails(session, "disabled")
    assert "enable it again" in said
    assert "the job is disabled" in said
    jobs.cancel(session, "disabled")


def test_some_trouble_is_no_reason_to_stop(session, planned, azure, faults, capsys):
    faults({"kind": "boot", "pool": "half-broken", "times": 1})
    azure.arm.pool.create(*ARM, "half-broken", arm_pool(targets=2))
    submit(session, planned, "on-half-broken", "half-broken")
    history = jobs.watch(session, "on-half-broken", timeout_minutes=1)
    assert history["completed"].iloc[-1] == 2
