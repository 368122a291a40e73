"""Jobs on the local Azure: what is planned first counts for everybody, each file is in the summary once or named."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from batch_clients import wait_for
from shop import fill

from batchkit import datasets, jobs, mappings, results, storage
from batchkit.errors import JobError, PlanError

FILES, RACES = 201, int(os.environ.get("BATCHKIT_RACES", "3"))


@pytest.fixture
def data(session, tmp_path):
    """Three files of one sale each."""
    fill(tmp_path / "in", 3)
    return datasets.upload(session, tmp_path / "in")


def submitted(session, pool_id, data, job_id, **given):
    plan = jobs.submit(session, jobs.plan(session, job_id, data, **given), pool_id)
    jobs.watch(session, job_id, timeout_minutes=2)
    return plan


def states(session, job_id):
    found = results.inputs(session, job_id)
    return dict(zip(found["name"], found["state"], strict=True))


def reason(session, job_id, name):
    found = results.inputs(session, job_id).set_index("name")
    return found.loc[name, "reason"]


def revenue(session, job_id):
    return round(results.summary(session, job_id)["analytics"]["summary"]["total_revenue"] * 100)


class Client:
    """A process of its own that submits."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("submitter.py"))]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request) -> None:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict:
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def clients(azure):
    both = [Client(), Client()]
    yield both
    for client in both:
        client.process.communicate(timeout=20)


def test_two_clients_with_one_job_id_never_mix_their_plans(session, pool_id, clients, tmp_path):
    cents = fill(tmp_path, FILES)
    data = datasets.upload(session, tmp_path)
    refused = 0
    for number in range(RACES):
        job_id = f"race-{number}"
        for client, size in zip(clients, random.sample([None, 40, 70], 2), strict=True):
            delay = random.uniform(0, 0.2)
            client.ask(data=data.name, job_id=job_id, pool=pool_id, files_per_task=size, delay=delay)
        said = [client.answer() for client in clients]
        refused += sum("refused" in one for one in said)
        assert any("tasks" in one for one in said), said
        assert all("Nothing was submitted" in one["refused"] for one in said if "refused" in one), said
        assert len({one["tasks"] for one in said if "tasks" in one}) == 1, said
        jobs.watch(session, job_id, timeout_minutes=2)
        assert results.summary(session, job_id)["source"]["files"] == FILES
        assert revenue(session, job_id) == cents
        assert set(states(session, job_id).values()) == {"processed"}
    assert RACES < 10 or refused


def test_the_same_job_again_is_refused_only_for_what_was_given_and_differs(session, pool_id, data, tmp_path):
    submitted(session, pool_id, data, "again", rules="[limits]\nmax_total = 5", files_per_task=2)
    fill(tmp_path / "in", 1, first=77)
    other = datasets.upload(session, tmp_path / "in")
    for given in ({"data": other}, {"rules": ""}, {"files_per_task": 3}):
        with pytest.raises(PlanError, match="Job again exists with other"):
            jobs.plan(session, "again", **given)
    same = jobs.plan(session, "again")
    assert jobs.submit(session, same, pool_id) == same
    assert (same.data, same.files_per_task, len(same.inputs)) == (data.name, 2, 3)
    assert len(jobs.watch(session, "again")) == 1  # it has ended


LINES = """format = "lines"
[fields]
transaction_id = "no"
timestamp = "at"
total = "sum"
[constants]
tax = 0
customer.email = "none"
payment_method = "none"
status = "completed"
[guests]
values = [""]
"""


def test_a_job_reads_another_layout_by_its_mapping(session, pool_id, tmp_path):
    (tmp_path / "mine.toml").write_text(LINES)
    (tmp_path / "in").mkdir()
    rows = [{"no": at, "at": "2024-05-06 07:08:09", "sum": f"{at}.25"} for at in range(1, 9)]
    for first in (0, 4):
        text = "".join(json.dumps(row) + "\n" for row in rows[first : first + 4])
        (tmp_path / "in" / f"{first}.jsonl").write_text(text)
    (tmp_path / "in" / "notes.txt").write_text("no input")
    data = datasets.upload(session, tmp_path / "in", mapping=str(tmp_path / "mine.toml"))
    assert [one.name for one in data.left_out] == ["notes.txt"]
    kept = mappings.read(str(tmp_path / "mine.toml"))
    plan = submitted(session, pool_id, data, "mapped", mapping=kept, files_per_task=1)
    assert set(states(session, "mapped").values()) == {"processed", "left_out"}
    assert revenue(session, "mapped") == 3800
    assert results.summary(session, "mapped")["source"]["mapping"]["format"] == "lines"
    assert jobs.plan(session, "mapped").mapping == plan.mapping == kept
    with pytest.raises(PlanError, match="Job mapped exists with other mapping"):
        jobs.plan(session, "mapped", mapping="shopify")


