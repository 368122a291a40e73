"""What tasks install: on their node, for its later tasks; never in this environment, never on another node."""

import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import azure.batch.models as m
from batch_clients import Azure, wait_for

SCRIPT = "[console_scripts]\nhello-{0} = {0}:hello\n"
OFFLINE = "--no-index --no-deps --quiet"
SHOW = "python -c 'import {0}; print({0}.__file__)'"


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


def said(azure: Azure, job: str, name: str, *commands: str) -> list[str]:
    """Run commands as a task, one after the other, and return the lines that they printed."""
    script = " && ".join(commands)
    azure.batch.create_task(job, task(name, f'/bin/sh -c "{script}"'))
    info = azure.ended(job, name).execution_info
    assert info.exit_code == 0, azure.text(job, name, "stderr.txt")
    return azure.text(job, name).splitlines()


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

    seen = said(azure, "installs", "1", SHOW.format("firstly"), "hello-firstly", SHOW.format("node"),
                f"python -m pip install {OFFLINE} {second}")  # fmt: skip
    assert (f"/{node}/" in seen[0], seen[1]) == (True, "hello from firstly 1.0")
    assert "/node/__init__.py" in seen[2]

    seen = said(azure, "installs", "2", SHOW.format("secondly"), f"pip3 install --upgrade {OFFLINE} {pandas}",
                SHOW.format("pandas"), "pip uninstall --yes --quiet pandas", "pip uninstall --yes --quiet pandas numpy",
                SHOW.format("pandas"), f"pip install --user {OFFLINE} {wheel(tmp_path, 'thirdly')}",
                ".local/bin/hello-thirdly")  # fmt: skip
    assert [f"/{node}/" in line for line in seen] == [True, True, False, False]
    assert seen[-1] == "hello from thirdly 1.0"

    absent = [f"! python -c 'import {name}'" for name in ("firstly", "secondly", "thirdly")]
    assert other not in said(azure, "untouched", "1", *absent, SHOW.format("pandas"))[0]
    assert environment() == before
