"""`make sdk-tests`: the azure-batch package's own tests, and its own sample, against the local Azure.

All of its tests, once with a token and once with an account key; a few need no service and count for both.
They are in the package's source distribution: it is downloaded into .venv, never committed, and runs with a
small stand-in for the SDK's internal test tools (devtools_testutils, beside this file).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(sys.prefix) / "sdk-tests"
PACKAGES = CACHE / "packages"
NEEDED = ["aiohttp", "six", "pytest-asyncio"]
EXPECTED = 46
LOGINS = ("token", "key")
HALVES = {"sync": "not [async]", "async": "[async]"}  # each on a local Azure of its own, at the same time


def main() -> int:
    """Fetch what is missing, run the tests and the sample on a local Azure, and say what passed."""
    release = f"azure_batch-{version('azure-batch')}"
    source = CACHE / release
    if not source.is_dir():
        fetch(release)
    began = time.monotonic()
    local = [sys.executable, "-m", "batchkit.local", "--speed", "60", "--allow-shared-key", "--"]
    inside = [*local, sys.executable, str(HERE / "run.py"), "inside", str(source)]
    parts = [[*inside, login, half, *sys.argv[1:]] for login in LOGINS for half in HALVES]
    for running in [subprocess.Popen(part) for part in parts]:
        running.wait()
    return report(time.monotonic() - began)


def fetch(release: str) -> None:
    """Download and unpack the source distribution, and what its tests import besides."""
    print(f"Fetching {release} and what its tests need (once)", file=sys.stderr)
    CACHE.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--target", PACKAGES, "--upgrade", *NEEDED], check=True)
    exactly = f"azure-batch=={version('azure-batch')}"
    command = [*pip, "download", "--no-deps", "--no-binary", "azure-batch", "--dest", CACHE, exactly]
    subprocess.run(command, check=True)
    with tarfile.open(CACHE / f"{release}.tar.gz") as archive:
        archive.extractall(CACHE, filter="data")


def inside(source: Path, login: str, half: str) -> int:
    """Run half of the tests by one login, and the sample once, where the environment points at the local Azure."""
    trust = os.environ["BATCHKIT_CA_FILE"]
    path = os.pathsep.join(map(str, [HERE, PACKAGES]))
    own = {"PYTHONPATH": path, "REQUESTS_CA_BUNDLE": trust, "SSL_CERT_FILE": trust, "SDK_TESTS_LOGIN": login}
    environment = os.environ | own
    if (login, half) == ("token", "sync"):
        sample(source, environment)
    options = ["-q", "-p", "no:cacheprovider", "-c", str(HERE / "pytest.ini"), "--timeout=300", "--durations=5"]
    chosen = ["-k", HALVES[half], *sys.argv[5:]]
    results = ["--rootdir", str(source), f"--junitxml={CACHE / login}-{half}.xml", *chosen]
    command = [sys.executable, "-m", "pytest", *options, *results, str(source / "tests")]
    return subprocess.run(command, env=environment, cwd=source, check=False).returncode


def sample(source: Path, environment: dict[str, str]) -> None:
    """Run the package's hello world, unchanged: its settings file names the local endpoint."""
    settings = CACHE / "samples.cfg"
    settings.write_text(f"[Batch]\nBATCH_ACCOUNT_ENDPOINT = {os.environ['BATCHKIT_BATCH_URL']}\n")
    program = source / "samples" / "batch_samples_hello_world.py"
    done = subprocess.run(
        [sys.executable, program], env=environment, cwd=CACHE, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    (CACHE / "sample.txt").write_text("passed" if done.returncode == 0 and not said else said or "failed")


def report(seconds: float) -> int:
    """Print what passed and keep the figures; return 0 when all did."""
    sys.path.insert(0, str(HERE.parent))
    from measured import record

    passed = {f"passed by {login}": _passed(login) for login in LOGINS}
    hello = (CACHE / "sample.txt").read_text()
    print(f"azure-batch's own sample: {hello.splitlines()[-1]}")
    record("sdk-tests", "make sdk-tests", **passed, of=EXPECTED, sample=hello, seconds=round(seconds))
    return 0 if set(passed.values()) == {EXPECTED} and hello == "passed" else 1


def _passed(login: str) -> int:
    """Return how many of the tests passed by one login; print that, and which failed."""
    files = [ElementTree.parse(CACHE / f"{login}-{half}.xml") for half in HALVES]
    cases = [case for each in files for case in each.iter("testcase")]
    failed = [case.get("name") for case in cases if len(case)]
    print(f"azure-batch's own tests with a {login}: {len(cases) - len(failed)} of {EXPECTED} passed")
    for name in failed:
        print(f"  failed: {name}")
    return len(cases) - len(failed)


if __name__ == "__main__":
    sys.exit(inside(Path(sys.argv[2]), *sys.argv[3:5]) if sys.argv[1:2] == ["inside"] else main())
