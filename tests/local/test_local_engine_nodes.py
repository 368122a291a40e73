"""Nodes in virtual time: how long each wait is, what a node's addresses are, what keeps it from coming up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from virtual import MACHINE, START, Engine, Everything, play

from batchkit.local.batch.engine import endings, fleet, network, nodes, pools, schedules
from batchkit.local.batch.state.fault_plan import Fault
from batchkit.local.batch.state.faults import Faults
from batchkit.local.batch.state.model import Node, Pool
from batchkit.local.wire import clock
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import moment
from batchkit.local.wire.versions import NEWEST


async def lasts(met: Callable[[], object], step: float = 0.5) -> float:
    """The virtual seconds until something holds."""
    began = clock.now()
    while not met():
        await clock.sleep(step)
        assert (clock.now() - began).total_seconds() < 10_000
    return (clock.now() - began).total_seconds()


async def up(engine: Engine, **more: Any) -> tuple[Pool, Node]:
    pool = engine.pool(**more)
    await engine.idle(pool)
    return pool, next(iter(pool.nodes.values()))


def test_each_wait_is_as_long_as_the_service_s(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool, node = await up(engine)
        job = engine.job()
        for to, seconds in (("rebooting", 60), ("reimaging", 120), ("deallocating", 30)):
            nodes.take_down(engine.state, pool, node, to, "requeue")
            assert node.state == to
            assert seconds <= await lasts(lambda to=to: node.state != to) <= seconds + 1  # type: ignore[misc]
        nodes.start(engine.state, pool, node)
        assert 20 <= await lasts(lambda: node.state == "idle") <= 83
        fleet.preempt(engine.state, pool, node)
        assert 300 <= await lasts(lambda: node.state == "starting") <= 301
        await engine.idle(pool)
        endings.delete(engine.state, job)
        assert 10 <= await lasts(lambda: "j" not in engine.state.jobs) <= 11
        schedule = schedules.create(engine.state, {"id": "s", "jobSpecification": {"poolInfo": {"poolId": "p"}}})
        await clock.sleep(1)
        schedules.terminate(engine.state, schedule)
        assert await lasts(lambda: schedule.state == "completed") <= 6
        schedules.delete(engine.state, schedule)
        assert 20 <= await lasts(lambda: "s" not in engine.state.schedules) <= 26  # its job's ten seconds, then its own
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 0})
        assert 30 <= await lasts(lambda: not pool.nodes) <= 31
        await lasts(lambda: pool.allocation == "steady")
        pools.resize(engine.state, pool, {"targetDedicatedNodes": 1})
        await clock.sleep(1)
        pools.stop_resize(engine.state, pool)
        assert 5 <= await lasts(lambda: pool.allocation == "steady") <= 6
        pools.delete(engine.state, pool)
        assert 40 <= await lasts(lambda: not engine.state.pools) <= 40.5  # its node's thirty, then its own ten

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("containers", "first", "steady", "least", "most"),
    [(False, 52, 96, 72, 178), (True, 60, 120, 180, 360)],  # as recorded; by experience
)
def test_boots_take_longer_with_containers(
    tmp_path: Path, containers: bool, first: float, steady: float, least: float, most: float
) -> None:
    async def story(engine: Engine) -> list[float]:
        docker = {"containerConfiguration": {"type": "dockerCompatible"}} if containers else {}
        pool = engine.pool(nodes=50, virtualMachineConfiguration={**MACHINE, **docker})
        created = await lasts(lambda: any(node.state == "starting" for node in pool.nodes.values()))
        last = created + await lasts(
            lambda: all(node.state != "creating" for node in pool.nodes.values()) and pool.nodes
        )
        await engine.idle(pool, 50)
        boots = [moment(node.doc["lastBootTime"]) - moment(node.doc["allocationTime"]) for node in pool.nodes.values()]
        assert first <= created < first + 10
        assert steady - 10 < last <= steady + 1
        return sorted(boot.total_seconds() for boot in boots)

    boots = play(tmp_path, story)
    assert boots[0] >= least
    assert boots[-1] <= most


def test_addresses_and_ports_by_place() -> None:
    assert [network.address(index) for index in (0, 249, 250)] == ["10.0.0.4", "10.0.0.253", "10.0.0.4"]
    wanted = {"networkConfiguration": {"publicIPAddressConfiguration": {"ipFamilies": ["IPv4", "IPv6"]}}}
    assert [network.ipv6(wanted, index) for index in (0, 12)] == [
        {"ipv6Address": "fd00::4"},
        {"ipv6Address": "fd00::10"},
    ]
    assert network.ipv6({"networkConfiguration": {"publicIPAddressConfiguration": {"ipFamilies": ["IPv4"]}}}, 0) == {}
    assert network.ipv6({}, 0) == {}
    linux, windows = (
        {"virtualMachineConfiguration": {"nodeAgentSKUId": f"batch.node.{sku}"}} for sku in ("ubuntu 24.04", "Windows")
    )
    assert (network.login_rule(linux), network.login_rule(windows)) == (("SSHRule", 22), ("RDPRule", 3389))
    assert network.login_rule({}) == ("SSHRule", 22)


def test_a_node_s_endpoints_are_its_pool_s_and_one_to_log_in() -> None:
    nat = {
        "name": "web",
        "protocol": "TCP",
        "backendPort": 80,
        "frontendPortRangeStart": 1000,
        "frontendPortRangeEnd": 1100,
    }
    doc: dict[str, Any] = {
        "id": "p",
        "networkConfiguration": {"endpointConfiguration": {"inboundNATPools": [nat]}},
        "virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.ubuntu 24.04"},
    }
    web, ssh = network.endpoints(doc, 3)["inboundEndpoints"]
    assert web == {"name": "web.3", "protocol": "tcp", "publicIPAddress": "10.0.0.7", "publicFQDN": "localhost",
                   "frontendPort": 1003, "backendPort": 80}  # fmt: skip
    assert (ssh["name"], ssh["frontendPort"], ssh["backendPort"]) == ("SSHRule.3", 50003, 22)
    node = {"ipAddress": "10.0.0.7", "endpointConfiguration": network.endpoints(doc, 3)}
    assert network.login(Pool(doc), node) == {"remoteLoginIPAddress": "10.0.0.7", "remoteLoginPort": 50003}
    six = network.login(Pool(doc), node | {"ipv6Address": "fd00::7"})
    assert (six["ipv6RemoteLoginIPAddress"], six["ipv6RemoteLoginPort"]) == ("fd00::7", 50003)
    bare = {"ipAddress": "10.0.0.4", "endpointConfiguration": {"inboundEndpoints": []}}
    assert network.login(Pool(doc), bare)["remoteLoginPort"] == 50000


@pytest.mark.parametrize(
    ("image", "good"),
    [
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/i", True),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/g/images/i", True),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0", True),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/gallery/g/images/i", False),
        ("image", False),
    ],
)
def test_an_image_by_id_is_one_of_a_gallery_or_managed(tmp_path: Path, image: str, good: bool) -> None:
    async def story(engine: Engine) -> None:
        doc = {"virtualMachineConfiguration": {"imageReference": {"virtualMachineImageId": image}}}
        if good:
            network.check_references(engine.state, doc, "2023-11-01.18.0")
        else:
            with pytest.raises(BatchError) as caught:
                network.check_references(engine.state, doc, "2023-11-01.18.0")
            assert caught.value.values["PropertyName"] == "virtualMachineImageId"

    play(tmp_path, story)


def test_a_subnet_is_there_or_its_network_is(tmp_path: Path) -> None:
    class Some(Everything):
        def has(self, resource_id: str) -> bool:
            return resource_id in ("/vnets/a", "/vnets/b/subnets/s")

    async def story(engine: Engine) -> None:
        engine.state.subscription = Some()
        for subnet in ("/vnets/a/subnets/any", "/vnets/b/subnets/s"):
            network.check_references(engine.state, {"networkConfiguration": {"subnetId": subnet}}, NEWEST)
        network.check_references(engine.state, {}, NEWEST)
        with pytest.raises(BatchError) as caught:
            network.check_references(engine.state, {"networkConfiguration": {"subnetId": "/vnets/c/subnets/s"}}, NEWEST)
        assert caught.value.values["PropertyName"] == "subnetId"
        foreign = "/subscriptions/5d2f5c1e-9a52-4d8b-8c43-6b8f1f0f3a77/vnets/a/subnets/s"
        with pytest.raises(BatchError) as caught:
            network.check_references(engine.state, {"networkConfiguration": {"subnetId": foreign}}, NEWEST)
        assert "different subscription" in str(caught.value.values)

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("registry", "state"),
    [
        ({"registryServer": "r", "identityReference": {"resourceId": "good"}}, "idle"),
        ({"registryServer": "r", "identityReference": {"resourceId": "bad"}}, "unusable"),
        ({"registryServer": "r", "userName": "u"}, "idle"),
    ],
)
def test_an_identity_that_may_not_pull_makes_nodes_unusable(
    tmp_path: Path, registry: dict[str, Any], state: str
) -> None:
    class Some(Everything):
        def may_pull(self, identity: str) -> bool:
            return identity == "good"

    async def story(engine: Engine) -> None:
        engine.state.subscription = Some()
        container = {
            "type": "dockerCompatible",
            "containerImageNames": ["r/one", "r/two"],
            "containerRegistries": [registry],
        }
        pool = engine.pool("q", nodes=0)
        machine = pool.doc["virtualMachineConfiguration"] | {"containerConfiguration": container}
        boxed = engine.pool(virtualMachineConfiguration=machine)
        await engine.until(lambda: engine.states(boxed) == [state])
        node = next(iter(boxed.nodes.values()))
        said = {d["name"]: d["value"] for e in node.doc.get("errors") or [] for d in e["errorDetails"]}
        assert said.get("ContainerImage") == ("r/one, r/two" if state == "unusable" else None)

    play(tmp_path, story)


def test_faults_hit_nodes_after_so_many_tasks_or_at_a_moment(tmp_path: Path) -> None:
    plan = [
        Fault("unusable", pool="p", after=2),
        Fault("preempt", pool="p", after=1),
        Fault("unusable", pool="q", at=1000.0, nodes=2),
        Fault("slow", pool="p", after=1),
    ]

    async def story(engine: Engine) -> None:
        pool, node = await up(engine)
        other = engine.pool("q", nodes=3)
        job = engine.job()
        for number in range(3):
            engine.add(job, str(number), "10")
        await engine.until(lambda: node.state == "unusable")
        assert job.tasks["succeeded"] == 2
        assert [fault.after for fault in engine.state.faults.plan] == [0, 0, 0, 1]
        nodes.take_down(engine.state, pool, node, "rebooting", "requeue")
        await engine.done(job)
        await engine.until(lambda: clock.now().timestamp() > START.timestamp() + 1001)
        assert engine.states(other) == ["idle", "unusable", "unusable"]

    play(tmp_path, story, plan)


def test_a_plan_that_was_replaced_hits_nobody(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool, node = await up(engine)
        engine.state.faults = Faults()
        await clock.sleep(2000)
        assert node.state == "idle"
        assert pool.nodes

    play(tmp_path, story, [Fault("unusable", at=1000.0)])


def test_a_new_pool_and_job_have_the_service_s_defaults(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        pool = engine.pool(nodes=0)
        auto = engine.pool("auto", enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=0;")
        plain = {
            "taskSlotsPerNode": 1, "enableAutoScale": False, "enableInterNodeCommunication": False,
            "resizeTimeout": "PT15M", "autoScaleEvaluationInterval": None, "allocationState": "steady",
        }  # fmt: skip
        assert {key: pool.doc.get(key) for key in plain} == plain
        assert (auto.doc["autoScaleEvaluationInterval"], auto.doc.get("resizeTimeout")) == ("PT15M", "PT15M")
        job = engine.job()
        plain = {
            "priority": 0, "maxParallelTasks": -1, "allowTaskPreemption": False, "onAllTasksComplete": "noaction",
            "onTaskFailure": "noaction", "usesTaskDependencies": False, "state": "active",
        }  # fmt: skip
        assert {key: job.doc.get(key) for key in plain} == plain
        limits = {"maxWallClockTime": "P10675199DT2H48M5.4775807S", "maxTaskRetryCount": 0}
        assert job.doc["constraints"] == limits
        task = engine.add(job, "1")
        assert task.doc["constraints"] == limits | {"retentionTime": "P7D"}
        assert (task.doc["requiredSlots"], task.execution) == (1, {"retryCount": 0, "requeueCount": 0})

    play(tmp_path, story)


def test_quotas_names_and_doubles_are_refused(tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        from batchkit.local.batch.engine import jobs

        engine.pool(nodes=0)
        with pytest.raises(BatchError, match="PoolExists"):
            engine.pool("P", nodes=0)
        for number in range(engine.state.subscription.pool_quota() - 1):
            engine.pool(f"p{number}", nodes=0)
        with pytest.raises(BatchError, match="PoolQuotaReached"):
            engine.pool("more", nodes=0)
        first = engine.job("j0")
        with pytest.raises(BatchError, match="JobExists"):
            engine.job("J0")
        schedules.create(engine.state, {"id": "s", "schedule": {"doNotRunUntil": "2027-01-01T00:00:00Z"},
                                        "jobSpecification": {"poolInfo": {"poolId": "p"}}})  # fmt: skip
        with pytest.raises(BatchError, match="JobScheduleWithSameIdExists"):
            engine.job("S")
        for number in range(1, jobs.JOB_QUOTA):
            engine.job(f"j{number}")
        with pytest.raises(BatchError, match="ActiveJobAndScheduleQuotaReached"):
            engine.job("more")
        endings.terminate(engine.state, first, "done")
        await engine.until(lambda: first.state == "completed")
        engine.job("more")

    play(tmp_path, story)


def test_a_restart_goes_on_with_what_was_under_way(tmp_path: Path) -> None:
    async def before(engine: Engine) -> datetime:
        pool = engine.pool(nodes=2)
        await engine.idle(pool, 2)
        node = next(iter(pool.nodes.values()))
        nodes.take_down(engine.state, pool, node, "deallocating", "requeue")
        ending, disabling, deleting = (engine.job(name) for name in ("ending", "disabling", "deleting"))
        engine.job("timed", constraints={"maxWallClockTime": "PT30M"})
        for job in (ending, disabling, deleting):
            engine.add(job, "1", "9000")
        await clock.sleep(1)
        endings.terminate(engine.state, ending, "mine")
        endings.disable(engine.state, disabling, "requeue")
        endings.delete(engine.state, deleting)
        gone = engine.pool("gone", nodes=0)
        pools.delete(engine.state, gone)
        engine.pool("auto", enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=1;")
        for name in ("s", "t", "d"):
            spec = {"poolInfo": {"poolId": "p"}, "jobManagerTask": {"id": "m", "commandLine": "9000"}}
            schedules.create(
                engine.state, {"id": name, "schedule": {"recurrenceInterval": "PT1H"}, "jobSpecification": spec}
            )
        schedules.terminate(engine.state, engine.state.schedules["t"])
        schedules.delete(engine.state, engine.state.schedules["d"])
        return clock.now()

    async def after(engine: Engine) -> None:
        state = engine.state
        pool = state.pools["p"]
        assert sorted(pool.nodes.values(), key=lambda node: node.state)[0].state in ("deallocated", "idle")
        await clock.sleep(1500)
        assert set(state.pools) == {"p", "auto"}
        assert engine.states(state.pools["auto"]) == ["idle"]
        assert (state.jobs["ending"].state, state.jobs["ending"].doc["executionInfo"]["terminateReason"]) == (
            "completed",
            "mine",
        )
        assert (state.jobs["disabling"].state, state.jobs["disabling"].tasks["ready"]) == ("disabled", 1)
        assert "deleting" not in state.jobs
        assert {name: each.state for name, each in state.schedules.items()} == {"s": "active", "t": "completed"}
        await engine.until(lambda: state.jobs["timed"].state == "completed", 3000)
        assert state.schedules["s"].extra["made"] >= 1

    play(tmp_path, before)
    play(tmp_path, after, start=START)
