# /// script
# name = "azure-batch"
# environments = [["azure-batch==15.1.0", "azure-identity"]]
# options = ["--allow-shared-key"]
# login = "managed identity, and account key"
# ///
"""A pool, a job of three tasks and their outputs by azure-batch 15, once by token and once with an account key."""

import os
import time

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential


def wait(look, wanted):
    """Wait until a look sees what is wanted."""
    deadline = time.monotonic() + 90
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen}, not {wanted}"
        time.sleep(0.5)


def work(client):
    """A pool, a job and its tasks, from nothing to nothing."""
    image = next(each for each in client.list_supported_images() if each.image_reference.offer == "ubuntu-24_04-lts")
    machine = models.VirtualMachineConfiguration(
        image_reference=image.image_reference, node_agent_sku_id=image.node_agent_sku_id
    )
    client.create_pool(
        models.BatchPoolCreateOptions(
            id="pool", vm_size="standard_d2s_v3", virtual_machine_configuration=machine, target_dedicated_nodes=1
        )
    )
    client.create_job(models.BatchJobCreateOptions(id="job", pool_info=models.BatchPoolInfo(pool_id="pool")))
    tasks = [models.BatchTaskCreateOptions(id=str(n), command_line=f"/bin/sh -c 'echo task {n}'") for n in range(3)]
    client.create_tasks("job", tasks)
    wait(lambda: [task.state for task in client.list_tasks("job", max_results=1)], ["completed"] * 3)
    assert client.get_job_task_counts("job", service_timeout=30).task_counts.succeeded == 3
    assert b"".join(client.download_task_file("job", "1", "stdout.txt")) == b"task 1\n"
    said = ""
    try:
        client.get_task("job", "none")
    except ResourceNotFoundError as refused:
        said = str(refused)
    assert "TaskNotFound" in said, said
    client.begin_delete_job("job", polling_interval=0.2).result()
    client.begin_delete_pool("pool", polling_interval=0.2).result()
    assert not list(client.list_pools())


url, trust = os.environ["BATCHKIT_BATCH_URL"], os.environ["BATCHKIT_CA_FILE"]
with BatchClient(url, DefaultAzureCredential(), connection_verify=trust) as batch:
    work(batch)
print("- by token: a pool, a job of three tasks, their outputs, all deleted")

key = AzureNamedKeyCredential(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
with BatchClient(url, key, connection_verify=trust) as batch:
    work(batch)
print("- the same with an account key")
