"""What the engine's documents say, in virtual time: of tasks, nodes and special tasks, after changes and restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual import START, Engine, play

from batchkit.local.batch.engine import autoscale, endings, fleet, jobs, nodes, pools, schedules, tasks
from batchkit.local.batch.state.fault_plan import Fault
from batchkit.local.batch.state.store import Store
from batchkit.local.wire import clock
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import UNLIMITED


def test_a_deleted_task_s_folder_goes_and_a_waiting_one_s_was_never_there(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool()
        job = engine.job(onAllTasksComplete="noaction")
        engine.add(job, "ran")
        await engine.done(job)
        endings.disable(engine.state, job, "wait")
        engine.add(job, "waits")
        for name in ("waits", "ran"):
            await tasks.delete(engine.state, job, engine.task(job, name))
        assert [folder.name for folder in engine.machine.removed] == ["ran"]
        assert engine.recount(job)[0] == {}

    play(tmp_path, story)


def test_a_task_s_constraints_change_until_it_is_completed(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool()
        job = engine.job()
        task = engine.add(job, "1", "1 1", constraints={"maxTaskRetryCount": 5})
        before = task.doc["eTag"]
        tasks.change(engine.state, job, task, {"maxTaskRetryCount": 2, "retentionTime": None})
        assert engine.task(job, "1").doc["constraints"] == {
            "maxWallClockTime": UNLIMITED, "retentionTime": "P7D", "maxTaskRetryCount": 2}  # fmt: skip
        assert task.doc["eTag"] != before
        tasks.change(engine.state, job, task, {})
        assert engine.task(job, "1").doc["constraints"]["maxTaskRetryCount"] == 0
        with pytest.raises(BatchError, match="InvalidPropertyValue"):
            tasks.change(engine.state, job, task, {"maxTaskRetryCount": -2})
        await engine.done(job)
        with pytest.raises(BatchError, match="TaskCompleted"):
            tasks.change(engine.state, job, engine.task(job, "1"), {})

    play(tmp_path, story)


def test_special_tasks_leave_a_record_on_their_job(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        await engine.idle(pool)
        good = engine.job(
            jobPreparationTask={"id": "prep", "commandLine": "1"}, jobReleaseTask={"id": "free", "commandLine": "1 4"}
        )
        bad = engine.job("bad", jobPreparationTask={"commandLine": "missing", "constraints": {"maxTaskRetryCount": 1}},
                         jobReleaseTask={"commandLine": "1", "maxWallClockTime": "PT1M"})  # fmt: skip
        engine.add(good, "1")
        await engine.done(good)
        engine.add(bad, "1")
        await clock.sleep(60)
        for job in (good, bad):
            endings.terminate(engine.state, job, "done")
        await engine.until(lambda: bad.state == good.state == "completed")
        (kept,), (lost,) = good.extra["nodes"].values(), bad.extra["nodes"].values()
        prepared, released = kept["jobPreparationTaskExecutionInfo"], kept["jobReleaseTaskExecutionInfo"]
        told = [prepared[key] for key in ("state", "result", "exitCode", "retryCount")]
        assert told == ["completed", "success", 0, 0]
        assert "failureInfo" not in prepared
        told = [released["result"], released["exitCode"], released["failureInfo"]["code"]]
        assert told == ["failure", 4, "FailureExitCode"]
        assert "retryCount" not in released
        refused = lost["jobPreparationTaskExecutionInfo"]
        assert (refused["result"], "exitCode" in refused, refused["failureInfo"]["code"], refused["retryCount"]) == (
            "failure", False, "BlobNotFound", 1)  # fmt: skip
        limits = {order.label: order.body.get("constraints") for order in engine.machine.orders}
        assert limits["j/free"] == {"maxWallClockTime": "PT15M"}
        assert limits["bad/jobrelease"] == {"maxWallClockTime": "PT1M"}
        assert engine.machine.ended.count("bad/jobrelease") == 1

    play(tmp_path, story)


def test_a_start_task_leaves_its_record_on_its_node(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pools_by = {
            "fine": engine.pool("fine", startTask={"commandLine": "1"}),
            "wrong": engine.pool("wrong", startTask={"commandLine": "1 3"}),
            "bare": engine.pool("bare", startTask={"commandLine": "missing"}),
        }
        await engine.until(lambda: engine.states(pools_by["bare"]) == ["starttaskfailed"])
        await engine.idle(pools_by["fine"])
        info = {name: next(iter(pool.nodes.values())).doc["startTaskInfo"] for name, pool in pools_by.items()}
        assert (info["fine"]["result"], info["fine"]["exitCode"], "failureInfo" in info["fine"]) == (
            "success",
            0,
            False,
        )
        assert (info["wrong"]["exitCode"], info["wrong"]["failureInfo"]["code"]) == (3, "FailureExitCode")
        assert ("exitCode" in info["bare"], info["bare"]["failureInfo"]["code"]) == (False, "BlobNotFound")

    play(tmp_path, story)


def test_an_endless_start_task_goes_on_and_its_node_waits(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(startTask={"commandLine": "1 1", "maxTaskRetryCount": -1})
        await clock.sleep(600)
        assert engine.states(pool) == ["waitingforstarttask"]
        assert engine.machine.ended.count("startup") > 20

    play(tmp_path, story)


def test_a_node_that_is_lost_while_it_boots_stays_lost(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        await engine.until(lambda: engine.states(pool) == ["starting"])
        fleet.make_unusable(engine.state, pool, next(iter(pool.nodes.values())))
        await clock.sleep(600)
        assert engine.states(pool) == ["unusable"]

    play(tmp_path, story)


def test_a_pool_s_metrics_are_of_its_own_jobs_that_go_on(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool, after = engine.pool("m", nodes=0), engine.pool("z", nodes=0)
        for name, pool_id in (("before", "a"), ("own", "m"), ("behind", "z")):
            engine.add(engine.job(name, pool_id), "1")
        ended = engine.job("ended", "m")
        engine.add(ended, "1")
        assert autoscale.measure(engine.state, pool)["$ActiveTasks"] == 2
        endings.terminate(engine.state, ended, "done")
        await clock.sleep(1)
        assert autoscale.measure(engine.state, pool)["$ActiveTasks"] == 1
        assert autoscale.measure(engine.state, after)["$PendingTasks"] == 1

    play(tmp_path, story)


def test_autoscale_is_enabled_changed_and_disabled_by_its_rules(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        state, pool = engine.state, engine.pool()
        with pytest.raises(BatchError, match="MissingRequiredProperty"):
            pools.check_enable(state, pool, {})
        with pytest.raises(BatchError, match="PoolBeingResized"):
            pools.check_enable(state, pool, {"autoScaleFormula": "$TargetDedicatedNodes=1;"})
        await engine.until(lambda: pool.allocation == "steady")
        body = {"autoScaleFormula": "$TargetDedicatedNodes=1;", "autoScaleEvaluationInterval": "PT5M"}
        pools.check_enable(state, pool, body)
        pools.enable_autoscale(state, pool, body["autoScaleFormula"], body["autoScaleEvaluationInterval"])
        with pytest.raises(BatchError, match="TooManyEnableAutoScaleRequests"):
            pools.check_enable(state, pool, {})
        await clock.sleep(29)
        with pytest.raises(BatchError, match="TooManyEnableAutoScaleRequests"):
            pools.check_enable(state, pool, {})
        await clock.sleep(1)
        pools.check_enable(state, pool, {})
        pools.enable_autoscale(state, pool, None, "PT1H")
        assert (pool.doc["autoScaleFormula"], pool.doc["autoScaleEvaluationInterval"]) == (
            body["autoScaleFormula"],
            "PT1H",
        )
        pools.disable_autoscale(state, pool)
        assert not {"autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"} & pool.doc.keys()
        assert (pool.doc["resizeTimeout"], pool.targets) == ("PT15M", (1, 0))

    play(tmp_path, story)


def test_a_job_s_properties_are_set_and_taken_away(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        job = engine.job(metadata=[{"name": "a", "value": "b"}])
        before = job.doc["eTag"]
        jobs.change(engine.state, job, {"priority": 7}, gone=("metadata",))
        assert (job.doc["priority"], "metadata" in job.doc, job.doc["eTag"] == before) == (7, False, False)
        jobs.change(engine.state, job, {"constraints": {"maxWallClockTime": "PT1M"}})
        await engine.until(lambda: job.state == "completed", 70)
        with pytest.raises(BatchError, match="JobCompleted"):
            jobs.change(engine.state, job, {"priority": 1})

    play(tmp_path, story)


def test_a_schedule_s_properties_are_set_and_taken_away(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        spec = {"poolInfo": {"poolId": "p"}, "onAllTasksComplete": "terminatejob"}
        every = {"recurrenceInterval": "PT10M"}
        made = schedules.create(engine.state, {"id": "s", "schedule": every, "jobSpecification": spec,
                                               "metadata": [{"name": "a", "value": "b"}]})  # fmt: skip
        await clock.sleep(1)
        tag = made.doc["eTag"]
        await clock.sleep(1300)
        assert (made.extra["made"], made.doc["eTag"]) == (3, tag)
        schedules.change(engine.state, made, {"schedule": {"recurrenceInterval": "PT1H"}}, gone=("metadata",))
        assert ("metadata" in made.doc, made.doc["eTag"] == tag) == (False, False)
        assert spec.items() <= made.doc["jobSpecification"].items()
        await clock.sleep(3000)
        assert made.extra["made"] == 4
        schedules.disable(engine.state, made)
        await clock.sleep(10_000)
        assert made.extra["made"] == 4
        schedules.enable(engine.state, made)
        await clock.sleep(1)
        assert made.extra["made"] == 5
        busy = schedules.create(engine.state, {"id": "b", "jobSpecification": spec | {
            "jobManagerTask": {"id": "m", "commandLine": "1"}, "poolInfo": {"poolId": "nowhere"}}})  # fmt: skip
        await clock.sleep(1)
        (running,) = schedules.made(engine.state, busy)
        schedules.terminate(engine.state, busy)
        await engine.until(lambda: busy.state == "completed", 30)
        assert running.doc["executionInfo"]["terminateReason"] == "JobScheduleTerminated"

    play(tmp_path, story)


def test_after_a_restart_nothing_runs_and_what_is_gone_does_not_matter(tmp_path: Path) -> None:
    async def before(engine: Engine) -> None:
        pool = engine.pool(nodes=2)
        await engine.idle(pool, 2)
        job = engine.job(constraints={})
        for name in ("1", "2"):
            engine.add(job, name, constraints={"retentionTime": "PT1H"})
        await engine.done(job)
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 1})
        await engine.until(lambda: len(pool.nodes) == 1 and pool.allocation == "steady")
        endings.disable(engine.state, job, "wait")
        await engine.until(lambda: job.state == "disabled")
        engine.add(job, "never-ran")
        await tasks.terminate(engine.state, job, engine.task(job, "never-ran"))
        endings.enable(engine.state, job)
        engine.add(job, "long", "9000")
        await engine.until(lambda: job.runs)
        node = next(iter(pool.nodes.values()))
        assert node.doc["runningTasksCount"] == 1
        engine.state.save_node(node)

    async def after(engine: Engine) -> None:
        node = next(iter(engine.state.pools["p"].nodes.values()))
        counts = (node.doc["runningTasksCount"], node.doc["runningTaskSlotsCount"])
        assert (node.state, counts) == ("idle", (0, 0))
        await clock.sleep(5000)
        assert len(engine.machine.removed) == 1
        assert node.state == "running"

    play(tmp_path, before)
    play(tmp_path, after, start=START)


def test_a_pool_of_one_core_a_node_gets_twice_as_many(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        for name, size, count in (
            ("one", "standard_d1_v2", 200),
            ("odd", "basic", 200),
            ("four", "standard_d4s_v3", 50),
        ):
            pool = engine.pool(name, nodes=500, vmSize=size)
            await engine.until(lambda pool=pool: pool.allocation == "steady")  # type: ignore[misc]
            assert len(pool.nodes) == count
        fitting = engine.pool("fits", nodes=1)
        await engine.until(lambda: fitting.allocation == "steady")
        assert "resizeErrors" not in fitting.doc

    play(tmp_path, story)


def test_a_node_takes_its_tasks_down_with_it_or_lets_them_end(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        await engine.idle(pool)
        node = next(iter(pool.nodes.values()))
        job = engine.job()
        engine.add(job, "1", "100")
        await engine.until(lambda: job.runs)
        nodes.take_down(engine.state, pool, node, "rebooting", "taskcompletion")
        await engine.until(lambda: node.state == "idle")
        assert engine.task(job, "1").result == "success"
        assert (node.doc["totalTasksRun"], node.doc["totalTasksSucceeded"]) == (1, 1)
        engine.add(job, "2", "1 1")
        await engine.done(job)
        assert (node.doc["totalTasksRun"], node.doc["totalTasksSucceeded"]) == (2, 1)
        assert [entry["taskId"] for entry in node.doc["recentTasks"]] == ["2", "1"]

    play(tmp_path, story)


def test_a_job_ends_without_a_release_task_or_without_its_pool(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        await engine.idle(pool)
        plain = engine.job("plain", jobPreparationTask={"commandLine": "1"})
        released = engine.job("released", jobPreparationTask={"commandLine": "1"}, jobReleaseTask={"commandLine": "1"})
        for job in (plain, released):
            engine.add(job, "1")
        await engine.done(plain, released)
        endings.terminate(engine.state, plain, "done")
        await engine.until(lambda: plain.state == "completed", 5)
        pools.check_usable(pool)
        pools.delete(engine.state, pool)
        with pytest.raises(BatchError, match="PoolBeingDeleted"):
            pools.check_usable(pool)
        await engine.until(lambda: not engine.state.pools)
        endings.terminate(engine.state, released, "done")
        await engine.until(lambda: released.state == "completed", 5)
        assert not [label for label in engine.machine.ended if "jobrelease" in label]

    play(tmp_path, story)


@pytest.mark.parametrize("kept", [False, True])
def test_a_schedule_s_own_pool_goes_with_it_unless_it_is_kept(tmp_path: Path, kept: bool) -> None:
    async def story(engine: Engine) -> None:
        machine = engine.pool("model", nodes=0).doc["virtualMachineConfiguration"]
        pool = {"vmSize": "s", "virtualMachineConfiguration": machine, "targetDedicatedNodes": 1}
        auto = {"poolLifetimeOption": "jobschedule", "keepAlive": kept, "pool": pool}
        spec = {"poolInfo": {"autoPoolSpecification": auto}, "jobManagerTask": {"id": "m", "commandLine": "1"},
                "onAllTasksComplete": "terminatejob"}  # fmt: skip
        times = {"recurrenceInterval": "PT1H", "doNotRunAfter": "2026-03-01T02:30:00Z"}
        made = schedules.create(engine.state, {"id": "s", "schedule": times, "jobSpecification": spec})
        await clock.sleep(4000)
        assert (made.extra["made"], set(engine.state.pools)) == (2, {"model", "job_s"})
        await engine.until(lambda: made.state == "completed")
        await clock.sleep(300)
        assert ("job_s" in engine.state.pools) is kept

    play(tmp_path, story)


def test_a_node_that_leaves_while_it_boots_is_not_heard_of_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=3, startTask={"commandLine": "30"})
        await engine.until(lambda: engine.states(pool) == ["starting"] * 3)
        pools.delete(engine.state, pool)
        await clock.sleep(600)
        assert (pool.nodes, engine.machine.started) == ({}, [])

    play(tmp_path, story)
    assert caplog.text == ""


def test_a_task_gets_its_job_s_variables_and_its_own(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        job = engine.job(commonEnvironmentSettings=[{"name": "A", "value": "job"}, {"name": "B", "value": "job"}])
        engine.add(job, "1", environmentSettings=[{"name": "B", "value": "own"}, {"name": "C"}])
        await engine.done(job)
        env, node = engine.machine.orders[0].env, next(iter(pool.nodes.values()))
        assert [env[name] for name in "ABC"] == ["job", "own", ""]
        folder = node.root / "workitems/j/job-1/1"
        assert env["AZ_BATCH_TASK_WORKING_DIR"] == str(folder / "wd")
        assert (env["AZ_BATCH_JOB_ID"], env["AZ_BATCH_TASK_ID"], env["AZ_BATCH_POOL_ID"]) == ("j", "1", "p")
        assert (env["AZ_BATCH_NODE_IS_DEDICATED"], env["AZ_BATCH_NODE_ROOT_DIR"]) == ("true", str(node.root))

    play(tmp_path, story)


def test_an_identity_is_the_pool_s_and_goes_with_its_orders(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        machine = engine.pool("plain", nodes=0).doc["virtualMachineConfiguration"]
        assert "identity" not in engine.state.pools["plain"].doc
        identity = {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": "/Some/ID"}]}
        body = {"id": "p", "vmSize": "s", "virtualMachineConfiguration": machine, "targetDedicatedNodes": 1}
        pool = pools.create(engine.state, body, identity)
        assert pool.doc["identity"] == identity
        job = engine.job()
        engine.add(job, "1")
        await engine.done(job)
        assert engine.machine.orders[0].identities == {"/some/id"}

    play(tmp_path, story)


def test_a_start_task_is_told_to_fail(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(startTask={"commandLine": "1"})
        await engine.until(lambda: engine.states(pool) == ["starttaskfailed"])
        assert next(iter(pool.nodes.values())).doc["startTaskInfo"]["exitCode"] == 1

    play(tmp_path, story, [Fault("start_task", pool="p")])


def test_addresses_of_an_earlier_run_are_this_run_s(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite3")
    store.rebase({"batch": "https://127.0.0.1:1", "blobs": "https://127.0.0.1:2/a"})
    store.put("pool", "", "p", {"url": "https://127.0.0.1:1/pools/p", "blob": "https://127.0.0.1:2/a/c"})
    store.rebase({"batch": "https://127.0.0.1:3", "blobs": "https://127.0.0.1:2/a"})
    assert store.all("pool") == [("", "p", {"url": "https://127.0.0.1:3/pools/p", "blob": "https://127.0.0.1:2/a/c"})]
    store.close()


def test_times_too_short_are_refused_and_a_resize_keeps_its_timeout(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        spec = {"poolInfo": {"poolId": "p"}}
        for name in ("recurrenceInterval", "startWindow"):
            with pytest.raises(BatchError, match="InvalidPropertyValue"):
                schedules.create(engine.state, {"id": "s", "schedule": {name: "PT59S"}, "jobSpecification": spec})
        pool = engine.pool(nodes=0)
        await engine.until(lambda: pool.allocation == "steady")
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 0, "resizeTimeout": "PT1H"})
        assert pool.doc["resizeTimeout"] == "PT1H"
        pools.resize(engine.state, pool, {"targetLowPriorityNodes": 0})
        assert pool.doc["resizeTimeout"] == "PT1H"

    play(tmp_path, story)
