"""The pending-tasks formula keeps its promises in simulated pools, whichever way the service rounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchkit.autoscale import Dialect, Formula, Series, Setup, Targets, pending_tasks, simulate

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ROUNDINGS = [Dialect(rounding="truncate"), Dialect(rounding="nearest")]
bursts = st.lists(st.tuples(st.floats(0, 7200), st.floats(1, 900)), max_size=60)


def targets_of(pending: float, dialect: Dialect, **options: Any) -> int:
    """Return the size for so many pending tasks, steady for ten minutes."""
    series = Series([(NOW - timedelta(seconds=60 + 30 * index), pending) for index in range(18)][::-1])
    formula = Formula(pending_tasks(**options), dialect)
    return formula.evaluate({"$PendingTasks": series}, NOW, Targets()).targets.dedicated


@pytest.mark.parametrize("dialect", ROUNDINGS, ids=lambda dialect: dialect.rounding)
def test_one_node_for_three_tasks_between_none_and_ten(dialect: Dialect):
    sizes = {pending: targets_of(pending, dialect) for pending in (0, 1, 2, 3, 6, 29, 30, 1000)}
    assert (sizes[0], sizes[1], sizes[2], sizes[3], sizes[6]) == (0, 1, 1, 1, 2)
    assert (sizes[30], sizes[1000]) == (10, 10)
    assert sizes[29] in (9, 10)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 50), st.integers(1, 20), st.sampled_from(ROUNDINGS))
def test_the_size_keeps_its_limits_and_never_starves(pending: int, most: int, share: int, dialect: Dialect):
    size = targets_of(pending, dialect, max_nodes=most, tasks_per_node=share)
    assert 0 <= size <= most
    assert (size > 0) == (pending > 0)


@settings(max_examples=40, deadline=None)
@given(bursts, st.sampled_from(ROUNDINGS), st.sampled_from([1, 3]))
def test_every_task_ends_and_the_pool_goes_back_to_zero(tasks: list[tuple[float, float]], dialect: Dialect, slots: int):
    done = simulate(Formula(pending_tasks(), dialect), tasks, Setup(slots_per_node=slots))
    assert done.errors == []
    assert len(done.waits) == len(tasks)
    assert all(point.ready + point.booting <= 10 for point in done.points)
    assert (done.points[-1].target, done.points[-1].ready, done.points[-1].booting) == (0, 0, 0)
    assert done.node_hours >= sum(duration for _, duration in tasks) / 3600 / slots - 1e-9


def test_one_node_stays_warm_until_its_moment_and_leaves_by_itself():
    until = datetime(2026, 1, 5, 1, tzinfo=UTC)
    setup = Setup(start=NOW, horizon_seconds=7200)
    points = simulate(Formula(pending_tasks(keep_warm_until=until)), [], setup).points
    assert {point.target for point in points if 0 < point.seconds < 3600} == {1}
    assert (points[-1].seconds, points[-1].target, points[-1].ready) == (3600.0, 0, 0)


def test_a_moment_without_a_zone_is_utc_and_another_zone_is_changed_to_it():
    plain = pending_tasks(keep_warm_until=datetime(2026, 1, 5, 1))
    assert plain == pending_tasks(keep_warm_until=datetime.fromisoformat("2026-01-05T03:00:00+02:00"))
    assert 'time("2026-01-05T01:00:00Z")' in plain


@pytest.mark.parametrize("options", [{"max_nodes": 0}, {"tasks_per_node": 0}])
def test_limits_below_one_are_refused(options: dict[str, Any]):
    with pytest.raises(ValueError, match="at least 1"):
        pending_tasks(**options)


def test_a_first_job_waits_for_an_evaluation_a_boot_and_a_late_sample():
    done = simulate(Formula(pending_tasks()), [(1.0, 60.0)], Setup(boot_seconds=240))
    assert done.waits == [539.0]
    assert done.finished_seconds == 600.0


def test_an_active_tasks_formula_takes_nodes_from_under_running_tasks_and_pending_tasks_does_not():
    active = "$TargetDedicatedNodes = min(10, max(0, $ActiveTasks.GetSample(1))); $NodeDeallocationOption = {}"
    tasks = [(1.0, 1000.0)] * 5
    requeued = simulate(Formula(active.format("requeue")), tasks, Setup(horizon_seconds=20_000))
    kept = simulate(Formula(active.format("taskcompletion")), tasks)
    dropped = simulate(Formula(active.format("terminate")), tasks)
    assert requeued.node_hours > kept.node_hours
    assert len(kept.waits) == 5
    assert len(dropped.waits) < 5


def test_a_failing_formula_keeps_the_size_and_is_reported():
    text = '$TargetDedicatedNodes = time() < time("2026-01-05T00:05:00Z") ? 2 : 1 + requeue'
    done = simulate(Formula(text), [], Setup(start=NOW, horizon_seconds=1000))
    assert done.points[-1].target == 2
    assert [seconds for seconds, _ in done.errors] == [300.0, 600.0, 900.0]


def test_a_day_of_a_pool_is_simulated_in_a_moment():
    tasks = [(60.0 * index, 300.0) for index in range(1200)]
    done = simulate(Formula(pending_tasks()), tasks)
    assert done.finished_seconds is not None


@given(pending=st.integers(0, 200), most=st.integers(1, 20), dedicated=st.integers(1, 25))
def test_spot_nodes_are_the_ones_beyond_the_dedicated(pending: int, most: int, dedicated: int):
    metrics = {"$PendingTasks": Series([(NOW - timedelta(minutes=2), float(pending))])}
    plain = Formula(pending_tasks(most)).evaluate(metrics, NOW, Targets()).targets
    mixed = Formula(pending_tasks(most, dedicated_nodes=dedicated)).evaluate(metrics, NOW, Targets()).targets
    assert mixed.dedicated == min(dedicated, plain.dedicated)
    assert mixed.dedicated + mixed.low_priority == plain.dedicated


def test_a_simulated_formula_sees_samples_a_minute_late():
    text = "$TargetDedicatedNodes = $PendingTasks.Count();"
    seen = {point.seconds: point.target for point in simulate(Formula(text), [], Setup(interval_seconds=300)).points}
    assert (seen[0.0], seen[300.0]) == (0, 9)  # at 0, 30, ... 240 s; not those of the last minute


def test_an_empty_pool_is_simulated_until_its_second_evaluation_and_its_end_is_seen():
    points = simulate(Formula("$TargetDedicatedNodes = 0;"), [], Setup(interval_seconds=300)).points
    assert [point.seconds for point in points].count(300.0) == 2
    late = simulate(Formula(pending_tasks()), [(4441.0, 1.0), (5341.0, 59.0)]).points[-1]
    assert (late.target, late.ready, late.booting, late.running) == (0, 0, 0, 0)
