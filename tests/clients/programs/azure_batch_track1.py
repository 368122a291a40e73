# /// script
# name = "azure-batch, the older client"
# environments = [["azure-batch==11.0.0"], ["azure-batch==14.2.0"]]
# options = ["--allow-shared-key"]
# login = "account key"
# ///
"""A pool, a job of three tasks and their outputs by azure-batch before 15, with an account key."""

import os
import time

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
client = BatchServiceClient(credentials, os.environ["AZURE_BATCH_ENDPOINT"])
client.config.connection.verify = os.environ["BATCHKIT_CA_FILE"]


def wait(look, wanted):
    deadline = time.monotonic() + 90
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen}, not {wanted}"
        time.sleep(0.5)


images = list(client.account.list_supported_images())
image = next(each for each in images if each.image_reference.offer == "0001-com-ubuntu-server-jammy")
print("- supported images")

machine = models.VirtualMachineConfiguration(
    image_reference=image.image_reference, node_agent_sku_id=image.node_agent_sku_id
)
pool = models.PoolAddParameter(
    id="pool",
    vm_size="standard_d2s_v3",
    virtual_machine_configuration=machine,
    target_dedicated_nodes=1,
    start_task=models.StartTask(command_line="/bin/sh -c 'echo ready'", wait_for_success=True),
)
client.pool.add(pool, models.PoolAddOptions(timeout=30))
wait(lambda: [node.state for node in client.compute_node.list("pool")], [models.ComputeNodeState.idle])
assert client.pool.get("pool").current_dedicated_nodes == 1
print("- a pool with a start task; its node is idle")

client.job.add(models.JobAddParameter(id="job", pool_info=models.PoolInformation(pool_id="pool")))
tasks = [
    models.TaskAddParameter(id=str(n), command_line=f"/bin/sh -c 'echo task {n} on $AZ_BATCH_POOL_ID'")
    for n in range(3)
]
added = client.task.add_collection("job", tasks)
assert [each.status for each in added.value] == [models.TaskAddStatus.success] * 3
print("- a job, and three tasks in one call")

options = models.TaskListOptions(select="id,state", max_results=1, timeout=30)
wait(lambda: [task.state for task in client.task.list("job", options)], [models.TaskState.completed] * 3)
assert client.job.get_task_counts("job").task_counts.succeeded == 3
assert b"".join(client.file.get_from_task("job", "1", "stdout.txt")) == b"task 1 on pool\n"
assert {"stdout.txt", "stderr.txt"} <= {file.name for file in client.file.list_from_task("job", "2")}
print("- all three succeeded; lists by page, counts, stdout.txt")

code = ""
try:
    client.task.get("job", "none")
except models.BatchErrorException as refused:
    code = refused.error.code
assert code == "TaskNotFound", code
print("- a refusal in the service's words")

client.job.patch("job", models.JobPatchParameter(on_all_tasks_complete=models.OnAllTasksComplete.terminate_job))
wait(lambda: client.job.get("job").state, models.JobState.completed)
client.job.delete("job")
client.pool.delete("pool")
wait(lambda: [pool.id for pool in client.pool.list()], [])
print("- the job ended by itself; job and pool deleted")
