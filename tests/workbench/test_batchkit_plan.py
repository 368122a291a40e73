"""Plans: every file is in exactly one task or named with a reason, and no limit of the service is passed."""

import json
import string
from typing import Any

import pytest
from azure.batch.models import BatchTaskCreateOptions
from hypothesis import given
from hypothesis import strategies as st

from batchkit.datasets import Input, Manifest
from batchkit.errors import PlanError
from batchkit.inputs import LeftOut, report_name, unsafe
from batchkit.jobs.places import Places
from batchkit.jobs.planning import LIST_LIMIT, Given, Plan, make
from batchkit.jobs.tasks import RETENTION, SHORT_RETENTION, all_tasks, check_room

PLACES = Places(
    inputs="https://transactions0123456789abc.blob.core.windows.net/batch-input",
    outputs="https://transactions0123456789abc.blob.core.windows.net/batch-output",
    logs="https://transactions0123456789abc.blob.core.windows.net/batch-logs",
    identity=f"/subscriptions/{'0' * 36}/resourceGroups/{'g' * 40}"
    f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{'i' * 40}",
    image="registry.azurecr.io/worker@sha256:" + "0" * 64,
)
names = st.text(st.sampled_from(string.ascii_letters + "0123456789-_. éß€/'\"$%\\\x01"), min_size=1, max_size=300)
endings = st.sampled_from([".json", ".JSON", ".Json"])


def file(name: str, size: int = 1) -> Input:
    return Input(name, f"mine/{'0' * 16}/{name}", size, "0x1", "0" * 64)


inputs = st.lists(
    st.builds(file, st.builds("{}{}".format, names, endings), st.integers(0, 2**33)),
    max_size=60,
    unique_by=lambda one: one.name,
)


def data_of(files: list[Input], left_out: list[LeftOut] | None = None) -> Manifest:
    return Manifest("mine", "2026-01-01T00:00:00Z", "batch-input", files, left_out or [])


def plan_of(files: list[Input], job_id: str = "job", **limits: Any) -> Plan:
    return make(job_id, data_of(files), worker="image", entry_size=PLACES.entry_size, **limits)


@given(inputs, st.integers(1, 100), st.integers(1, 2**32))
def test_every_file_is_in_one_task_or_refused(files, files_per_task, bytes_per_task):
    try:
        plan = plan_of(files, files_per_task=files_per_task, bytes_per_task=bytes_per_task)
    except PlanError:
        return
    planned = [one.name for one in plan.inputs]
    assert sorted(planned + [one.name for one in plan.refused]) == sorted(one.name for one in files)
    assert len({report_name(name) for name in planned}) == len(planned)
    for task in plan.tasks:
        assert 1 <= len(task.inputs) <= files_per_task
        assert len(task.inputs) == 1 or sum(b.bytes for b in task.inputs) <= bytes_per_task
    assert [task.id for task in plan.tasks] == [str(n) for n in range(1, len(plan.tasks) + 1)]
    assert plan.task_count == len(all_tasks(plan, PLACES))
    assert Plan.from_json(plan.to_json()) == plan


@given(inputs)
def test_a_planned_name_goes_the_whole_way(files):
    try:
        plan = plan_of(files)
    except PlanError:
        return
    for one in plan.inputs:
        assert len(f"job/reports/{report_name(one.name)}") <= 1024
        assert all(len(segment.encode()) <= 255 for segment in report_name(one.name).split("/"))


@given(inputs)
def test_no_list_of_files_passes_the_services_limit(files):
    try:
        plan = plan_of(files)
    except PlanError:
        return
    for task in all_tasks(plan, PLACES):
        listed = [dict(file) for file in task.resource_files or []]
        assert len(json.dumps(listed, default=dict)) <= LIST_LIMIT + 1000  # rules.toml is one entry more


def test_many_small_files_fill_a_task_with_some_eighty():
    plan = plan_of([file(f"day-{n:05}.json", 1000) for n in range(1000)])
    assert 60 <= len(plan.tasks[0].inputs) <= 100


def test_a_single_group_has_one_merge_that_waits_for_all_work():
    plan = plan_of([file(f"{n}.json") for n in range(10)], files_per_task=4)
    *work, merge = all_tasks(plan, PLACES)
    assert [task.id for task in (*work, merge)] == ["1", "2", "3", "4"]
    [span] = merge.depends_on.task_id_ranges
    assert (span.start, span.end) == (1, 3)
    assert (
        merge.command_line == "python -m node merge job/partials --output summary.json --plan plan.json --tables tables"
    )


def test_many_groups_make_a_tree_of_merges():
    plan = plan_of([file(f"{n}.json") for n in range(2500)], files_per_task=1)
    tasks = all_tasks(plan, PLACES)
    merges = tasks[2500:]
    assert [task.id for task in merges] == ["2501", "2502", "2503", "2504"]
    spans = [(r.start, r.end) for task in merges for r in task.depends_on.task_id_ranges]
    assert spans == [(1, 1000), (1001, 2000), (2001, 2500), (2501, 2503)]
    assert merges[1].resource_files[0].blob_prefix == "job/partials/0002/"
    assert merges[3].resource_files[0].blob_prefix == "job/merged/"