def test_a_job_takes_a_mapping_that_the_worker_brings_by_its_name(session, pool_id, tmp_path):
    shared = Path(__file__).parents[1] / "worker" / "layouts"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "orders.json").write_bytes((shared / "shopify.json").read_bytes())
    data = datasets.upload(session, tmp_path / "in", mapping="shopify")
    submitted(session, pool_id, data, "shop", mapping=mappings.read("shopify"))
    assert revenue(session, "shop") == 12051


@pytest.mark.parametrize("written", ["plan.json", "rules.toml", "the job", "some tasks", "all tasks"])
def test_a_client_killed_between_two_steps_leaves_a_job_that_goes_on(session, pool_id, data, written):
    job_id = "killed-" + written.split(".")[0].replace(" ", "-")
    plan = jobs.plan(session, job_id, data, rules="[limits]\nmax_total = 1.01", files_per_task=1)
    steps = ["plan.json", "rules.toml", "the job", "some tasks", "all tasks"]
    for step in steps[: steps.index(written) + 1]:
        begin(session, plan, pool_id, step)
    later = jobs.plan(session, job_id)
    jobs.submit(session, later, pool_id)
    jobs.watch(session, job_id, timeout_minutes=2)
    summary = results.summary(session, job_id)
    assert summary["source"]["files"] == 3
    assert summary["rules"]["limits"]["max_total"] == 1.01
    assert summary["validation"]["valid_transactions"] == 2  # totals of 1.00, 1.01 and 1.02


def begin(session, plan, pool_id, step):
    """Do one step of submitting as a client does that is killed after it."""
    from batchkit.jobs import submission
    from batchkit.jobs.places import Places
    from batchkit.jobs.tasks import all_tasks

    tasks = all_tasks(plan, Places.of(session, plan.container))
    if step == "plan.json":
        storage.write_once(session.outputs, f"{plan.job_id}/plan.json", plan.to_json())
    elif step == "rules.toml":
        storage.write(session.outputs, f"{plan.job_id}/rules.toml", plan.rules.encode())
    elif step == "the job":
        submission._create(session, plan.job_id, plan.data, pool_id)
    else:
        session.batch.create_tasks(plan.job_id, tasks[:2] if step == "some tasks" else tasks)


def test_whoever_watches_tells_a_finished_job_to_end(session, pool_id, data, capsys):
    plan = jobs.plan(session, "never-told", data)
    for step in ("plan.json", "rules.toml", "the job", "all tasks"):
        begin(session, plan, pool_id, step)
    jobs.watch(session, "never-told", timeout_minutes=2)
    assert jobs.state(session, "never-told") == "completed"
    assert set(states(session, "never-told").values()) == {"processed"}


def test_a_job_whose_client_died_while_adding_tasks_says_so(session, pool_id, data):
    plan = jobs.plan(session, "half", data, files_per_task=1)
    for step in ("plan.json", "rules.toml", "the job", "some tasks"):
        begin(session, plan, pool_id, step)
    with pytest.raises(JobError, match="only 2 of its 4 tasks were added"):
        jobs.watch(session, "half", timeout_minutes=2)


@pytest.mark.parametrize("spelling", [[], [{"kind": "spelling", "times": -1}]], ids=["as the models", "as recorded"])
def test_a_refused_task_is_never_taken_for_added(session, pool_id, data, faults, spelling):
    job_id = f"refused-{len(spelling)}"
    faults({"kind": "add_task", "task": f"{job_id}/2", "code": "TaskDependencyListTooLong", "times": -1}, *spelling)
    plan = jobs.plan(session, job_id, data, files_per_task=1)
    with pytest.raises(JobError, match="1 of 4 tasks were refused, first task 2: TaskDependencyListTooLong"):
        jobs.submit(session, plan, pool_id)
    assert session.batch.get_job(job_id).all_tasks_complete_mode == "noaction"
    faults(*spelling)
    submitted(session, pool_id, None, job_id)
    assert set(states(session, job_id).values()) == {"processed"}


def test_tasks_are_added_through_every_weather(session, pool_id, tmp_path, faults):
    cents = fill(tmp_path, 24)
    data = datasets.upload(session, tmp_path)
    faults(
        {"kind": "add_task", "task": "weather/1*", "code": "ServerBusy", "times": 4},
        {"kind": "lost", "operation": "create_task_collection", "times": 1},
        {"kind": "throttle", "operation": "create_task_collection", "after": 1, "times": 2},
        {"kind": "drop", "operation": "*job*", "after": 3, "times": 2},
    )
    submitted(session, pool_id, data, "weather", files_per_task=2)
    assert results.summary(session, "weather")["source"]["files"] == 24
    assert revenue(session, "weather") == cents


def test_a_job_id_of_another_program_is_refused_and_its_jobs_are_not_ours(session, pool_id, data, azure):
    submitted(session, pool_id, data, "ours-newest")
    azure.job("someone-elses", pool_id)
    assert jobs.newest(session) == "ours-newest"
    with pytest.raises(JobError, match="another program's"):
        jobs.submit(session, jobs.plan(session, "someone-elses", data), pool_id)


