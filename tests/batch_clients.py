"""The real clients on a local Azure, and small makers of pools and tasks, for the tests of local Batch."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import azure.batch.models as m
import azure.mgmt.batch.models as am
import requests
from azure.batch import BatchClient
from azure.identity import DefaultAzureCredential
from azure.mgmt.batch import BatchManagementClient
from azure.storage.blob import BlobServiceClient, ContainerClient

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ARM = ("group", "account")
IDENTITY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/worker"
)
IMAGE = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest"}
AGENT = "batch.node.ubuntu 24.04"


def wait_for(met: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until `met()` is true, looking ten times a second; return what it said."""
    deadline = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < deadline, f"not met in {seconds} s"
        time.sleep(0.1)
    return found


def arm_pool(targets: int = 0, slots: int = 1, formula: str | None = None) -> am.Pool:
    """A pool with an identity and a registry, as Resource Manager takes it."""
    reference = am.ComputeNodeIdentityReference(resource_id=IDENTITY)
    registry = am.ContainerRegistry(registry_server="example.azurecr.io", identity_reference=reference)
    machine = am.VirtualMachineConfiguration(
        image_reference=am.ImageReference(**IMAGE),
        node_agent_sku_id=AGENT,
        container_configuration=am.ContainerConfiguration(type="DockerCompatible", container_registries=[registry]),
    )
    fixed = am.FixedScaleSettings(target_dedicated_nodes=targets)
    auto = am.AutoScaleSettings(formula=formula) if formula else None
    return am.Pool(
        identity=am.BatchPoolIdentity(
            type="UserAssigned", user_assigned_identities={IDENTITY: am.UserAssignedIdentities()}
        ),
        properties=am.PoolProperties(
            vm_size="standard_d2s_v3",
            task_slots_per_node=slots,
            deployment_configuration=am.DeploymentConfiguration(virtual_machine_configuration=machine),
            scale_settings=am.ScaleSettings(auto_scale=auto) if auto else am.ScaleSettings(fixed_scale=fixed),
        ),
    )


class Azure:
    """The clients of one running local Azure."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        verify = env["BATCHKIT_CA_FILE"]
        self.credential = DefaultAzureCredential()
        self.batch: Any = BatchClient(env["BATCHKIT_BATCH_URL"], self.credential, connection_verify=verify)
        self.arm: Any = BatchManagementClient(
            self.credential, SUBSCRIPTION, base_url=env["BATCHKIT_ARM_URL"], connection_verify=verify
        )
        self.blobs = BlobServiceClient(env["BATCHKIT_BLOB_URL"], self.credential, connection_verify=verify)
        self.storage_account = env["BATCHKIT_BLOB_URL"].rpartition("/")[2]
        self.account_path = (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{ARM[0]}/providers/Microsoft.Batch/batchAccounts/{ARM[1]}"
        )

    def close(self) -> None:
        for client in (self.batch, self.arm, self.blobs, self.credential):
            client.close()

    def token(self, resource: str) -> str:
        return str(self.credential.get_token(resource + "/.default").token)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Send a bare request to the data plane."""
        return self.send("GET", path, headers)

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, json: Any = None
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {self.token('https://batch.core.windows.net/')}", **(headers or {})}
        url = self.env["BATCHKIT_BATCH_URL"] + path
        return requests.request(method, url, headers=sent, json=json, verify=self.env["BATCHKIT_CA_FILE"], timeout=20)

    @staticmethod
    def machine() -> dict[str, Any]:
        image = m.BatchVmImageReference(**IMAGE)
        return {
            "virtual_machine_configuration": m.VirtualMachineConfiguration(
                image_reference=image, node_agent_sku_id=AGENT
            )
        }

    def pool(self, name: str, nodes: int = 1, slots: int = 1, **more: Any) -> None:
        """Create a pool without identities on the data plane."""
        sized: dict[str, Any] = {} if more.get("enable_auto_scale") else {"target_dedicated_nodes": nodes}
        self.batch.create_pool(
            m.BatchPoolCreateOptions(
                id=name, vm_size="standard_d2s_v3", task_slots_per_node=slots, **sized, **self.machine(), **more
            )
        )

    def job(self, name: str, pool: str, **more: Any) -> None:
        self.batch.create_job(m.BatchJobCreateOptions(id=name, pool_info=m.BatchPoolInfo(pool_id=pool), **more))

    def ended(self, job: str, task: str) -> Any:
        """Wait for a task's completion and return it."""

        def look() -> Any:
            found = self.batch.get_task(job, task)
            return found if found.state == "completed" else None

        return wait_for(look)

    def text(self, job: str, task: str, name: str = "stdout.txt") -> str:
        return b"".join(self.batch.download_task_file(job, task, name)).decode()

    def container(self, name: str) -> ContainerClient:
        return self.blobs.get_container_client(name)

    def url(self, container: str, blob: str = "") -> str:
        return f"{self.env['BATCHKIT_BLOB_URL']}/{container}" + (f"/{blob}" if blob else "")


def source(azure: Azure, container: str, blob: str, path: str) -> m.ResourceFile:
    """A resource file by URL and the pool's identity."""
    reference = m.BatchNodeIdentityReference(resource_id=IDENTITY)
    return m.ResourceFile(http_url=azure.url(container, blob), file_path=path, identity_reference=reference)


def output(azure: Azure, pattern: str, container: str, path: str, condition: str = "taskcompletion") -> m.OutputFile:
    """An output file sent with the pool's identity."""
    reference = m.BatchNodeIdentityReference(resource_id=IDENTITY)
    place = m.OutputFileBlobContainerDestination(
        path=path, container_url=azure.url(container), identity_reference=reference
    )
    return m.OutputFile(
        file_pattern=pattern,
        destination=m.OutputFileDestination(container=place),
        upload_options=m.OutputFileUploadConfiguration(upload_condition=condition),
    )