def test_a_task_runs_locked_in_and_never_blocks_the_merge():
    [work, _] = all_tasks(plan_of([file("sub/a b.json")]), PLACES)
    assert isinstance(work, BatchTaskCreateOptions)
    assert work.command_line == "python -m node process in --output out --rules rules.toml"
    assert work.resource_files[0].http_url.endswith("/sub/a%20b.json")
    assert work.resource_files[0].file_path == "in/sub/a b.json"
    assert "--read-only" in work.container_settings.container_run_options
    assert "--network none" in work.container_settings.container_run_options
    for options in (work.exit_conditions.default, work.exit_conditions.pre_processing_error):
        assert options.dependency_action == "satisfy"


REFUSED = ["", "/a", "a/", "a//b", "../a", "a/./b", "x" * 256, "a\\b", "a\nb", "é" * 200, "a" * 100 + "/b" * 600]
REFUSED += ["x" * 240 + ".json", "/".join(["€" * 80] * 13) + ".json", "\udcff.json"]


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_cannot_go_the_whole_way_are_refused(name):
    assert unsafe(name)


@pytest.mark.parametrize(
    "name", ["a.json", "real/week-01.json", "ünïcode/日本.json", "a b'c\".json", "x" * 230 + ".json"]
)
def test_other_names_are_taken(name):
    assert unsafe(name) is None


@pytest.mark.parametrize(
    ("files", "refused", "reason"),
    [
        (["a.json", "a.json/b.json"], "a.json", "is also a folder"),
        (["a.json", "a.report.json/b.json"], "a.json", "has a report that is also a folder"),
        (["a.JSON", "a.json"], "a.json", "would have the same report as a.JSON"),
        (
            ["b.json", "/".join(["d" * 200] * 5) + "/a.json"],
            "/".join(["d" * 200] * 5) + "/a.json",
            "too long for its report",
        ),
    ],
)
def test_names_that_get_in_each_others_way_are_refused(files, refused, reason):
    plan = plan_of([file(name) for name in files])
    [one] = plan.refused
    assert (one.name, one.state) == (refused, "refused")
    assert reason in one.reason


def test_a_report_name_may_be_too_long_in_one_job_and_fit_in_another():
    name = "/".join(["d" * 200] * 4) + "/" + "e" * 140 + ".json"
    assert not plan_of([file(name), file("b.json")], job_id="j").refused
    assert plan_of([file(name), file("b.json")], job_id="j" * 64).refused


def test_what_was_left_out_of_the_data_stays_named():
    plan = make("job", data_of([file("a.json")], [LeftOut("b.txt", "not *.json")]), worker="image")
    assert [(one.name, one.state) for one in plan.left_out] == [("b.txt", "left_out")]
    assert plan.refused == []


def test_nothing_to_do_is_an_error_that_says_what_to_do():
    with pytest.raises(PlanError, match="notebook 02"):
        plan_of([])


def test_only_what_was_given_is_compared_with_the_stored_plan():
    plan = plan_of([file("a.json")], files_per_task=4)
    for agreed in (Given(), Given(data=plan.digest), Given(rules=""), Given(files_per_task=4)):
        assert plan.agreeing(agreed) == plan
    for other, named in [
        (Given(data="x"), "data"),
        (Given(rules="x"), "rules"),
        (Given(files_per_task=5), "files_per_task"),
    ]:
        with pytest.raises(PlanError, match=named) as raised:
            plan.agreeing(other)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b"{}", b'{"schema_version": 1}', b'{"schema_version": 2}', b"\xff"]
)
def test_a_plan_that_is_damaged_or_of_another_version_is_one_line(stored):
    with pytest.raises(PlanError, match="stored plan cannot be read"):
        Plan.from_json(stored)


def test_files_that_a_nodes_disk_cannot_hold_are_refused_before_anything_is_made():
    check_room(plan_of([file("a.json", 30 * 10**9)]), PLACES)
    with pytest.raises(PlanError, match=r"Task 2 brings 40.0 GB \(b.json and 0 more\).*75 GB"):
        check_room(plan_of([file("a.json"), file("b.json", 40 * 10**9)], bytes_per_task=10**9), PLACES)


def test_task_folders_go_soon_where_the_job_is_larger_than_half_a_disk():
    small, large = (plan_of([file(f"{n}.json", size) for n in range(4)]) for size in (10**9, 10**10))
    for plan, wanted in ((small, RETENTION), (large, SHORT_RETENTION)):
        kept = {task.constraints.retention_time for task in all_tasks(plan, PLACES) if task.constraints}
        assert kept == {wanted}
