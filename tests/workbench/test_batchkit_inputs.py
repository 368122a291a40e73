"""What is an input: one rule, on real folders with all that a file system can hold."""

import os
import socket
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchkit import inputs, mappings
from batchkit.errors import ParameterError
from node import contract
from node.reading.inputs import find_inputs

NOBODY = 65534


@pytest.fixture
def folder(tmp_path):
    """A folder with one good file and much else."""
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "B.JSON").write_text("{}")
    for name in (".hidden.json", "._a.json", "x.report.json", "X.Report.JSON", "c.jsonl", "d.json.gz", "notes.txt"):
        (tmp_path / name).write_text("{}")
    for name in (".ipynb_checkpoints", "x.json", "sub"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inside.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "gone.json").symlink_to("nowhere")
    (tmp_path / "self.json").symlink_to("self.json")
    (tmp_path / "linked.json").symlink_to("a.json")
    (tmp_path / "sub/up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("sub")
    (tmp_path / "runs/one").mkdir(parents=True)
    for name in ("run.json", "report.html", "summary.json"):
        (tmp_path / "runs/one" / name).write_text("{}")
    return tmp_path


def test_every_name_in_a_folder_is_an_input_or_left_out_with_a_reason(folder):
    found = inputs.find(folder)
    assert sorted(found.files) == [
        "B.JSON",
        "a.json",
        "link/inside.json",
        "linked.json",
        "sub/inside.json",
        "x.json/inside.json",
    ]
    reasons = {one.name: one.reason for one in found.left_out}
    assert reasons == {
        ".hidden.json": "hidden",
        "._a.json": "hidden",
        ".ipynb_checkpoints": "a hidden folder",
        "x.report.json": "a report",
        "X.Report.JSON": "a report",
        "c.jsonl": "not *.json",
        "d.json.gz": "not *.json",
        "notes.txt": "not *.json",
        "pipe.json": "a named pipe",
        "gone.json": "a link to nothing",
        "self.json": "a link to nothing",
        "x.json": "a folder named like an input; what is in it counts",
        "link/up": "a link back to a folder above it",
        "sub/up": "a link back to a folder above it",
        "runs/one/": "a run's folder",
    }
    assert {one.state for one in found.left_out} == {"left_out"}


def test_a_socket_and_a_device_are_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text("{}")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s.json")
        Path("null.json").symlink_to("/dev/null")
        found = inputs.find(Path("."))
    assert {one.name: one.reason for one in found.left_out} == {"s.json": "a socket", "null.json": "a device"}


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user, which needs root")
def test_what_may_not_be_read_is_named(tmp_path):
    for name in ("a.json", "secret.json", "closed/b.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "secret.json").chmod(0)
    (tmp_path / "closed").chmod(0)
    shared = Path(tempfile.gettempdir())
    for above in (tmp_path, *tmp_path.parents):
        if shared in above.parents:
            above.chmod(0o755)
    with ProcessPoolExecutor(1, initializer=os.setresuid, initargs=(NOBODY,) * 3) as nobody:
        found = nobody.submit(inputs.find, tmp_path).result(60)
    assert list(found.files) == ["a.json"]
    assert {one.name: one.state for one in found.left_out} == {"closed/": "left_out", "secret.json": "refused"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "it is empty"),
        (lambda p: (p.mkdir(), (p / "c.jsonl").touch(), (p / ".x.json").touch()), "1 hidden, 1 not *.json"),
        (lambda p: p.symlink_to("nothing"), "a link to nothing"),
        (os.mkfifo, "a named pipe"),
    ],
)
def test_a_path_without_an_input_is_one_line_that_says_what_is_there(tmp_path, make, said):
    make(tmp_path / "data")
    with pytest.raises(ParameterError) as raised:
        inputs.find(tmp_path / "data")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_file_is_an_input_by_its_name(tmp_path):
    (tmp_path / "one.JSON").write_text("{}")
    assert list(inputs.find(tmp_path / "one.JSON").files) == ["one.JSON"]


names = st.lists(st.text("aj.soNJreptl", min_size=1, max_size=12), min_size=1, max_size=3).map("/".join)


@given(names)
@example(".a.json")
@example("a/.b/c.json")
@example("a.REPORT.json")
@example("a.partial")
def test_the_worker_has_the_same_rule(name):
    assert (inputs.why_not(name) is None) == (contract.left_out(name) is None)
    assert inputs.report_name(name) == contract.report_name(name)


@given(
    names.map(lambda name: name + "l"), st.sampled_from(["", "l", ".gz", "l.gz"]), st.sampled_from(["object", "lines"])
)
@example("x.ndjson", "", "lines")
def test_the_worker_has_the_same_rule_under_a_mapping(name, more, form):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.toml")
        path.write_text(f'format = "{form}"')
        endings = mappings.endings(str(path))
    assert endings == contract.endings_of(form)
    for each in (name, name + more, name[:-1] + more):
        assert (inputs.why_not(each, endings) is None) == (contract.left_out(each, endings) is None)
        assert inputs.report_name(each) == contract.report_name(each)


def test_the_worker_finds_the_same_inputs(folder):
    found = find_inputs([folder]).inputs
    assert sorted(one.name for one in found) == sorted(inputs.find(folder).files)


@given(st.text("aj.soNJrept/", min_size=1, max_size=20))
def test_a_report_of_an_input_is_no_input(name):
    if inputs.why_not(name) is None:
        assert inputs.why_not(inputs.report_name(name)) == "a report"
