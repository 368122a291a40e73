"""Data sets: a job is about exactly the files that an upload took, whatever else was or is uploaded."""

import pytest
from shop import fill

from batchkit import datasets, storage
from batchkit.errors import BatchkitError, ParameterError, PlanError


def names(manifest):
    return [one.name for one in manifest.inputs]


def test_the_data_is_what_the_folder_holds_now(session, tmp_path):
    fill(tmp_path, 8)
    first = datasets.upload(session, tmp_path)
    for path in sorted(tmp_path.iterdir())[3:]:
        path.unlink()
    second = datasets.upload(session, tmp_path)
    assert (len(first.inputs), len(second.inputs)) == (8, 3)
    assert datasets.read(session, str(tmp_path)) == second
    assert second.moved == 0
    stored = storage.listed(session.inputs, f"{first.name}/")
    assert {one.blob for one in first.inputs} == set(stored)  # what was uploaded before stays


def test_folders_of_one_name_are_two_data_sets(session, tmp_path):
    fill(tmp_path / "jan/inbox", 2)
    fill(tmp_path / "feb/inbox", 1, first=5)
    january, february = (datasets.upload(session, tmp_path / month / "inbox") for month in ("jan", "feb"))
    assert january.name != february.name
    assert (len(january.inputs), len(february.inputs)) == (2, 1)
    assert january.name.startswith("inbox-")


def test_only_what_changed_is_sent(session, tmp_path):
    fill(tmp_path, 5)
    first = datasets.upload(session, tmp_path)
    fill(tmp_path, 1, first=9)
    changed = tmp_path / "sale-0002.json"
    changed.write_text(changed.read_text().replace("Mug", "Cup"))
    second = datasets.upload(session, tmp_path)
    assert (first.moved, second.moved) == (5, 2)
    kept = {one.name: one.etag for one in first.inputs if one.name != changed.name}
    assert {one.name: one.etag for one in second.inputs if one.name in kept} == kept


def test_a_blob_that_someone_overwrote_is_sent_again(session, tmp_path):
    fill(tmp_path, 2)
    first = datasets.upload(session, tmp_path)
    victim = first.inputs[0]
    session.inputs.upload_blob(victim.blob, b"x" * victim.bytes, overwrite=True)
    changes = datasets.now_there(session, first.container, first.inputs)
    assert {name: change.state for name, change in changes.items()} == {victim.name: "changed"}
    second = datasets.upload(session, tmp_path)
    assert datasets.now_there(session, second.container, second.inputs) == {}
    assert session.inputs.download_blob(victim.blob).readall() == (tmp_path / victim.name).read_bytes()


def test_what_is_gone_or_archived_is_named(session, tmp_path):
    fill(tmp_path, 3)
    data = datasets.upload(session, tmp_path)
    session.inputs.delete_blob(data.inputs[0].blob)
    session.inputs.get_blob_client(data.inputs[1].blob).set_standard_blob_tier("Archive")
    changes = datasets.now_there(session, data.container, data.inputs)
    assert {name: change.state for name, change in changes.items()} == {
        data.inputs[0].name: "missing",
        data.inputs[1].name: "refused",
    }


def test_names_that_cannot_go_up_are_refused_and_their_neighbours_are_not(session, tmp_path):
    fill(tmp_path, 1)
    (tmp_path / ("x" * 245 + ".json")).write_text("{}")
    (tmp_path / "new\nline.json").write_text("{}")
    (tmp_path / "back\\slash.json").write_text("{}")
    data = datasets.upload(session, tmp_path)
    assert names(data) == ["sale-0000.json"]
    assert [one.state for one in data.left_out] == ["refused"] * 3


def test_an_upload_without_an_input_leaves_nothing(session, tmp_path):
    with pytest.raises(ParameterError, match="it is empty"):
        datasets.upload(session, tmp_path, "nothing")
    with pytest.raises(PlanError, match="Upload it with notebook 02"):
        datasets.read(session, "nothing")


def test_a_job_is_held_to_the_data_of_its_upload(session, tmp_path):
    fill(tmp_path, 4)
    ours = datasets.upload(session, tmp_path, "shared", job_id="held-1")
    fill(tmp_path, 2, first=50)
    theirs = datasets.upload(session, tmp_path, "shared", job_id="held-2")
    assert datasets.read(session, "shared", "held-1") == ours
    assert datasets.read(session, "shared", "held-2") == datasets.read(session, "shared") == theirs
    with pytest.raises(PlanError, match="Job held-1 exists with other data: shared"):
        datasets.read(session, "other", "held-1")
    with pytest.raises(PlanError, match=r"Job held-1 exists with other data: shared \(4 files\)"):
        datasets.upload(session, tmp_path, "shared", job_id="held-1")


def test_a_file_that_grows_while_it_is_sent_ends_the_upload(session, tmp_path, monkeypatch):
    fill(tmp_path, 1)
    hashes = datasets._hashes

    def grow(stream):
        with (tmp_path / "sale-0000.json").open("a") as other:
            other.write(" ")
        return hashes(stream)

    monkeypatch.setattr(datasets, "_hashes", grow)
    with pytest.raises(BatchkitError, match="changed while it was uploaded"):
        datasets.upload(session, tmp_path, "growing")
    with pytest.raises(PlanError):
        datasets.read(session, "growing")


def test_a_file_that_is_written_again_by_another_run_is_sent_as_it_was(session, tmp_path, monkeypatch):
    fill(tmp_path, 1)
    path, hashes = tmp_path / "sale-0000.json", datasets._hashes
    content = path.read_bytes()

    def replace(stream):
        (tmp_path / "part").write_bytes(b"{}")
        (tmp_path / "part").replace(path)
        return hashes(stream)

    monkeypatch.setattr(datasets, "_hashes", replace)
    [one] = datasets.upload(session, tmp_path, "replaced").inputs
    assert session.inputs.download_blob(one.blob).readall() == content


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "é", "x" * 64])
def test_names_for_data_are_plain(session, tmp_path, name):
    fill(tmp_path, 1)
    if name:
        with pytest.raises(ParameterError, match="cannot name data"):
            datasets.upload(session, tmp_path, name)
    else:
        assert datasets.upload(session, tmp_path, name).name == datasets.name_of(tmp_path)


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b"{}", b'{"schema_version": 99}', b"\xff"])
def test_a_manifest_that_is_damaged_or_newer_is_one_line(session, stored):
    storage.write(session.inputs, "damaged.manifest.json", stored)
    with pytest.raises(PlanError, match="manifest cannot be read"):
        datasets.read(session, "damaged")


def test_the_longest_report_name_comes_down_and_a_strange_one_is_said(session, tmp_path):
    longest = "n" * 232 + ".report.json"
    session.outputs.upload_blob(f"down/reports/{longest}", b"{}")
    assert [path.name for path in storage.download(session.outputs, "down/reports", tmp_path)] == [longest]
    session.outputs.upload_blob("down/reports/a//b.json", b"{}")
    with pytest.raises(BatchkitError, match="1 blobs have names that are no paths"):
        storage.download(session.outputs, "down/reports", tmp_path)
