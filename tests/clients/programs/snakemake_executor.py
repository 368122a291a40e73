# /// script
# name = "snakemake's executor for Azure Batch"
# environments = [["snakemake-executor-plugin-azure-batch", "snakemake", "snakemake-storage-plugin-azure"]]
# options = ["--azure-names"]
# login = "managed identity"
# ///
"""A workflow of three rules by snakemake's executor and storage, which have Azure's host names written into them.

Its tasks ask for a container with snakemake in it; where no engine runs containers they run as processes, and the
node's start task lends them this environment's packages.
"""

import os
import subprocess
import sys
import sysconfig
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

packages = sysconfig.get_path("purelib")
for name in ("work", "served"):
    Path(name).mkdir()
LENT = """cat > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/lent.pth" <<END
import sys; sys.path.insert(0, "{packages}")
END
"""
Path("served/start.sh").write_text(LENT.format(packages=packages))
Path("work/Snakefile").write_text(
    """
envvars: "AZURE_CLIENT_ID", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"

rule all:
    input: "total.txt"

rule part:
    output: "part-{n}.txt"
    shell: "echo {wildcards.n} > {output}"

rule total:
    input: "part-1.txt", "part-2.txt"
    output: "total.txt"
    shell: "cat {input} > {output}"
"""
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves the start task's script."""

    def __init__(self, *args):
        super().__init__(*args, directory="served")

    def log_message(self, *_):
        """Say nothing."""


IDENTITY = "providers/Microsoft.ManagedIdentity/userAssignedIdentities/pool"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
server = HTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()

settings = {
    "executor": "azure-batch",
    "jobs": "2",
    "azure-batch-account-url": "https://batchkitlocal.local.batch.azure.com",
    "azure-batch-subscription-id": "00000000-0000-0000-0000-000000000000",
    "azure-batch-resource-group-name": "local",
    "azure-batch-node-start-task-url": f"http://127.0.0.1:{server.server_port}/start.sh",
    "azure-batch-managed-identity-resource-id": f"{GROUP}/{IDENTITY}",
    "default-storage-provider": "azure",
    "default-storage-prefix": "az://batch-output/run",
    "storage-azure-account-name": "batchkitlocal",
    "seconds-between-status-checks": "1",
}
words = [
    sys.executable,
    "-m",
    "snakemake",
    *(word for name, value in settings.items() for word in (f"--{name}", value)),
]
done = subprocess.run(words, cwd="work", capture_output=True, text=True, check=False)
assert done.returncode == 0, done.stdout + done.stderr
print("- a pool by Resource Manager, a job, three tasks in order")

trust = os.environ["BATCHKIT_CA_FILE"]
with BlobServiceClient(os.environ["BATCHKIT_BLOB_URL"], DefaultAzureCredential(), connection_verify=trust) as blobs:
    total = blobs.get_blob_client("batch-output", "run/total.txt").download_blob().readall()
assert total == b"1\n2\n", total
print("- its result is in storage")
