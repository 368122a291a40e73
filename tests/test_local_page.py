"""docs/local-azure.md, held true: its programs and commands are run, its tables are what the options and variables are.

What needs az or npm is `longer`: `make clients` runs it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clients import environments

from batchkit.local import supervisor
from batchkit.local.__main__ import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/local-azure.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [text.strip() for kind, text in BLOCKS if kind == "bash"]
INSTALL = "pip install '.[local]'\npython -m batchkit.local.azurite install   # blob storage, once"
RUN = "batchkit local --speed 60 -- python my_program.py"
ALONE = "batchkit local --state .azure-local"
NODE = "batchkit local --speed 60 -- sh -c 'NODE_EXTRA_CA_CERTS=$BATCHKIT_CA_FILE node my_program.mjs'"
SHELL = "batchkit local --speed 60 -- bash"
ROLE = "batchkit local --speed 60 --role 'Azure Batch Data Contributor' -- python my_program.py"
FAULTY = "batchkit local --speed 60 --faults faults.toml -- python my_program.py"
EVERYTHING = ("--allow-shared-key", "--show-storage-key", "--azure-names")


def block(kind: str) -> str:
    [text] = [text for each, text in BLOCKS if each == kind]
    return text


def run(command: str, folder: Path, *first: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*first, Path(sys.executable).parent, os.environ["PATH"]]))
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "BATCHKIT_"))}
    words = ["bash", "-ec", command]
    environment = own | {"PATH": path, "HOME": str(folder)}
    return subprocess.run(words, cwd=folder, env=environment, input=stdin, capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize("command", [RUN, FAULTY, ROLE])
def test_the_program_in_python(tmp_path: Path, command: str) -> None:
    assert command in COMMANDS
    (tmp_path / "my_program.py").write_text(block("python"))
    (tmp_path / "faults.toml").write_text(block("toml"))
    done = run(command.replace("--speed 60", "--speed 1200"), tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "hello from pool"), done.stderr


def test_alone_it_says_where_the_page_is_and_keeps_its_state(tmp_path: Path) -> None:
    assert ALONE in COMMANDS
    words = [sys.executable, "-m", "batchkit.local", *ALONE.split()[2:]]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert Path(said.split()[-1]) == ROOT / "docs/local-azure.md"
    assert (tmp_path / ".azure-local/reached.json").exists()


def test_the_options_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)) == offered


def test_the_variables_are_all_there(tmp_path: Path) -> None:
    done = run(f"batchkit local --speed 60 {' '.join(EVERYTHING)} -- env", tmp_path)
    given = {line.partition("=")[0] for line in done.stdout.splitlines()}
    table = PAGE.partition("## What your program gets")[2].partition("\n## ")[0]
    named = {name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named <= given
    ours = {name for name in given if name.startswith(("AZURE_", "BATCHKIT_"))}
    assert ours - named == {"BATCHKIT_PROFILE", "BATCHKIT_SPEED", "BATCHKIT_LOCAL_RUN"}  # the workbench's own


def test_every_command_is_run_somewhere() -> None:
    """INSTALL by tests/local/test_local_alone.py, from a wheel; the rest here."""
    assert [each for each in COMMANDS if each not in (INSTALL, RUN, ALONE, NODE, SHELL, FAULTY, ROLE)] == [AZ]


def test_the_files_that_it_names_exist() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
    for name in re.findall(r"`(tests/[\w./]+)`", PAGE):
        assert (ROOT / name).exists(), name
    assert supervisor._PAGE.resolve() == ROOT / "docs/local-azure.md"


[AZ] = [each for each in COMMANDS if "az login" in each]


@pytest.mark.longer
def test_the_commands_of_az(tmp_path: Path) -> None:
    bin_of_az = environments.make(["azure-cli"], javascript=False).folder / "bin"
    done = run(SHELL, tmp_path, bin_of_az, stdin=f"set -e\n{AZ}\n")
    assert (done.returncode, done.stdout.strip()[-2:]) == (0, "[]"), done.stderr


@pytest.mark.longer
def test_the_program_in_javascript(tmp_path: Path) -> None:
    made = environments.make(["@azure/arm-batch@9.1.0", "@azure/identity"], javascript=True)
    shutil.copytree(made.folder / "node_modules", tmp_path / "node_modules", symlinks=True)
    (tmp_path / "my_program.mjs").write_text(block("javascript"))
    done = run(NODE, tmp_path, Path(made.node).parent)
    assert (done.returncode, done.stdout.startswith("127.0.0.1:")) == (0, True), done.stderr
