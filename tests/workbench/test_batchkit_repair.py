"""Repair: whatever is taken away of a job, what can be read is in the summary once, and the figures are the same."""

import random
import time

import pytest
from shop import fill

from batchkit import datasets, jobs, results, storage
from batchkit.errors import JobError
from batchkit.jobs import lookup, planning, repairing, submission

OF_A_MOMENT = {"processed_at", "processing_time_seconds"}


def done(session, pool_id, tmp_path, job_id, files=7):
    fill(tmp_path / "in", files)
    data = datasets.upload(session, tmp_path / "in")
    jobs.submit(session, jobs.plan(session, job_id, data, files_per_task=2), pool_id)
    jobs.watch(session, job_id, timeout_minutes=2)
    return data


def summary(session, job_id):
    return {name: value for name, value in results.summary(session, job_id).items() if name not in OF_A_MOMENT}


def repaired(session, job_id, pool_id):
    made = repairing.repair(session, job_id, pool_id)
    if made:
        jobs.watch(session, made, timeout_minutes=2)
    return made


def take(session, job_id, names):
    for name in names:
        session.outputs.delete_blob(f"{job_id}/{name}")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_taken_away_comes_back_with_the_same_figures(session, pool_id, tmp_path, seed):
    job = f"torn-{seed}"
    done(session, pool_id, tmp_path, job)
    whole = summary(session, job)
    assert repairing.repair(session, job, pool_id) is None
    there = [name.removeprefix(f"{job}/") for name in storage.listed(session.outputs, f"{job}/")]
    losable = sorted(n for n in there if n.startswith(("partials/", "reports/", "summary.json")))
    take(session, job, random.Random(seed).sample(losable, 5))
    assert repaired(session, job, pool_id) == f"{job}-r1"
    assert summary(session, job) == whole
    assert set(results.inputs(session, job)["state"]) == {"processed"}
    assert repairing.repair(session, job, pool_id) is None
    assert lookup.newest(session) == job  # a repair is no job of its own to people


def test_a_pack_that_lost_a_file_is_repaired_without_it(session, pool_id, tmp_path):
    data = done(session, pool_id, tmp_path, "lost-one")
    gone = data.inputs[0]
    session.inputs.delete_blob(gone.blob)
    take(session, "lost-one", ["partials/0001/1.partial"])
    repaired(session, "lost-one", pool_id)
    found = results.inputs(session, "lost-one").set_index("name")
    assert gone.name in results.summary(session, "lost-one")["source"]["missing"]
    assert set(found.drop(gone.name)["state"]) == {"processed"}


def test_a_job_that_was_cancelled_is_finished_by_its_repair_on_another_pool(session, pool_id, tmp_path):
    fill(tmp_path / "in", 5)
    data = datasets.upload(session, tmp_path / "in")
    plan = planning.plan(session, "ended-early", data, files_per_task=1)
    jobs.submit(session, plan, "a-pool-that-is-gone")
    with pytest.raises(JobError, match="still runs"):
        repairing.repair(session, "ended-early", pool_id)
    jobs.cancel(session, "ended-early")
    jobs.watch(session, "ended-early", timeout_minutes=1)
    repaired(session, "ended-early", pool_id)
    assert set(results.inputs(session, "ended-early")["state"]) == {"processed"}
    assert results.summary(session, "ended-early")["source"]["files"] == 5


def test_a_repair_that_is_under_way_is_gone_on_with(session, pool_id, tmp_path):
    done(session, pool_id, tmp_path, "twice")
    take(session, "twice", ["summary.json", "partials/0001/2.partial"])
    first = repairing.repair(session, "twice", pool_id)
    assert repairing.repair(session, "twice", pool_id) in (first, None)
    jobs.watch(session, first, timeout_minutes=2)
    assert set(results.inputs(session, "twice")["state"]) == {"processed"}


def test_what_cannot_be_repaired_is_said(session, pool_id):
    with pytest.raises(JobError, match="no plan"):
        repairing.repair(session, "never-there", pool_id)


def test_a_repair_whose_client_died_is_ended_and_made_anew(session, pool_id, tmp_path):
    done(session, pool_id, tmp_path, "died")
    whole = summary(session, "died")
    take(session, "died", ["partials/0001/1.partial"])
    submission._create(session, "died-r1", "data", pool_id, repairs="died")  # and no task, nor a word to end
    time.sleep(submission.PATIENCE / session.settings.speed + 0.2)
    assert repaired(session, "died", pool_id) == "died-r2"
    assert summary(session, "died") == whole
