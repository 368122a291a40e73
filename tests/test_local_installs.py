"""What tasks install: on their node, for its later tasks; never in this environment, never on another node."""

import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import azure.batch.models as m
from batch_clients import Azure, wait_for

SCRIPT = "[console_scripts]\nhello-{0} = {0}:hello\n"
SHOW = "python -c 'import {0}; print({0}.__version__, {0}.__file__)'"


def wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """A wheel of one module with a console script."""
    place, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    code = f"__version__ = {version!r}\ndef hello():\n    print('hello from {name} {version}')\n"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(f"{name}/__init__.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", SCRIPT.format(name))
        archive.writestr(f"{info}/RECORD", "")
    return place


def environment() -> dict[str, tuple[int, int, int]]:
    """Every file of this environment's packages and programs, with its size and the times of its last changes."""
    places = [Path(sysconfig.get_path(name)) for name in ("purelib", "scripts")]
    files = [file for place in places for file in place.rglob("*") if "__pycache__" not in file.parts]
    return {str(f): (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for f in files if (s := f.lstat()) and not f.is_dir()}


def task(name: str, command: str, **more: Any) -> m.BatchTaskCreateOptions:
    return m.BatchTaskCreateOptions(id=name, command_line=command, **more)


def said(azure: Azure, job: str, name: str, command: str) -> str:
    """Run a command as a task and return what it printed."""
    azure.batch.create_task(job, task(name, command))
    info = azure.ended(job, name).execution_info
    assert info.exit_code == 0, azure.text(job, name, "stderr.txt")
    return azure.text(job, name).strip()


def idle(azure: Azure, pool: str) -> str:
    node = wait_for(lambda: next((n for n in azure.batch.list_nodes(pool) if n.state == "idle"), None))
    return str(node.id)


def test_installs_stay_on_their_node(azure: Azure, tmp_path: Path) -> None:
    before = environment()
    first, second, pandas = wheel(tmp_path, "firstly"), wheel(tmp_path, "secondly"), wheel(tmp_path, "pandas", "99.0")
    start = m.BatchStartTask(command_line=f"pip install --no-index --quiet {first}", wait_for_success=True)
    azure.pool("installs", start_task=start)
    azure.pool("untouched")
    node, other = idle(azure, "installs"), idle(azure, "untouched")
    azure.job("installs", "installs")
    azure.job("untouched", "untouched")

    assert f"/{node}/" in said(azure, "installs", "seen", SHOW.format("firstly"))
    assert said(azure, "installs", "script", "hello-firstly") == "hello from firstly 1.0"
    assert "/node/" in said(azure, "installs", "worker", "python -c 'import node, pandas; print(node.__file__)'")

    said(azure, "installs", "module", f"python -m pip install --no-index --quiet {second}")
    assert f"/{node}/" in said(azure, "installs", "later", SHOW.format("secondly"))
    said(azure, "installs", "upgrade", f"pip3 install --no-index --no-deps --upgrade --quiet {pandas}")
    assert said(azure, "installs", "upgraded", SHOW.format("pandas")).startswith("99.0 ")
    said(azure, "installs", "back", "pip uninstall --yes --quiet pandas")
    said(azure, "installs", "more", "pip uninstall --yes --quiet pandas numpy")
    assert not said(azure, "installs", "real", SHOW.format("pandas")).startswith("99.0 ")
    install = f"pip install --user --no-index --quiet {wheel(tmp_path, 'thirdly')}"
    user = f"/bin/sh -c '{install} && .local/bin/hello-thirdly'"
    assert said(azure, "installs", "own", user) == "hello from thirdly 1.0"

    for name in ("firstly", "secondly", "thirdly"):
        azure.batch.create_task("untouched", task(name, SHOW.format(name)))
        assert azure.ended("untouched", name).execution_info.exit_code == 1
    assert other not in said(azure, "untouched", "pandas", SHOW.format("pandas"))
    assert environment() == before
