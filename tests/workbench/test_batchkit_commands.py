"""The verbs from a second terminal, against a local Azure that keeps its state, and what such a file is trusted for."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from shop import fill
from typer.testing import CliRunner

from batchkit import cli, progress
from batchkit.cli import app
from batchkit.commands import connection
from batchkit.errors import SettingsError

ROOT = Path(__file__).parents[2]
OURS = ("BATCHKIT_", "AZURE_")
# What people did by scripts and az before, and the verb for it here.
SCRIPTS = {
    "upload-to-storage.py --input DIR": "data upload",
    "az storage blob list": "data list",
    "submit-batch-job.py --job-id ID": "job submit",
    "monitor-autoscale.py --pool-id ID": "pool monitor",
    "az batch pool list": "pool list",
    "az batch pool show --pool-id ID": "pool show",
    "az batch pool autoscale enable": "pool mend",
    "az batch job list": "job list",
    "az batch job show": "job status",
    "az batch task list": "job explain",
    "az batch task file download stderr.txt": "job logs",
    "az batch job stop": "job cancel",
    "download-results.py --output DIR --prefix P": "job results",
    "az batch job delete": "job delete",
    "az batch pool delete": "pool delete",
}


@pytest.mark.parametrize("verb", sorted({*SCRIPTS.values(), "job watch", "job repair", "data register"}))
def test_there_is_a_verb_for_what_scripts_did(verb):
    found = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert found.exit_code == 0, found.output
    assert "Usage" in found.output


def written(folder, mode=0o600, **values):
    folder.mkdir(exist_ok=True)
    good = {"BATCHKIT_PROFILE": "local", "BATCHKIT_BATCH_URL": "https://127.0.0.1:1", "BATCHKIT_CA_FILE": str(folder)}
    path = folder / connection.NAME
    path.write_text("".join(f"{name}={value}\n" for name, value in (good | values).items()))
    path.chmod(mode)
    return path


def test_a_connection_file_is_trusted_when_it_is_mine_closed_and_of_this_machine(tmp_path):
    assert connection.read(written(tmp_path / "good"))["BATCHKIT_PROFILE"] == "local"


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_one_that_others_may_read_is_not(tmp_path, mode):
    with pytest.raises(SettingsError, match="mode 600"):
        connection.read(written(tmp_path / "open", mode))


@pytest.mark.parametrize("url", ["https://evil.example/", "https://127.0.0.1.evil.example", "http://10.0.0.4:1/x"])
@pytest.mark.parametrize("name", ["BATCHKIT_BLOB_URL", "AZURE_POD_IDENTITY_AUTHORITY_HOST"])
def test_one_that_leads_elsewhere_is_not(tmp_path, name, url):
    with pytest.raises(SettingsError, match="not an address of this machine"):
        connection.read(written(tmp_path / "led", **{name: url}))


def test_a_link_to_one_is_not(tmp_path):
    written(tmp_path / "real")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / connection.NAME).symlink_to(tmp_path / "real" / connection.NAME)
    with pytest.raises(SettingsError, match="not trusted"):
        connection.read(tmp_path / "link" / connection.NAME)


def test_one_is_found_above_and_none_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    monkeypatch.delenv("BATCHKIT_STATE", raising=False)
    path = written(tmp_path / ".batchkit")
    assert connection.find() == path
    monkeypatch.setenv("BATCHKIT_STATE", str(tmp_path / "other"))
    with pytest.raises(SettingsError, match="No local Azure runs"):
        connection.find()


def spoken(patch):
    """Run the command line in this process; the variables that it takes from a connection file go with the patch."""
    patch.setattr(os, "environ", dict(os.environ))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            progress.QUIET[0] = False
    return subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    """A folder with a local Azure's state in it, and a way to type commands there."""
    folder = tmp_path_factory.mktemp("terminal")
    own = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    words = [sys.executable, "-m", "batchkit", "local", "--state", ".batchkit", "--speed", "120"]
    with subprocess.Popen(words, cwd=folder, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as azure:
        deadline = time.monotonic() + 60
        while not (folder / ".batchkit" / connection.NAME).exists():
            assert time.monotonic() < deadline
            time.sleep(0.2)

        def type_in(*given, code=0, typed=""):
            with pytest.MonkeyPatch.context() as patch:
                for name in list(os.environ):
                    if name.startswith(OURS):
                        patch.delenv(name)
                patch.chdir(folder)
                patch.setattr(sys, "argv", ["batchkit", *given])
                patch.setattr(sys, "stdin", io.StringIO(typed))
                done = spoken(patch)
            assert done.returncode == code, done.stderr + done.stdout
            return done

        yield folder, type_in
        azure.send_signal(signal.SIGINT)
        azure.wait(30)
    assert not (folder / ".batchkit" / connection.NAME).exists()


def test_a_second_terminal_needs_nothing_set(terminal):
    folder, type_in = terminal
    assert "There is no job yet" in type_in("job", "list").stdout
    pool = type_in("pool", "create", "--max-nodes", "2").stdout.strip()
    assert type_in("pool", "create", "--max-nodes", "2").stdout.strip() == pool
    fill(folder / "in", 3)
    name = type_in("data", "upload", "in", "--name", "sales")
    assert name.stdout == "sales\n"
    assert "files/s" not in name.stderr  # no bar where nobody looks
    assert "account local at https://127.0.0.1" in name.stderr
    job = type_in("job", "submit", "sales", "--files-per-task", "1", "--watch").stdout.strip()
    [row] = json.loads(type_in("job", "list", "--json").stdout)
    assert (row["id"], row["state"], row["data"]) == (job, "completed", "sales")
    assert json.loads(type_in("job", "status", "--json").stdout)["task_counts"]["succeeded"] == 4
    assert "Nothing went wrong" in type_in("job", "explain").stdout
    assert "sale-0000.json processed 1 of 1" in type_in("job", "logs", job, "1").stdout
    type_in("job", "results", "--output", "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "plan.json",
        "reports",
        "rules.toml",
        "summary.json",
    ]
    type_in("job", "results", "--output", "tables", "--format", "csv")
    assert "customers.csv" in {path.name for path in (folder / "tables").iterdir()}
    assert json.loads(type_in("pool", "show", "--json").stdout)["id"] == pool
    assert "tasks pending" in type_in("pool", "monitor", "--once").stdout
    assert "enabled again" in type_in("pool", "mend", pool).stdout
    assert "whole" in type_in("job", "repair", job).stderr


def test_what_lies_in_storage_is_registered_and_never_deleted(terminal):
    folder, type_in = terminal
    fill(folder / "here", 2, first=50)
    type_in("data", "upload", "here", "--name", "theirs")
    before = json.loads(type_in("data", "list", "--json").stdout)
    assert "theirs" in {row["name"] for row in before}
    assert type_in("data", "register", "seen", "--container", "batch-input", "--prefix", "theirs").stdout == "seen\n"
    assert "uploaded data" in type_in("data", "register", "theirs", "--container", "batch-input", code=2).stderr
    type_in("data", "delete", "seen", "--yes")
    type_in("data", "download", "theirs", "--output", "back")
    assert {path.name: path.read_bytes() for path in (folder / "back").iterdir()} == {
        path.name: path.read_bytes() for path in (folder / "here").iterdir()
    }
    assert "Nothing was deleted" in type_in("data", "delete", "theirs", code=2, typed="other\n").stderr
    type_in("data", "delete", "theirs", typed="theirs\n")
    assert "There is no data 'theirs'" in type_in("data", "download", "theirs", "--output", "x", code=2).stderr
    shutil.rmtree(folder / "back")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("job", "status", "nosuchjob"), 1, "There is no job nosuchjob"),
        (("job", "explain", "nosuchjob"), 1, "There is no job nosuchjob"),
        (("job", "submit", "nosuchdata"), 2, "There is no data 'nosuchdata'"),
        (("job", "repair", "nosuchjob"), 1, "no plan"),
        (("job", "results", "--output", "x", "--format", "xls", "nosuchjob"), 2, "There is no format"),
        (("pool", "show", "nosuchpool"), 1, "Could not read the pool"),
        (("data", "register", "n", "--container", "nosuch"), 1, "Could not list"),
        (("data", "upload", "in", "--name", "../x"), 2, "cannot name data"),
    ],
)
def test_what_cannot_be_is_one_line(terminal, words, code, said):
    done = terminal[1](*words, code=code)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("account ")]
    assert said in lines[-1]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