def test_a_file_that_vanished_is_the_cause_and_its_pack_is_named_with_it(session, pool_id, tmp_path):
    cents = fill(tmp_path, 4)
    data = datasets.upload(session, tmp_path)
    plan = jobs.plan(session, "vanished", data, files_per_task=2)
    session.inputs.delete_blob(plan.tasks[0].inputs[1].blob)
    jobs.submit(session, plan, pool_id)
    jobs.watch(session, "vanished", timeout_minutes=2)
    first, gone, *others = sorted(one.name for one in data.inputs)
    assert states(session, "vanished") == {first: "missing", gone: "missing"} | dict.fromkeys(others, "processed")
    assert "is gone from storage" in reason(session, "vanished", gone)
    assert f"could not start, since {gone} is gone" in reason(session, "vanished", first)
    assert revenue(session, "vanished") == cents - 100 - 101
    [problem, *_] = results.problems(session, "vanished").to_dict("records")
    assert "task 1" in problem["what"]
    assert "BlobNotFound" in problem["why"]
    assert gone in problem["why"]
    assert "upload the data again" in problem["next"]


def test_a_file_that_changed_since_the_plan_is_named(session, pool_id, data):
    plan = jobs.plan(session, "changed", data)
    one = plan.inputs[1]
    session.inputs.upload_blob(one.blob, b'{"transactions": []}', overwrite=True)
    jobs.submit(session, plan, pool_id)
    jobs.watch(session, "changed", timeout_minutes=2)
    assert states(session, "changed")[one.name] == "changed"
    assert "overwritten" in reason(session, "changed", one.name)


def test_what_changed_before_the_plan_is_kept_out_of_it(session, data):
    session.inputs.delete_blob(data.inputs[0].blob)
    session.inputs.upload_blob(data.inputs[1].blob, b"{}", overwrite=True)
    plan = jobs.plan(session, "before", data)
    assert [one.name for one in plan.inputs] == [data.inputs[2].name]
    assert [one.state for one in plan.refused] == ["missing", "changed"]


def test_rejected_refused_and_left_out_files_are_each_accounted_for(session, pool_id, tmp_path):
    cents = fill(tmp_path, 3)
    (tmp_path / "latin.json").write_bytes('{"transactions": [], "batch_id": "é"}'.encode("latin-1"))
    (tmp_path / "empty.json").touch()
    (tmp_path / ".hidden.json").touch()
    (tmp_path / "more.jsonl").touch()
    (tmp_path / ("x" * 245 + ".json")).write_text("{}")
    data = datasets.upload(session, tmp_path)
    submitted(session, pool_id, data, "accounted")
    found = states(session, "accounted")
    assert found == {
        **dict.fromkeys(("sale-0000.json", "sale-0001.json", "sale-0002.json"), "processed"),
        **dict.fromkeys(("latin.json", "empty.json"), "rejected"),
        **dict.fromkeys((".hidden.json", "more.jsonl"), "left_out"),
        "x" * 245 + ".json": "refused",
    }
    assert "UTF-8" in reason(session, "accounted", "latin.json")
    assert revenue(session, "accounted") == cents


@pytest.mark.parametrize(
    ("fault", "why", "step"),
    [
        ({"kind": "exit", "exit_code": 137}, "exit code 137: killed", "larger machine"),
        ({"kind": "disk_full", "what": "download"}, "DiskFull", "larger disk"),
        ({"kind": "upload"}, "FileUploadMiscError", "could not be stored"),
    ],
    ids=["killed", "disk", "upload"],
)
def test_reasons_arrive(session, pool_id, data, faults, fault, why, step):
    job_id = f"why-{fault['kind'].replace('_', '-')}"
    faults({"task": f"{job_id}/1", "times": -1, **fault})
    submitted(session, pool_id, data, job_id, files_per_task=2)
    found = results.problems(session, job_id).to_dict("records")
    assert any(why in one["why"] and step in one["next"] for one in found), found
    assert list(states(session, job_id).values()) == ["missing", "missing", "processed"]
    assert why in reason(session, job_id, "sale-0000.json")


def test_a_job_that_someone_ended_or_deleted_says_so(session, pool_id, data, azure):
    plan = jobs.plan(session, "ended", data)
    jobs.submit(session, plan, azure_pool_without_nodes(azure))
    jobs.cancel(session, "ended")
    wait_for(lambda: jobs.state(session, "ended") == "completed")
    assert "Cancelled" in results.problems(session, "ended")["why"].str.cat()
    assert set(states(session, "ended").values()) == {"missing"}
    session.batch.begin_delete_job("ended", polling_interval=0.2).wait()
    with pytest.raises(JobError, match="was deleted"):
        jobs.watch(session, "ended")
    assert "not in the account" in results.problems(session, "ended")["why"].str.cat()
    assert set(states(session, "ended").values()) == {"missing"}


def azure_pool_without_nodes(azure):
    if "empty-pool" not in [pool.id for pool in azure.batch.list_pools()]:
        azure.pool("empty-pool", nodes=0)
    return "empty-pool"
