"""The README, held true: its commands are run, its files exist, its targets are make's."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import running_local_azure
from shell import ENVIRONMENT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.strip()
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder that looks like the checkout, with what the README's placeholders stand for."""
    home = tmp_path_factory.mktemp("readme")
    (home / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (home / "notebooks").symlink_to(ROOT / "notebooks")
    (home / "my_program.py").write_text(
        "import os\n"
        "from azure.batch import BatchClient\n"
        "from azure.identity import DefaultAzureCredential\n"
        "url, ca = os.environ['BATCHKIT_BATCH_URL'], os.environ['BATCHKIT_CA_FILE']\n"
        "client = BatchClient(url, DefaultAzureCredential(), connection_verify=ca)\n"
        "print('pools:', len(list(client.list_pools())))\n"
    )
    return home


def run(command: str, home: Path, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    words[0] = str(home / words[0]) if words[0].startswith(".venv") else words[0]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        words, cwd=home, env=ENVIRONMENT | (more or {}) | {"PATH": path}, capture_output=True, text=True, timeout=200
    )


def test_it_opens_with_one_sentence_a_picture_and_two_commands():
    title, sentence, picture = [line for line in README.splitlines() if line][:3]
    assert title.startswith("# ")
    assert sentence.count(". ") == 0
    assert (ROOT / re.search(r"\]\((.+?)\)", picture)[1]).exists()
    assert [command.split()[:2] for command in COMMANDS[:2]] == [["make", "run"], ["make", "test"]]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_make_knows_the_target(command):
    # What `make run` and `make test` do is run by the tests themselves; here only that the target exists.
    done = subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_workers_commands_in_order(home):
    commands = [c for c in COMMANDS if "-m node" in c]
    assert len(commands) >= 4
    for command in commands:
        done = run(command, home)
        assert done.returncode == 0, done.stderr
    assert (home / "data/summary.json").exists()


def test_the_local_azure_around_a_program(home):
    [command] = [c for c in COMMANDS if "my_program.py" in c]
    done = run(command, home)
    assert (done.returncode, done.stdout.strip()) == (0, "pools: 0"), done.stderr


def test_provisioning_from_nothing_and_back(home):
    commands = [c for c in COMMANDS if "batchkit provision" in c or "batchkit doctor" in c]
    assert len(commands) == 5
    with running_local_azure("--speed", "1200") as environment:
        for command in commands:
            answer = " --yes" if command.split()[-1] in ("apply", "destroy") else ""
            done = run(command + answer, home, environment)
            assert done.returncode == 0, done.stderr
    assert "nothing of it is left" in done.stdout + done.stderr


def test_every_command_is_of_a_kind_that_is_run_here():
    known = ("make ", ".venv/bin/python -m node ", ".venv/bin/batchkit ")
    assert [c for c in COMMANDS if not c.startswith(known)] == []


def test_what_it_names_exists():
    for name in re.findall(r"`([\w./]+/[\w./]*|\w+\.py)`|\]\(([\w./-]+)\)", README):
        name = name[0] or name[1]
        if not name.startswith(("runs/", ".batchkit", ".venv", "data/", "path/")):
            assert (ROOT / name).exists(), name
