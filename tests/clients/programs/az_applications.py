# /// script
# name = "az batch application"
# environments = [["azure-cli"]]
# login = "managed identity (az login --identity)"
# ///
"""An application and its package by the az command line, sent to storage, activated and deleted."""

import json
import os
import subprocess
import sys
from pathlib import Path

AZ = Path(sys.prefix) / "bin" / "az"
WHERE = ["--resource-group", "local", "--name", "batchkitlocal"]
os.environ |= {"AZURE_CONFIG_DIR": os.path.abspath("az"), "AZURE_CORE_COLLECT_TELEMETRY": "0"}


def az(*words):
    """Run one az command and return its JSON (None when it prints nothing)."""
    done = subprocess.run([AZ, *words, "--output", "json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"az {' '.join(words)}: {done.stderr.strip()}"
    return json.loads(done.stdout) if done.stdout.strip() else None


az("cloud", "register", "--name", "Local", "--endpoint-resource-manager", os.environ["BATCHKIT_ARM_URL"])
az("cloud", "set", "--name", "Local")
az("login", "--identity", "--client-id", os.environ["AZURE_CLIENT_ID"])

named = [*WHERE, "--application-name", "app"]
Path("package.zip").write_bytes(b"PK\x05\x06" + bytes(18))  # an empty zip
az("batch", "application", "create", *named)
az("batch", "application", "package", "create", *named, "--version-name", "1.0", "--package-file", "package.zip")
az("batch", "application", "set", *named, "--default-version", "1.0")
assert [each["name"] for each in az("batch", "application", "list", *WHERE)] == ["app"]
assert az("batch", "application", "package", "show", *named, "--version-name", "1.0")["state"].lower() == "active"
print("- an application and its package, sent to storage and activated")

az("batch", "application", "package", "delete", *named, "--version-name", "1.0", "--yes")
az("batch", "application", "delete", *named, "--yes")
assert az("batch", "application", "list", *WHERE) == []
print("- both deleted")
