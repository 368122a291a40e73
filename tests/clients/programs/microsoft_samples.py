# /// script
# name = "Microsoft's samples for Python: 1 and 2, and 4 as far as its job"
# environments = [["azure-batch==12.0.0", "azure-storage-blob==12.8.1"]]
# options = ["--allow-shared-key", "--show-storage-key"]
# login = "account key, storage key"
# needs = "CLIENTS_SAMPLES"
# ///
"""Microsoft's own samples (github.com/Azure-Samples/azure-batch-samples), told by their settings file alone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SETTINGS = f"""[Batch]
batchaccountname={os.environ["AZURE_BATCH_ACCOUNT"]}
batchaccountkey={os.environ["AZURE_BATCH_ACCESS_KEY"]}
batchserviceurl={os.environ["AZURE_BATCH_ENDPOINT"]}

[Storage]
storageaccounturl={os.environ["BATCHKIT_BLOB_URL"]}
storageaccountkey={os.environ["AZURE_STORAGE_KEY"]}
"""
given = Path(os.environ["CLIENTS_SAMPLES"])
found = sorted(given.rglob("sample1_helloworld.py"))
assert found, f"{given} has no sample1_helloworld.py, at any depth"
shutil.copytree(found[0].parent, "samples")
Path("samples/configuration.cfg").write_text(SETTINGS)


def run(name, *expected):
    """Run a sample to its end, and see that it printed what it should."""
    words = [sys.executable, name]
    done = subprocess.run(words, cwd="samples", capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for each in expected:
        assert each in done.stdout, done.stdout


run("sample1_helloworld.py", "Hello world from the Batch Hello world sample!", "Deleting job:")
print("- sample 1: an auto pool, a job and its task to its end, stdout.txt, deleted")

run("sample2_pools_and_resourcefiles.py", "simpletask.py listing files:\nsimple_task.py", "Deleting pool:")
print("- sample 2: a file sent by SAS, a pool with a start task, the task's list of files, deleted")

# Sample 4 installs Python on a Windows machine. No machine here is one, so its task waits until it gives up after 25
# minutes; what it asks for is made, and after a Ctrl-C it cleans up.
words = [sys.executable, "-u", "sample4_job_scheduler.py"]
with subprocess.Popen(words, cwd="samples", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
    for line in process.stdout:
        if line.startswith("Checking if all tasks are complete"):
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
assert "Deleting job schedule:" in out, out + err
assert "KeyboardInterrupt" in err, err
print("- sample 4: its schedule, the job under it; its Windows machine can't be had here; deleted")
