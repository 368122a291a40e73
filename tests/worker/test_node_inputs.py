"""What a folder of a real file system can hold: every file is an input, or counted as left out, and nothing hangs."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.contract import RejectedFile, kind_left_out, left_out, report_name
from node.reading import shards
from node.reading.batches import Columns, Outcome, read_tasks
from node.reading.inputs import Input, find_inputs, open_input
from node.reading.shards import Task
from node.samples import generate
from node.settings import Settings
from node.work.shares import put_together
from node.work.worker import Worker

GOOD = json.dumps({"transactions": []})
NOBODY = "65534"


def node(folder: Path, *arguments: str | bytes | Path, nobody: bool = False) -> subprocess.CompletedProcess[bytes]:
    """The worker on real paths; as a user without rights where the test is about these."""
    command = [sys.executable, "-m", "node", "process", *arguments]
    if nobody and os.geteuid() == 0:
        command = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", *command]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)


def said(done: subprocess.CompletedProcess[bytes], code: int = 0) -> list[str]:
    assert (done.returncode, done.stdout) == (code, b""), done.stderr
    return done.stderr.decode().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with one good input, `in/a.json`, which everybody may read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text(GOOD)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | stat.S_IROTH | stat.S_IXOTH)
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def reports(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


NAMES = {
    "x.json": None,
    "a/b/x.JSON": None,
    "x.y.Json": None,
    "task.partial/x.json": None,
    "x.report.json/y.json": None,
    ".x.json": "hidden",
    "._x.json": "hidden",
    ".json": "hidden",
    ".ipynb_checkpoints/x.json": "below a hidden folder",
    "a/.b/c/x.json": "below a hidden folder",
    "x.report.json": "report",
    "x.REPORT.Json": "report",
    "a/task.partial": "partial",
    "x.jsonl": "other suffix (.jsonl)",
    "x.json.GZ": "other suffix (.gz)",
    "json": "other suffix (none)",
    "x.": "other suffix (none)",
    "x.some thing longer": "other suffix (none)",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_by_name(name: str) -> None:
    assert left_out(name) == NAMES[name]


def test_other_endings_may_be_inputs_too() -> None:
    endings = (".json", ".jsonl", ".jsonl.gz")
    assert [left_out(name, endings) for name in ("x.JSONL", "x.jsonl.gz", ".x.jsonl")] == [None, None, "hidden"]
    assert left_out("x.gz", endings) == "other suffix (.gz)"


def test_names_of_reports() -> None:
    names = ["a/x.json", "B.JSON", "x.y.json", "x.jsonl", "plain", "x.json.gz"]
    assert [report_name(name) for name in names] == [
        "a/x.report.json", "B.report.json", "x.y.report.json", "x.jsonl.report.json", "plain.report.json",
        "x.json.gz.report.json",
    ]  # fmt: skip


def test_everything_that_is_no_input_is_counted_in_one_line(folder: Path) -> None:
    source = folder / "in"
    for name in ("B.JSON", "c.jsonl", "d.jsonl", "e.json.gz", ".hidden.json", "old.report.json", "task.partial"):
        (source / name).write_text(GOOD)
    (source / ".ipynb_checkpoints").mkdir()
    (source / ".ipynb_checkpoints" / "x.json").write_text(GOOD)
    (source / "gone.json").symlink_to(folder / "nowhere")
    (source / "self.json").symlink_to("self.json")
    os.mkfifo(source / "pipe.json")
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(source)  # the path of a socket must be short
        try:
            unix.bind("socket.json")
        finally:
            os.chdir(here)
    (source / "null.json").symlink_to("/dev/null")
    first, *lines = said(node(folder, "in", "--output", "out"))
    assert first == (
        "left out: 2 other suffix (.jsonl), 1 dangling link, 1 device, 1 hidden, 1 hidden folder, 1 link to itself, "
        "1 named pipe, 1 other suffix (.gz), 1 partial, 1 report, 1 socket"
    )
    assert lines == ["B.JSON processed 0 of 0", "a.json processed 0 of 0"]
    assert reports(folder / "out") == ["B.report.json", "a.report.json", "task.partial"]


def test_many_kinds_stay_one_short_line(folder: Path) -> None:
    for at in range(40):
        (folder / "in" / f"x.k{at}").write_text("")
    line, _ = said(node(folder, "in", "--output", "out"))
    assert line.endswith(", 28 of other kinds")


def test_links_are_followed_and_loops_told(folder: Path) -> None:
    (folder / "else").mkdir()
    (folder / "else" / "b.json").write_text(GOOD)
    (folder / "in" / "link").symlink_to(folder / "else")
    (folder / "in" / "one.json").symlink_to(folder / "else" / "b.json")
    (folder / "else" / "up").symlink_to(folder / "in")
    (folder / "else" / "same").symlink_to(".")
    assert said(node(folder, "in", "--output", "out")) == [
        "left out: 2 link back to a folder above it",
        "a.json processed 0 of 0", "link/b.json processed 0 of 0", "one.json processed 0 of 0",
    ]  # fmt: skip


def test_a_folder_called_like_an_input_is_walked_and_said(folder: Path) -> None:
    (folder / "in" / "b.json").mkdir()
    (folder / "in" / "b.json" / "x.json").write_text(GOOD)
    line, *_ = said(node(folder, "in", "--output", "out"))
    assert line == "1 folder named like an input, walked as a folder"
    assert reports(folder / "out") == ["a.report.json", "b.json/x.report.json", "task.partial"]


def test_folders_deeper_than_the_stack(folder: Path) -> None:
    here, deep = Path.cwd(), 1200
    os.chdir(folder / "in")
    try:
        for _ in range(deep):
            os.mkdir("d")
            os.chdir("d")
        Path("x.json").write_text(GOOD)
        names = [item.name for item in find_inputs([folder / "in"]).inputs]
    finally:
        os.chdir(folder)
        subprocess.run(["rm", "-r", "in"], check=True)  # deeper than Python's own walks go
        os.chdir(here)
    assert names == ["a.json", "d/" * deep + "x.json"]


def test_the_output_inside_the_input_doubles_nothing(folder: Path) -> None:
    out = folder / "in" / "out"
    for _ in range(2):
        said(node(folder, "in", "--output", "in/out"))
        merge = [sys.executable, "-m", "node", "merge", "in/out", "--output", "in/out/summary.json"]
        subprocess.run(merge, cwd=folder, check=True)
    assert said(node(folder, "in", "--output", "in/out")) == [
        "left out: 1 folder of the reports", "a.json processed 0 of 0",
    ]  # fmt: skip
    assert json.loads((out / "summary.json").read_bytes())["source"]["files"] == 1
    (folder / "in" / "summary.json").write_bytes((out / "summary.json").read_bytes())
    said(node(folder, "in", "--output", "in"))
    assert said(node(folder, "in", "--output", "in")) == [
        "left out: 4 report, 2 partial",
        "a.json processed 0 of 0",
        "out/summary.json rejected: this is a report of the worker, not its input",
        "summary.json rejected: this is a report of the worker, not its input",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.json", "There is no file or folder nowhere.json."),
        ("-", "Standard input is not read"),
        ("pipe", "pipe is a named pipe"),
        ("/dev/stdin", "is a named pipe"),
        ("/dev/null", "is a device"),
        ("empty", "has no *.json to process."),
        ("others", "has no *.json to process; it holds 1 hidden, 1 other suffix (.csv)."),
        ("twins", "would both write a.report.json"),
        ("in/a.json/x", "cannot be read: Not a directory"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_a_path_that_is_no_input_is_one_line_before_any_work(folder: Path, path: str, words: str) -> None:
    os.mkfifo(folder / "pipe")
    for name in ("empty", "others/a.csv", "others/.b.json", "twins/a.json", "twins/a.JSON"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).mkdir() if name == "empty" else (folder / name).write_text(GOOD)
    command = [sys.executable, "-m", "node", "process", path, "in", "--output", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, input=b"{}", check=False)
    (line,) = said(done, 2)
    assert words in line
    assert not (folder / "out").exists()


def test_standard_input_from_a_file_is_a_file(folder: Path) -> None:
    with (folder / "in" / "a.json").open("rb") as stream:
        command = [sys.executable, "-m", "node", "process", "/dev/stdin", "--output", "out"]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, stdin=stream, check=False)
    assert said(done) == ["stdin processed 0 of 0"]


def test_what_may_not_be_read_costs_itself_alone(folder: Path) -> None:
    (folder / "in" / "b.json").write_text(GOOD)
    (folder / "in" / "b.json").chmod(0)
    (folder / "in" / "sub").mkdir()
    (folder / "in" / "sub" / "c.json").write_text(GOOD)
    (folder / "in" / "sub").chmod(0)
    (folder / "out").mkdir()
    (folder / "out").chmod(0o777)
    assert said(node(folder, "in", "--output", "out", nobody=True)) == [
        "left out: 1 unreadable folder (sub: Permission denied)",
        "a.json processed 0 of 0",
        "b.json rejected: the file cannot be read: Permission denied",
    ]
    assert json.loads((folder / "out" / "b.report.json").read_bytes())["status"] == "rejected"
    (line,) = said(node(folder, "in/sub", "--output", "out", nobody=True), 2)
    assert line == "node: The folder in/sub cannot be read: Permission denied."


def outcome(path: Path) -> Outcome:
    batches: list[Columns] = list(read_tasks([Task(Input(path, path.name, "x.report.json"))]))
    found: Outcome = batches[-1].done[0]
    return found


def test_what_changes_after_it_was_found_is_rejected_and_never_waited_for(folder: Path) -> None:
    path = folder / "in" / "a.json"
    path.unlink()
    gone = outcome(path)
    os.mkfifo(path)
    pipe = outcome(path)
    path.unlink()
    path.mkdir()
    assert [str(found.rejection) for found in (gone, pipe, outcome(path))] == [
        "the file cannot be read: No such file or directory",
        "the file has become a named pipe",
        "the file cannot be read: Is a directory",
    ]
    with pytest.raises(RejectedFile, match="device"):
        open_input(Path("/dev/null"))


def test_kinds_of_files() -> None:
    modes = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR, stat.S_IFBLK, stat.S_IFCHR)
    assert [kind_left_out(mode | 0o644) for mode in modes] == [None, "named pipe", "socket", "folder", *["device"] * 2]


def test_a_name_whose_report_cannot_be_written_costs_itself_alone(folder: Path) -> None:
    for name in ("b.json", "x" * 250 + ".json", "y" * 238 + ".json", "z.json"):
        (folder / "in" / name).write_text(GOOD)
    (folder / "in" / "task.partial").mkdir()
    (folder / "in" / "task.partial" / "x.json").write_text(GOOD)
    (folder / "out" / "z.report.json").mkdir(parents=True)
    *lines, last = said(node(folder, "in", "--output", "out"), 1)
    failed = [line for line in lines if "failed" in line]
    assert failed == [
        "task.partial/x.json failed: its report cannot be written (task.partial is the partial's own name)",
        f"{'x' * 250}.json failed: its report cannot be written (File name too long)",
        "z.json failed: its report cannot be written (Is a directory)",
    ]
    assert last == "node: 3 of 6 reports could not be written, as said above; all others are."
    assert reports(folder / "out") == ["a.report.json", "b.report.json", "task.partial", "y" * 238 + ".report.json"]
    line = (folder / "out" / "task.partial").read_bytes().partition(b"\n")[0]
    names = [source["name"] for source in json.loads(line)["sources"]]
    assert names == ["a.json", "b.json", "y" * 238 + ".json"]


def test_a_report_that_fails_among_many_leaves_the_sums_of_the_others(folder: Path) -> None:
    """Sums of many small files are added at once."""
    line = {"quantity": 1, "unit_price": 2.5, "subtotal": 2.5}
    record = {
        "transaction_id": "t", "timestamp": "2025-01-17T14:30:22Z", "customer": {"customer_id": "c", "email": "e"},
        "line_items": [line], "subtotal": 2.5, "tax": 0, "total": 2.5, "payment_method": "card", "status": "completed",
    }  # fmt: skip
    for at in range(15):
        (folder / "in" / f"{at:02d}.json").write_text(json.dumps({"transactions": [record]}))
    (folder / "out" / "07.report.json").mkdir(parents=True)
    said(node(folder, "in", "--output", "out"), 1)
    merge = [sys.executable, "-m", "node", "merge", "out", "--output", "summary.json"]
    subprocess.run(merge, cwd=folder, check=True)
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["analytics"]["summary"]["total_revenue"] == 14 * 2.5
    assert summary["analytics"]["top_customers"][0]["order_count"] == 14
    assert summary["source"]["files"] == 15


def test_an_output_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0o555)
    (folder / "file").write_text("")
    for output in ("closed", "closed/out", "file", "file/out"):
        (line,) = said(node(folder, "in", "--output", output, nobody=True), 1)
        assert line.startswith(f"node: Nothing can be written into the output folder {output}: ")


def test_a_part_of_the_output_that_is_closed_costs_its_files_alone(folder: Path) -> None:
    (folder / "in" / "sub").mkdir()
    (folder / "in" / "sub" / "b.json").write_text(GOOD)
    (folder / "out" / "sub").mkdir(parents=True)
    (folder / "out").chmod(0o777)
    lines = said(node(folder, "in", "--output", "out", nobody=True), 1 if os.geteuid() == 0 else 0)
    assert lines[0] == "a.json processed 0 of 0"
    if os.geteuid() == 0:
        assert lines[1] == "sub/b.json failed: its report cannot be written (Permission denied)"


def test_odd_names_are_one_line_each_and_none_is_another(folder: Path) -> None:
    for name in (b"x\ny.json", b"\xff.json", b"\xfe.json", b"\x1b[2J.json", b"caf\xc3\xa9.json"):
        Path(os.fsdecode(os.fsencode(folder / "in") + b"/" + name)).write_text(GOOD)
    lines = said(node(folder, "in", "--output", "out"))
    assert sorted(lines) == sorted(
        f"{name} processed 0 of 0"
        for name in ("a.json", "x\\ny.json", "\\xff.json", "\\xfe.json", "\\x1b[2J.json", "café.json")
    )
    assert {os.fsencode(path) for path in os.listdir(folder / "out")} == {
        b"a.report.json", b"x\ny.report.json", b"\xff.report.json", b"\xfe.report.json", b"\x1b[2J.report.json",
        b"caf\xc3\xa9.report.json", b"task.partial",
    }  # fmt: skip


def test_a_large_file_cut_short_between_its_two_readers_is_rejected(folder: Path) -> None:
    generate(400, 1, 4, folder / "large")
    (source,) = find_inputs([folder / "large"]).inputs
    size = source.path.stat().st_size
    pair = shards.halves(source, size // 2)
    assert pair
    os.truncate(source.path, size * 2 // 3)
    workers = [Worker(folder / "out", Settings()) for _ in pair]
    for worker, task in zip(workers, pair, strict=True):
        worker.run(read_tasks([task]))
    put_together(workers[0], workers[0].halves[0], workers[1].halves[0])
    report = json.loads((folder / "out" / source.report).read_bytes())
    assert report["status"] == "rejected"
    assert report["rejection"]["reason"].startswith("the file ends")
    assert [(entry.name, entry.bytes) for entry in workers[0].total.sources] == [(source.name, size * 2 // 3)]
