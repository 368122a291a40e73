// /// script
// name = "@azure/arm-batch with @azure/identity"
// environments = [["@azure/arm-batch@9.1.0", "@azure/identity"]]
// login = "managed identity"
// ///
// The account and a pool by JavaScript's management client; tokens by @azure/identity's managed identity.

import assert from "node:assert/strict";
import { BatchManagementClient } from "@azure/arm-batch";
import { DefaultAzureCredential } from "@azure/identity";

const { AZURE_CLIENT_ID, BATCHKIT_ARM_URL } = process.env;
const credential = new DefaultAzureCredential({ managedIdentityClientId: AZURE_CLIENT_ID });
const token = await credential.getToken("https://batch.core.windows.net/.default");
assert.equal(token.token.split(".").length, 3);
console.log("- a token");

const subscription = "00000000-0000-0000-0000-000000000000";
const client = new BatchManagementClient(credential, subscription, {
  endpoint: BATCHKIT_ARM_URL, credentialScopes: ["https://management.azure.com/.default"],
});
const where = ["group", "account"];
const account = await client.batchAccountOperations.get(...where);
assert.equal(account.provisioningState, "Succeeded");
console.log("- the account");

const pool = {
  vmSize: "standard_d2s_v3",
  deploymentConfiguration: {
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu-24_04-lts", sku: "server", version: "latest" },
      nodeAgentSkuId: "batch.node.ubuntu 24.04",
    },
  },
  scaleSettings: { fixedScale: { targetDedicatedNodes: 1 } },
};
const made = await client.poolOperations.create(...where, "pool", pool);
assert.equal(made.allocationState.toLowerCase(), "resizing");
let seen;
do {
  await new Promise((go) => setTimeout(go, 500));
  seen = await client.poolOperations.get(...where, "pool");
} while (seen.allocationState !== "Steady");
assert.equal(seen.currentDedicatedNodes, 1);
console.log("- a pool, steady with one node");

const changed = await client.poolOperations.update(...where, "pool", {
  scaleSettings: { autoScale: { formula: "$TargetDedicatedNodes = 0;" } },
});
assert.equal(changed.scaleSettings.autoScale.formula, "$TargetDedicatedNodes = 0;");
const names = [];
for await (const each of client.poolOperations.listByBatchAccount(...where)) names.push(each.name);
assert.deepEqual(names, ["pool"]);
console.log("- the pool by formula; pools listed");

await client.poolOperations.beginDeleteAndWait(...where, "pool");
await assert.rejects(client.poolOperations.get(...where, "pool"), { statusCode: 404 });
console.log("- the pool deleted");
