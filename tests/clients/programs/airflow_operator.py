# /// script
# name = "Airflow's AzureBatchOperator"
# environments = [["apache-airflow-providers-microsoft-azure", "apache-airflow"]]
# options = ["--allow-shared-key"]
# login = "account key"
# ///
"""Airflow's operator for Azure Batch makes a pool and a job, runs a task to its end, and cleans up."""

import json
import os

os.environ |= {
    "AIRFLOW_HOME": os.path.abspath("airflow"),
    "AIRFLOW_CONN_AZURE_BATCH_DEFAULT": json.dumps(
        {
            "conn_type": "azure_batch",
            "login": os.environ["AZURE_BATCH_ACCOUNT"],
            "password": os.environ["AZURE_BATCH_ACCESS_KEY"],
            "extra": {"account_url": os.environ["AZURE_BATCH_ENDPOINT"]},
        }
    ),
}

from airflow.providers.microsoft.azure.operators.batch import AzureBatchOperator

settings = {
    "batch_pool_id": "pool",
    "batch_pool_vm_size": "standard_d2s_v3",
    "vm_publisher": "canonical",
    "vm_offer": "ubuntu-24_04-lts",
    "vm_sku": "server",
    "vm_node_agent_sku_id": "batch.node.ubuntu 24.04",
    "target_dedicated_nodes": 1,
    "batch_job_id": "job",
    "timeout": 5,
    "should_delete_job": True,
}
operator = AzureBatchOperator(
    task_id="works", batch_task_id="good", batch_task_command_line="/bin/sh -c 'echo hello'", **settings
)
operator.execute({})
assert not list(operator.hook.connection.list_jobs())
print("- a pool, a job, a task to its end, the job deleted")

failing = AzureBatchOperator(task_id="fails", batch_task_id="bad", batch_task_command_line="/bin/false", **settings)
try:
    failing.execute({})
    said = ""
except RuntimeError as error:
    said = str(error)
assert said.startswith("Job fail. The failed task are"), said
print("- a task that fails is told as such")

operator.clean_up(pool_id="pool")
print("- the pool deleted")
