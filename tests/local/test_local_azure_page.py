"""The page for programs of others: its Python runs on the local Azure, its variables are those handed out."""

import re
import subprocess
import sys
from pathlib import Path

from shell import ENVIRONMENT

PAGE = (Path(__file__).parents[2] / "docs" / "local-azure.md").read_text()


def test_the_pages_program_runs_with_the_variables_that_it_names(tmp_path):
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in re.findall(r"`(\w+)`", row)}
    (tmp_path / "my_program.py").write_text(f"{program}\nprint(sorted({names!r} - set(os.environ)))\n")
    words = [
        "local",
        "--speed",
        "60",
        "--allow-shared-key",
        "--show-storage-key",
        "--",
        sys.executable,
        "my_program.py",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "batchkit", *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
        timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    images, missing = done.stdout.strip().splitlines()[-2:]
    assert "batch.node.ubuntu 24.04" in images
    assert missing == "[]"
