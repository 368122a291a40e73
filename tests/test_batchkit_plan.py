"""Plans: every file is in exactly one task or refused with a reason, and no limit of the service is passed."""

import json
import string

import pytest
from azure.batch.models import BatchTaskCreateOptions
from batchkit.plan import LIST_LIMIT, Plan, make
from batchkit.tasks import Places, all_tasks
from hypothesis import given
from hypothesis import strategies as st

from batchkit.errors import PlanError
from batchkit.storage import Blob, unsafe

PLACES = Places(
    inputs="https://transactions0123456789abc.blob.core.windows.net/batch-input",
    outputs="https://transactions0123456789abc.blob.core.windows.net/batch-output",
    logs="https://transactions0123456789abc.blob.core.windows.net/batch-logs",
    identity=f"/subscriptions/{'0' * 36}/resourceGroups/{'g' * 40}"
    f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{'i' * 40}",
    image="registry.azurecr.io/worker@sha256:" + "0" * 64,
)
names = st.text(st.sampled_from(string.ascii_letters + "0123456789-_. éß€/'\"$%\\\x01"), min_size=1, max_size=300)
blobs = st.lists(
    st.builds(Blob, name=names.map(lambda n: n + ".json"), bytes=st.integers(0, 2**33), etag=st.just('"0x1"')),
    max_size=60,
    unique_by=lambda blob: blob.name,
)


def plan_of(inputs: list[Blob], **limits: int) -> Plan:
    return make("job", inputs, worker_version="image", entry_size=PLACES.entry_size, **limits)


@given(blobs, st.integers(1, 100), st.integers(1, 2**32))
def test_every_file_is_in_one_task_or_refused(inputs, files_per_task, bytes_per_task):
    try:
        plan = plan_of(inputs, files_per_task=files_per_task, bytes_per_task=bytes_per_task)
    except PlanError:
        assert all(unsafe(blob.name) for blob in inputs)
        return
    planned = [blob.name for blob in plan.inputs]
    assert sorted(planned + [name for name, _ in plan.refused]) == sorted(blob.name for blob in inputs)
    for task in plan.tasks:
        assert 1 <= len(task.inputs) <= files_per_task
        assert len(task.inputs) == 1 or sum(b.bytes for b in task.inputs) <= bytes_per_task
    assert [task.id for task in plan.tasks] == [str(n) for n in range(1, len(plan.tasks) + 1)]
    assert Plan.from_json(plan.to_json()) == plan


@given(blobs)
def test_no_list_of_files_passes_the_services_limit(inputs):
    try:
        plan = plan_of(inputs)
    except PlanError:
        return
    for task in all_tasks(plan, PLACES):
        files = [dict(file) for file in task.resource_files or []]
        assert len(json.dumps(files, default=dict)) <= LIST_LIMIT + 1000  # rules.toml is one entry more


def test_many_small_files_fill_a_task_with_some_eighty():
    plan = plan_of([Blob(f"day-{n:05}.json", 1000, "") for n in range(1000)])
    assert 60 <= len(plan.tasks[0].inputs) <= 100


def test_a_single_group_has_one_merge_that_waits_for_all_work():
    plan = plan_of([Blob(f"{n}.json", 1, "") for n in range(10)], files_per_task=4)
    *work, merge = all_tasks(plan, PLACES)
    assert [task.id for task in (*work, merge)] == ["1", "2", "3", "4"]
    [span] = merge.depends_on.task_id_ranges
    assert (span.start, span.end) == (1, 3)
    assert merge.command_line == "python -m node merge job/partials --output summary.json --plan plan.json"


def test_many_groups_make_a_tree_of_merges():
    plan = plan_of([Blob(f"{n}.json", 1, "") for n in range(2500)], files_per_task=1)
    tasks = all_tasks(plan, PLACES)
    merges = tasks[2500:]
    assert [task.id for task in merges] == ["2501", "2502", "2503", "2504"]
    spans = [(r.start, r.end) for task in merges for r in task.depends_on.task_id_ranges]
    assert spans == [(1, 1000), (1001, 2000), (2001, 2500), (2501, 2503)]
    assert merges[1].resource_files[0].blob_prefix == "job/partials/0002/"
    assert merges[3].resource_files[0].blob_prefix == "job/merged/"


def test_a_task_runs_locked_in_and_never_blocks_the_merge():
    [work, _] = all_tasks(plan_of([Blob("real/a b.json", 1, "")]), PLACES)
    assert isinstance(work, BatchTaskCreateOptions)
    assert work.command_line == "python -m node process in --output out --rules rules.toml"
    assert work.resource_files[0].http_url.endswith("/real/a%20b.json")
    assert work.resource_files[0].file_path == "in/real/a b.json"
    assert "--read-only" in work.container_settings.container_run_options
    assert "--network none" in work.container_settings.container_run_options
    for options in (work.exit_conditions.default, work.exit_conditions.pre_processing_error):
        assert options.dependency_action == "satisfy"


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/./b", "x" * 256, "a\\b", "a\nb", "é" * 200, "a" * 100 + "/b" * 600]
)
def test_names_that_a_file_system_cannot_hold_are_refused(name):
    assert unsafe(name)


@pytest.mark.parametrize("name", ["a.json", "real/week-01.json", "ünïcode/日本.json", "a b'c\".json", "x" * 255])
def test_other_names_are_taken(name):
    assert unsafe(name) is None


def test_a_name_that_is_also_a_folder_is_refused():
    plan = plan_of([Blob("a.json", 1, ""), Blob("a.json/b.json", 1, "")])
    assert plan.refused == [["a.json", "is also a folder"]]


def test_nothing_to_do_is_an_error_that_says_what_to_do():
    with pytest.raises(PlanError, match="notebook 02"):
        plan_of([])
