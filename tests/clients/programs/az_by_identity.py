# /// script
# name = "az"
# environments = [["azure-cli"]]
# login = "managed identity (az login --identity)"
# ///
"""The az command line logs in by managed identity, looks at the account and its places, and runs a task."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

AZ = Path(sys.prefix) / "bin" / "az"
WHERE = ["--resource-group", "local", "--name", "batchkitlocal"]
IMAGE = "canonical:ubuntu-24_04-lts:server"
os.environ |= {"AZURE_CONFIG_DIR": os.path.abspath("az"), "AZURE_CORE_COLLECT_TELEMETRY": "0"}


def az(*words):
    """Run one az command and return its JSON (None when it prints nothing)."""
    done = subprocess.run([AZ, *words, "--output", "json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"az {' '.join(words)}: {done.stderr.strip()}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def wait(look, wanted):
    """Wait until a look sees what is wanted."""
    deadline = time.monotonic() + 90
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen}, not {wanted}"
        time.sleep(1)


az("cloud", "register", "--name", "Local", "--endpoint-resource-manager", os.environ["BATCHKIT_ARM_URL"])
az("cloud", "set", "--name", "Local")
[subscription] = az("login", "--identity", "--client-id", os.environ["AZURE_CLIENT_ID"])
assert az("account", "show")["id"] == subscription["id"]
print("- the cloud registered by its address; logged in")

account = az("batch", "account", "show", *WHERE)
assert account["provisioningState"] == "Succeeded"
assert account["name"] in [each["name"] for each in az("batch", "account", "list")]
print("- the account, shown and listed")

location = account["location"]
assert location in [each["name"] for each in az("account", "list-locations")]
assert az("batch", "location", "quotas", "show", "--location", location)["accountQuota"] > 0
assert az("batch", "location", "list-skus", "--location", location)
print("- the region, its quota and its sizes")

az("batch", "account", "login", *WHERE)
assert az("batch", "pool", "list") == []
print("- the account logged in to, by token")

pool = ["--id", "pool", "--vm-size", "standard_d2s_v3", "--target-dedicated-nodes", "1"]
az("batch", "pool", "create", *pool, "--image", IMAGE, "--node-agent-sku-id", "batch.node.ubuntu 24.04")
az("batch", "job", "create", "--id", "job", "--pool-id", "pool")
task = ["--job-id", "job", "--task-id", "1"]
az("batch", "task", "create", *task, "--command-line", "/bin/sh -c 'echo hello from az'")
wait(lambda: az("batch", "task", "show", *task)["state"], "completed")
here = str(Path("out.txt").resolve())
az("batch", "task", "file", "download", *task, "--file-path", "stdout.txt", "--destination", here)
assert Path(here).read_text() == "hello from az\n"
print("- a pool, a job and a task to its end, its stdout.txt")

az("batch", "job", "delete", "--job-id", "job", "--yes")
az("batch", "pool", "delete", "--pool-id", "pool", "--yes")
wait(lambda: az("batch", "pool", "list"), [])
print("- all of it deleted")
