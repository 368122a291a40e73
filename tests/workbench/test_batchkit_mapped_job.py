"""Other systems' files through a whole job, by a shipped mapping and by a file, as blobs beside the rules."""

import shutil
import sys
from pathlib import Path

import pytest

from batchkit import datasets, jobs, mappings, results

WORKER = Path(__file__).parents[1] / "worker"
sys.path.insert(0, str(WORKER))
from test_node_public_layouts import LAYOUTS, expected  # noqa: E402 - what each layout is worth, worked out there


@pytest.mark.parametrize("name", ["shopify", "odoo", "paypal", "mongodb"])
def test_a_job_takes_a_mapping(session, pool_id, tmp_path, name):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(LAYOUTS / f"{name}.json", folder)
    own = LAYOUTS / f"{name}.toml"
    mapping = str(own) if own.exists() else name
    data = datasets.upload(session, folder, f"mapped-{name}", mapping=mapping)
    plan = jobs.plan(session, f"mapped-{name}", data, mapping=mappings.read(mapping))
    jobs.submit(session, plan, pool_id)
    jobs.watch(session, plan.job_id, timeout_minutes=2)
    summary = results.summary(session, plan.job_id)
    assert summary["analytics"]["summary"]["total_revenue"] == expected(name)
    assert summary["source"]["mapping"]
