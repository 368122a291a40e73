// /// script
// name = "@azure/batch"
// environments = [["@azure/batch@10.2.0"]]
// options = ["--allow-shared-key"]
// login = "account key"
// ///
// A pool, a job of three tasks and their outputs by JavaScript's @azure/batch, with an account key.

import assert from "node:assert/strict";
import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";

const { AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY, AZURE_BATCH_ENDPOINT } = process.env;
const credentials = new BatchSharedKeyCredentials(AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY);
const client = new BatchServiceClient(credentials, AZURE_BATCH_ENDPOINT);

async function wait(look, wanted) {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
    assert(Date.now() < deadline, `${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
    await new Promise((go) => setTimeout(go, 500));
  }
}

const images = await client.account.listSupportedImages();
const image = images.find((each) => each.imageReference.offer === "0001-com-ubuntu-server-jammy");
console.log("- supported images");

const machine = { imageReference: image.imageReference, nodeAgentSKUId: image.nodeAgentSKUId };
await client.pool.add({
  id: "pool", vmSize: "standard_d2s_v3", virtualMachineConfiguration: machine, targetDedicatedNodes: 1,
});
await wait(async () => (await client.computeNode.list("pool")).map((node) => node.state), ["idle"]);
console.log("- a pool; its node is idle");

await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
const tasks = [0, 1, 2].map((n) => ({ id: `${n}`, commandLine: `/bin/sh -c 'echo task ${n}'` }));
const added = await client.task.addCollection("job", tasks);
assert.deepEqual(added.value.map((each) => each.status.toLowerCase()), ["success", "success", "success"]);
console.log("- a job, and three tasks in one call");

const options = { taskListOptions: { select: "id,state", timeout: 30 } };
const states = async () => (await client.task.list("job", options)).map((task) => task.state);
await wait(states, ["completed", "completed", "completed"]);
const file = await client.file.getFromTask("job", "1", "stdout.txt");
let text = "";
for await (const part of file.readableStreamBody) text += part;
assert.equal(text, "task 1\n");
console.log("- all three succeeded; stdout.txt");

await assert.rejects(client.task.get("job", "none"), (refused) => refused.body.code === "TaskNotFound");
console.log("- a refusal in the service's words");

await client.job.terminate("job");
await wait(async () => (await client.job.get("job")).state, "completed");
await client.job.deleteMethod("job");
await client.pool.deleteMethod("pool");
await wait(async () => (await client.pool.list()).map((pool) => pool.id), []);
console.log("- the job ended; job and pool deleted");
