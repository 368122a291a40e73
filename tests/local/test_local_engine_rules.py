"""The engine's rules one by one, in virtual time: who runs first and where, who leaves, what ends or scales what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from virtual import START, Engine, play

from batchkit.autoscale import Formula
from batchkit.autoscale.policy import leaving_first
from batchkit.autoscale.simulate import Setup, simulate
from batchkit.local.batch.engine import autoscale, endings, fleet, nodes, pools, schedules, tasks
from batchkit.local.batch.engine.scheduler import TROUBLES
from batchkit.local.batch.state.fault_plan import Fault
from batchkit.local.batch.state.lives import NODE, WrongStep, step
from batchkit.local.wire import clock, defaults
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import seconds, stamp


def at(moment: float) -> str:
    return stamp(START + timedelta(seconds=moment))


def test_the_oldest_task_goes_first(tmp_path: Path) -> None:
    async def story(engine: Engine) -> list[str]:
        pool, job = engine.pool(), engine.job()
        for name in ("c", "a", "b"):
            engine.add(job, name)
        await engine.done(job)
        assert pool.nodes
        return engine.machine.ended

    assert play(tmp_path, story) == ["j/c", "j/a", "j/b"]


def test_jobs_go_by_priority_then_by_age(tmp_path: Path) -> None:
    async def story(engine: Engine) -> list[str]:
        engine.pool()
        plain = [engine.job("first")]
        await clock.sleep(1)
        plain.append(engine.job("second"))
        high, low = engine.job("high", priority=5), engine.job("low", priority=-5)
        for job in (low, plain[1], plain[0], high):
            engine.add(job, "1")
        await engine.done(high, low, *plain)
        return engine.machine.ended

    assert play(tmp_path, story) == ["high/1", "first/1", "second/1", "low/1"]


@pytest.mark.parametrize(("fill", "busy"), [("spread", [1, 1]), ("pack", [0, 2])])
def test_tasks_are_spread_or_packed(tmp_path: Path, fill: str, busy: list[int]) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=2, taskSlotsPerNode=2, taskSchedulingPolicy={"nodeFillType": fill})
        await engine.idle(pool, 2)
        job = engine.job()
        for name in ("1", "2"):
            engine.add(job, name, "60")
        await clock.sleep(1)
        assert sorted(len(node.runs) for node in pool.nodes.values()) == busy
        assert sorted(node.doc["runningTaskSlotsCount"] for node in pool.nodes.values()) == busy

    play(tmp_path, story)


def test_a_task_needs_its_slots_and_others_pass_it(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(taskSlotsPerNode=4)
        job = engine.job()
        engine.add(job, "small", "60")
        engine.add(job, "whole", "1", requiredSlots=4)
        engine.add(job, "next", "1", requiredSlots=3)
        engine.add(job, "never", "1", requiredSlots=5)
        await engine.until(lambda: "j/next" in engine.machine.ended)
        assert "j/whole" not in engine.machine.started
        await engine.until(lambda: "j/whole" in engine.machine.ended)
        assert engine.task(job, "never").state == "active"
        assert +job.slots == {"ready": 5, "succeeded": 8}
        assert max(engine.machine.most.values()) == pool.slots

    play(tmp_path, story)


def test_a_job_runs_as_many_tasks_at_once_as_it_may(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(taskSlotsPerNode=8)
        await engine.idle(pool)
        job = engine.job(maxParallelTasks=2)
        for number in range(6):
            engine.add(job, str(number), "10")
        began = clock.now()
        await engine.done(job)
        assert max(engine.machine.most.values()) == 2
        assert timedelta(seconds=30) <= clock.now() - began < timedelta(seconds=35)

    play(tmp_path, story)


def test_a_task_added_to_an_idle_pool_starts_at_once_and_one_without_a_pool_waits(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        lost = engine.job("lost", "no-such-pool")
        engine.add(lost, "1")
        await engine.idle(pool)
        job = engine.job()
        engine.add(job, "1", "5")
        await clock.sleep(0.5)
        assert engine.task(job, "1").state == "running"
        await engine.done(job)
        assert lost.tasks["ready"] == 1

    play(tmp_path, story)


def test_retries_count_failures_and_requeues_do_not(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        job = engine.job(constraints={"maxTaskRetryCount": 1})
        engine.add(job, "own", "1 3", constraints={"maxTaskRetryCount": 2})
        engine.add(job, "inherited", "1 3")
        engine.add(job, "unsent", "unsent")
        await engine.done(job)
        assert [engine.task(job, name).execution["retryCount"] for name in ("own", "inherited", "unsent")] == [2, 1, 0]
        assert engine.task(job, "own").execution["exitCode"] == 3
        assert engine.task(job, "unsent").execution["failureInfo"]["code"] == "FileUploadMiscError"
        engine.add(job, "moved", "100")
        await engine.until(lambda: job.runs)
        fleet.make_unusable(engine.state, pool, next(iter(pool.nodes.values())))
        await engine.until(lambda: not job.runs)
        moved = engine.task(job, "moved")
        assert (moved.state, moved.execution) == (
            "active",
            {"retryCount": 0, "requeueCount": 1, "lastRequeueTime": moved.execution["lastRequeueTime"]},
        )
        assert "nodeInfo" not in moved.doc
        assert engine.completed == {("j", "own"): 1, ("j", "inherited"): 1, ("j", "unsent"): 1}

    play(tmp_path, story)


def test_an_error_of_the_service_itself_is_tried_again_ever_later_and_not_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(engine: Engine) -> float:
        pool = engine.pool()
        await engine.idle(pool)
        job = engine.job()
        engine.add(job, "1", "broken", constraints={"maxTaskRetryCount": -1})
        began = clock.now()
        await engine.done(job)
        info = engine.task(job, "1").execution
        assert info["failureInfo"]["code"] == "MaxInternalRetryCountReached"
        assert info["requeueCount"] == TROUBLES == 5
        engine.add(job, "2", "0")
        await engine.until(lambda: engine.task(job, "2").result == "success", 60)
        return (clock.now() - began).total_seconds()

    assert 10 * (2**TROUBLES - 1) <= play(tmp_path, story) < 400
    assert caplog.text.count("met an error of the service") == TROUBLES + 1


@pytest.mark.parametrize(
    ("code", "option"),
    [("0", None), ("1", "default"), ("2", "exact"), ("9", "default"), ("10", "range"), ("15", "range"),
     ("20", "range"), ("21", "default"), ("missing", "before"), ("unsent", "after")],
)  # fmt: skip
def test_exit_conditions_by_code_range_and_step(tmp_path: Path, code: str, option: str | None) -> None:
    """Which condition holds is seen by which of five dependants it lets run: each is satisfied by one of them."""

    async def story(engine: Engine) -> None:
        engine.pool()
        wrong: dict[str, Any] = {"exitOptions": {"dependencyAction": "block"}}

        def chosen(name: str) -> dict[str, Any]:
            return {"exitOptions": {"dependencyAction": "satisfy" if name == option else "block"}}

        conditions = {
            "exitCodes": [{"code": 2, **chosen("exact")}, {"code": 3, **wrong}],
            "exitCodeRanges": [{"start": 10, "end": 20, **chosen("range")}],
            "preProcessingError": chosen("before")["exitOptions"],
            "fileUploadError": chosen("after")["exitOptions"],
            "default": chosen("default")["exitOptions"],
        }
        job = engine.job(usesTaskDependencies=True)
        engine.add(job, "1", code if code.isalpha() else f"1 {code}", exitConditions=conditions)
        engine.add(job, "then", dependsOn={"taskIds": ["1"]})
        await engine.until(lambda: engine.completed["j", "1"])
        await clock.sleep(60)
        assert bool(engine.completed["j", "then"]) is True
        assert engine.recount(job)[0] == +job.tasks

    play(tmp_path, story)


def test_dependencies_by_id_and_range(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool(taskSlotsPerNode=4)
        job = engine.job(usesTaskDependencies=True)
        engine.add(job, "last", "1", dependsOn={"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 3}]})
        engine.add(job, "never", "1", dependsOn={"taskIds": ["fails", "nobody"]})
        for name, command in (("a", "5"), ("1", "10"), ("02", "20"), ("3", "50"), ("4", "900"), ("fails", "1 1")):
            engine.add(job, name, command)
        await engine.until(lambda: engine.completed["j", "last"])
        order = engine.machine.ended
        assert order.index("j/last") > max(order.index(f"j/{name}") for name in ("a", "1", "02", "3"))
        await engine.until(lambda: engine.completed["j", "4"])
        assert (job.tasks["blocked"], engine.task(job, "never").waiting) == (1, 2)
        late = engine.add(job, "late", "1", dependsOn={"taskIds": ["a", "1"]})
        assert late.waiting == 0
        await engine.until(lambda: engine.completed["j", "late"])

    play(tmp_path, story)


def test_jobs_end_when_their_rules_say(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool(taskSlotsPerNode=8)
        empty = engine.job("empty", onAllTasksComplete="terminatejob")
        timed = engine.job("timed", constraints={"maxWallClockTime": "PT10M"})
        strict = engine.job("strict", onTaskFailure="performexitoptionsjobaction")
        ending = {"default": {"jobAction": "terminate"}}
        engine.add(strict, "1", "1 1", exitConditions=ending)
        engine.add(strict, "2", "9000")
        paused = engine.job("paused", onTaskFailure="performexitoptionsjobaction")
        engine.add(paused, "1", "1 1", exitConditions={"default": {"jobAction": "disable"}})
        managed = engine.job("managed", jobManagerTask={"id": "m", "commandLine": "5"})
        kept = engine.job("kept", jobManagerTask={"id": "m", "commandLine": "5", "killJobOnCompletion": False})
        lenient = engine.job("lenient")
        engine.add(lenient, "1", "1 1")
        engine.add(timed, "1", "9000")
        await clock.sleep(1500)
        ended = {job.id: (job.state, job.doc["executionInfo"].get("terminateReason")) for job in (
            empty, timed, strict, paused, managed, kept, lenient)}  # fmt: skip
        assert ended == {
            "empty": ("completed", "AllTasksCompleted"),
            "timed": ("completed", "MaxWallClockTimeExpiry"),
            "strict": ("completed", "TaskFailed"),
            "paused": ("disabled", None),
            "managed": ("completed", "JMComplete"),
            "kept": ("active", None),
            "lenient": ("active", None),
        }
        assert engine.task(strict, "2").execution["failureInfo"]["code"] == "TaskEnded"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("option", "state", "result"),
    [("requeue", "active", None), ("terminate", "completed", "failure"), ("wait", "completed", "success")],
)
def test_a_disabled_job_does_to_its_tasks_what_it_is_told(
    tmp_path: Path, option: str, state: str, result: str | None
) -> None:
    async def story(engine: Engine) -> None:
        engine.pool()
        job = engine.job()
        engine.add(job, "1", "100")
        engine.add(job, "2", "100")
        await engine.until(lambda: job.runs)
        endings.disable(engine.state, job, option)
        await engine.until(lambda: job.state == "disabled")
        first, second = engine.task(job, "1"), engine.task(job, "2")
        assert ((first.state, first.result), second.state) == ((state, result), "active")
        await clock.sleep(500)
        assert not job.runs
        endings.enable(engine.state, job)
        await engine.done(job)
        assert engine.task(job, "2").result == "success"

    play(tmp_path, story)


def test_a_moved_job_runs_where_it_went(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        from batchkit.local.batch.engine import jobs

        there = engine.pool("there")
        job = engine.job(pool="nowhere")
        engine.add(job, "1")
        with pytest.raises(BatchError, match="JobNotDisabled"):
            jobs.change(engine.state, job, {"poolInfo": {"poolId": "there"}})
        endings.disable(engine.state, job, "requeue")
        await engine.until(lambda: job.state == "disabled")
        jobs.change(engine.state, job, {"poolInfo": {"poolId": "there"}})
        endings.enable(engine.state, job)
        await engine.done(job)
        assert engine.task(job, "1").doc["nodeInfo"]["poolId"] == there.id

    play(tmp_path, story)


def test_schedules_make_jobs_within_their_times_and_one_at_a_time(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool()
        spec = {"poolInfo": {"poolId": "p"}, "onAllTasksComplete": "terminatejob"}
        times = {"recurrenceInterval": "PT10M", "doNotRunUntil": at(3600), "doNotRunAfter": at(6000)}
        made = schedules.create(engine.state, {"id": "s", "schedule": times, "jobSpecification": spec})
        busy = spec | {"jobManagerTask": {"id": "m", "commandLine": "1500"}}
        slow = schedules.create(
            engine.state, {"id": "slow", "schedule": {"recurrenceInterval": "PT10M"}, "jobSpecification": busy}
        )
        once = schedules.create(engine.state, {"id": "once", "jobSpecification": spec})
        await clock.sleep(3500)
        assert made.extra.get("made", 0) == 0
        assert (once.state, once.extra["made"]) == ("completed", 1)
        await clock.sleep(10_000)
        assert (made.state, made.extra["made"]) == ("completed", 5)
        assert made.doc["executionInfo"]["recentJob"]["id"] == "s:job-5"
        assert slow.state == "active"
        assert slow.extra["made"] == 8  # every third time, for each takes twenty-five minutes
        starts = [job.doc["creationTime"] for job in schedules.made(engine.state, slow)]
        assert starts == sorted(starts)

    play(tmp_path, story)


def test_an_auto_pool_lives_as_long_as_its_job(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        from batchkit.local.batch.engine import jobs

        machine = next(iter([engine.pool("model", nodes=0)])).doc["virtualMachineConfiguration"]
        spec = {"poolLifetimeOption": "job", "autoPoolIdPrefix": "own",
                "pool": {"vmSize": "s", "virtualMachineConfiguration": machine, "targetDedicatedNodes": 1}}  # fmt: skip
        job = jobs.create(engine.state, {"id": "j", "poolInfo": {"autoPoolSpecification": spec}})
        kept = jobs.create(engine.state, {"id": "k", "poolInfo": {"autoPoolSpecification": spec | {"keepAlive": True}}})
        engine.add(job, "1")
        await engine.until(lambda: engine.completed["j", "1"])
        assert job.pool_id.startswith("OWN_")
        for each in (job, kept):
            endings.terminate(engine.state, each, "done")
        await clock.sleep(300)
        assert set(engine.state.pools) == {"model", kept.pool_id.lower()}

    play(tmp_path, story)


def test_idle_nodes_leave_first_and_their_tasks_do_as_they_are_told(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=3, taskSchedulingPolicy={"nodeFillType": "spread"})
        await engine.idle(pool, 3)
        job = engine.job()
        engine.add(job, "1", "5000")
        engine.add(job, "2", "5000")
        await engine.until(lambda: len(job.runs) == 2)
        busy = {node.id for node in pool.nodes.values() if node.runs}
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 2})
        await engine.until(lambda: pool.allocation == "steady")
        assert set(pool.nodes) == busy
        assert len(job.runs) == 2
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 1, "nodeDeallocationOption": "terminate"})
        await engine.until(lambda: pool.allocation == "steady")
        assert job.tasks["failed"] == 1
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 0, "nodeDeallocationOption": "taskcompletion"})
        await engine.until(lambda: pool.allocation == "steady")
        assert job.tasks == {"ready": 0, "running": 0, "failed": 1, "succeeded": 1}

    play(tmp_path, story)


def test_the_service_and_the_simulator_let_the_same_nodes_go() -> None:
    nodes_of = {"booting": (0, False), "idle": (0, True), "busy": (2, True), "less": (1, True), "idle too": (0, True)}
    order = leaving_first(nodes_of, lambda name: nodes_of[name][0], lambda name: nodes_of[name][1])
    assert order == ["idle", "idle too", "booting", "less", "busy"]


def test_a_simulated_pool_keeps_its_busy_node() -> None:
    formula = Formula("$TargetDedicatedNodes = time() < time(\"Mon, 05 Jan 2026 01:00:00 GMT\") ? 2 : 1; "
                      "$NodeDeallocationOption = requeue;")  # fmt: skip
    done = simulate(formula, [(0.0, 7200.0)], Setup(horizon_seconds=20_000))
    assert done.waits == [240.0]  # the task that runs for two hours was not moved when the pool shrank


def test_a_pool_over_its_quota_gets_what_fits(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=10**9)
        await engine.until(lambda: pool.allocation == "steady")
        assert len(pool.nodes) == 100  # of two cores each
        assert pool.doc["resizeErrors"][0]["code"] == "AccountCoreQuotaReached"
        with pytest.raises(BatchError, match="OperationNotValidOnPool"):
            pools.resize(engine.state, engine.pool("scaled", enableAutoScale=True, autoScaleFormula="x=1;"), {
                "targetDedicatedNodes": 1})  # fmt: skip

    play(tmp_path, story)


def test_a_stopped_resize_keeps_what_is_there_and_says_what_it_falls_short_of(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=2)
        pools.stop_resize(engine.state, pool)
        assert (pool.allocation, pool.targets) == ("stopping", (2, 0))
        await engine.until(lambda: pool.allocation == "steady")
        assert pool.doc["resizeErrors"][0]["code"] == "ResizeStopped"

    play(tmp_path, story)


def test_metrics_say_what_is_there_and_formulas_see_it_a_minute_late(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(taskSlotsPerNode=2)
        await engine.idle(pool)
        job = engine.job(usesTaskDependencies=True)
        for name, command in {
            "bad": "1 1",
            "good": "1",
            "fine": "1",
            "long": "9000",
            "next": "9000",
            "waits": "1",
        }.items():
            engine.add(job, name, command)
        engine.add(job, "blocked", "1", dependsOn={"taskIds": ["bad"]})
        await engine.until(lambda: job.tasks["running"] == 2 and job.tasks["ready"] == 1)
        seen = autoscale.measure(engine.state, pool)
        assert {name: seen[name] for name in seen if name.endswith("Tasks")} == {
            "$ActiveTasks": 1, "$RunningTasks": 2, "$PendingTasks": 3, "$SucceededTasks": 2, "$FailedTasks": 1,
        }  # fmt: skip
        assert (seen["$CurrentDedicatedNodes"], seen["$TaskSlotsPerNode"], seen["$CPUPercent"]) == (1, 2, 100)

        def results(formula: str) -> str:
            return str(autoscale.evaluate(engine.state, pool, formula)[0]["results"])

        del engine.state.pools["p"]  # so that no more samples are taken
        pool.samples.clear()
        pool.samples.append((clock.now(), seen | {"$PendingTasks": 7.0}))
        newest = "$TargetDedicatedNodes = max($PendingTasks.GetSample(1));"
        await clock.sleep(29)
        assert results(newest).startswith("$TargetDedicatedNodes=0;")
        await clock.sleep(30)
        assert results(newest).startswith("$TargetDedicatedNodes=0;")
        await clock.sleep(1)
        assert results(newest).startswith("$TargetDedicatedNodes=7;")

    play(tmp_path, story)


def test_a_pool_scales_to_its_work_and_back_to_nothing(tmp_path: Path) -> None:
    formula = (
        "$n = $PendingTasks.GetSamplePercent(3 * TimeInterval_Minute) < 50 ? max(0, $PendingTasks.GetSample(1)) :"
        " max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(3 * TimeInterval_Minute)));"
        "$TargetDedicatedNodes = min(4, $n); $NodeDeallocationOption = taskcompletion;"
    )

    async def story(engine: Engine) -> None:
        await clock.sleep(1)
        pool = engine.pool(enableAutoScale=True, autoScaleFormula=formula, autoScaleEvaluationInterval="PT5M")
        job = engine.job()
        for number in range(8):
            engine.add(job, str(number), "600")
        await engine.until(lambda: len(pool.nodes) == 4)
        await engine.done(job)
        assert engine.completed == {("j", str(number)): 1 for number in range(8)}
        await engine.until(lambda: not pool.nodes)
        assert pool.targets == (0, 0)

    play(tmp_path, story)


def test_an_evaluation_that_breaks_is_logged_and_the_next_is_due(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes = 1;",
                           autoScaleEvaluationInterval="PT5M")  # fmt: skip
        await engine.idle(pool)
        kept, pool.doc["vmSize"] = pool.doc["vmSize"], None
        pool.doc["taskSlotsPerNode"] = "none"
        await clock.sleep(301)
        pool.doc.update(vmSize=kept, taskSlotsPerNode=1)
        length = len(pool.samples)
        await clock.sleep(301)
        assert pool.doc["autoScaleRun"]["timestamp"] > at(300)
        assert len(pool.samples) >= length + 9

    play(tmp_path, story)
    assert "no sample of pool p" in caplog.text


def test_nodes_boot_reboot_and_come_back(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(startTask={"commandLine": "30", "waitForSuccess": True})
        node = next(iter([await created(engine, pool)]))
        seen = [node.state]
        booting = clock.now()
        while node.state != "idle":
            await clock.sleep(1)
            seen += [node.state] if seen[-1] != node.state else []
        assert seen == ["creating", "starting", "waitingforstarttask", "idle"]
        assert 72 + 30 <= (clock.now() - booting).total_seconds() <= 178 + 31
        job = engine.job()
        engine.add(job, "1", "1000")
        await engine.until(lambda: job.runs)
        nodes.take_down(engine.state, pool, node, "reimaging", "requeue")
        await engine.until(lambda: node.state == "waitingforstarttask")
        assert node.root in engine.machine.removed
        await engine.until(lambda: job.runs)
        nodes.disable_scheduling(engine.state, node, "terminate")
        await engine.done(job)
        assert engine.task(job, "1").execution["requeueCount"] == 1
        engine.add(job, "2")
        await clock.sleep(60)
        assert not job.runs
        nodes.enable_scheduling(engine.state, pool, node)
        await engine.done(job)
        nodes.take_down(engine.state, pool, node, "deallocating", "requeue")
        await engine.until(lambda: node.state == "deallocated")
        nodes.start(engine.state, pool, node)
        await engine.idle(pool)

    play(tmp_path, story)


async def created(engine: Engine, pool: Any) -> Any:
    await engine.until(lambda: pool.nodes)
    return next(iter(pool.nodes.values()))


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (2, 3)])
def test_a_start_task_is_tried_as_often_as_it_says(tmp_path: Path, retries: int, tries: int) -> None:
    async def story(engine: Engine) -> None:
        start = {"commandLine": "1 7", "maxTaskRetryCount": retries, "waitForSuccess": True}
        pool = engine.pool(startTask=start)
        await engine.until(lambda: engine.states(pool) == ["starttaskfailed"])
        node = next(iter(pool.nodes.values()))
        assert engine.machine.ended == ["startup"] * tries
        assert (node.doc["startTaskInfo"]["exitCode"], node.doc["startTaskInfo"]["retryCount"]) == (7, retries)
        careless = engine.pool("careless", startTask=start | {"waitForSuccess": False})
        await engine.idle(careless)

    play(tmp_path, story)


def test_a_preempted_node_is_given_back_and_its_task_runs_again(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=0, targetLowPriorityNodes=2)
        dedicated = engine.pool("dedicated")
        await engine.idle(pool, 2)
        await engine.idle(dedicated)
        job = engine.job()
        engine.add(job, "1", "5000")
        await engine.until(lambda: job.runs)
        await engine.until(lambda: "preempted" in engine.states(pool))
        assert engine.states(dedicated) == ["idle"]
        await engine.done(job)
        assert engine.task(job, "1").execution["requeueCount"] == 1
        await engine.idle(pool, 2)

    play(tmp_path, story, [Fault("preempt", pool="*", at=900.0)])


def test_a_prepared_node_is_prepared_once_and_released_once(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=2, taskSlotsPerNode=2)
        await engine.idle(pool, 2)
        job = engine.job(jobPreparationTask={"id": "prep", "commandLine": "5"},
                         jobReleaseTask={"id": "free", "commandLine": "5"})  # fmt: skip
        for number in range(8):
            engine.add(job, str(number), "10")
        await engine.done(job)
        assert engine.machine.ended.count("j/prep") == 2
        first = engine.machine.ended.index("j/prep")
        assert all(engine.machine.ended.index(f"j/{number}") > first for number in range(8))
        endings.terminate(engine.state, job, "done")
        await engine.until(lambda: job.state == "completed")
        assert engine.machine.ended.count("j/free") == 2

    play(tmp_path, story)


def test_where_the_preparation_fails_no_task_of_the_job_runs_and_others_do(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(taskSlotsPerNode=2)
        await engine.idle(pool)
        job, other = engine.job(jobPreparationTask={"commandLine": "1 1"}, priority=5), engine.job("other")
        engine.add(job, "1")
        await clock.sleep(10)
        engine.add(job, "2")
        engine.add(other, "1")
        await engine.done(other)
        await clock.sleep(1000)
        assert (job.tasks["ready"], engine.task(job, "1").execution["requeueCount"]) == (2, 1)
        assert engine.machine.ended == ["j/jobpreparation", "other/1"]
        endless = {"commandLine": "1 1", "constraints": {"maxTaskRetryCount": -1}}
        stubborn = engine.job("stubborn", jobPreparationTask=endless)
        engine.add(stubborn, "1")
        await clock.sleep(60)
        assert engine.machine.ended.count("stubborn/jobpreparation") == 10

    play(tmp_path, story)


def test_a_preparation_that_was_stopped_is_begun_anew(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool()
        await engine.idle(pool)
        node = next(iter(pool.nodes.values()))
        job = engine.job(jobPreparationTask={"commandLine": "100"})
        engine.add(job, "1")
        await clock.sleep(50)
        nodes.disable_scheduling(engine.state, node, "requeue")
        await clock.sleep(50)
        nodes.enable_scheduling(engine.state, pool, node)
        await engine.done(job)
        assert engine.machine.ended == ["j/jobpreparation", "j/1"]

    play(tmp_path, story)


def test_retention_is_kept_over_a_restart(tmp_path: Path) -> None:
    async def before(engine: Engine) -> Path:
        pool = engine.pool()
        await engine.idle(pool)
        job = engine.job()
        engine.add(job, "soon", constraints={"retentionTime": "PT1H"})
        engine.add(job, "late", constraints={"retentionTime": "P1D"})
        await engine.done(job)
        return next(iter(pool.nodes.values())).root / "workitems/j/job-1"

    async def after(engine: Engine) -> list[Path]:
        await clock.sleep(3300)
        assert not engine.machine.removed
        await clock.sleep(300)
        return engine.machine.removed

    folder = play(tmp_path, before)
    assert play(tmp_path, after, start=START + timedelta(seconds=400)) == [folder / "soon"]


def test_users_end_reactivate_and_delete_tasks(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        engine.pool()
        job = engine.job()
        engine.add(job, "1", "100")
        engine.add(job, "2", "100")
        await engine.until(lambda: job.runs)
        await tasks.terminate(engine.state, job, engine.task(job, "2"))
        await tasks.terminate(engine.state, job, engine.task(job, "1"))
        ended = engine.task(job, "1")
        assert ended.execution["failureInfo"]["code"] == "TaskEnded"
        assert engine.machine.ended == []
        assert engine.completed == {("j", "1"): 1, ("j", "2"): 1}
        with pytest.raises(BatchError, match="TaskCompleted"):
            await tasks.terminate(engine.state, job, ended)
        tasks.reactivate(engine.state, job, ended)
        with pytest.raises(BatchError, match="TaskNotCompleted"):
            tasks.reactivate(engine.state, job, ended)
        await engine.until(lambda: job.runs)
        await tasks.delete(engine.state, job, engine.task(job, "1"))
        assert (+job.tasks, engine.recount(job)[0]) == ({"failed": 1}, {"failed": 1})
        with pytest.raises(BatchError, match="TaskNotFound"):
            engine.task(job, "1")
        engine.add(job, "3")
        await engine.done(job)
        with pytest.raises(BatchError, match="TaskSucceeded"):
            tasks.reactivate(engine.state, job, engine.task(job, "3"))

    play(tmp_path, story)


def test_a_deleted_job_or_pool_is_gone_with_what_it_had(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=2)
        await engine.idle(pool, 2)
        job, other = engine.job(), engine.job("other")
        engine.add(job, "1", "5000")
        engine.add(other, "1", "5000")
        await engine.until(lambda: job.runs and other.runs)
        endings.delete(engine.state, job)
        await engine.until(lambda: "j" not in engine.state.jobs)
        assert engine.store.tasks("j") == []
        assert {folder.parent.name for folder in engine.machine.removed} == {"workitems"}
        pools.delete(engine.state, pool)
        await engine.until(lambda: not engine.state.pools)
        assert (other.state, +other.tasks) == ("active", {"ready": 1})
        assert [kind for kind in ("pool", "node") if engine.store.all(kind)] == []

    play(tmp_path, story)


def test_no_step_leads_where_the_service_knows_none() -> None:
    doc = {"id": "n"}
    assert step(doc, NODE, "creating")
    assert not step(doc, NODE, "creating")
    with pytest.raises(WrongStep, match="n cannot go from creating to idle"):
        step(doc, NODE, "idle")


def test_speed_divides_the_service_s_waits_and_not_a_task_s_time(tmp_path: Path) -> None:
    async def story(engine: Engine) -> tuple[float, float]:
        pool = engine.pool()
        await engine.until(lambda: engine.states(pool) == ["idle"], 30)
        booted = clock.now()
        job = engine.job()
        engine.add(job, "1", "100")
        await engine.done(job)
        return (booted - START).total_seconds(), (clock.now() - booted).total_seconds()

    boot, task = play(tmp_path, story, speed=60.0)
    assert boot <= 6
    assert 100 <= task <= 102
    assert seconds(defaults.QUARTER) == 900
