// Loaded before Azurite: answers, as storage would, those that may not come in, and leaves everybody else to Azurite.
// Each line on stdin is the policy from then on: {"closed": bool, "keys": bool, "rights": null or {container: "rwd"}},
// where "*" stands for every container. Requests of the local nodes say who they are, and stand inside.
const https = require("https");
const { randomUUID } = require("crypto");

const NODE = "batchkit-local-node";
const LETTERS = { GET: "r", HEAD: "r", PUT: "w", POST: "w", PATCH: "w", DELETE: "d" };
const REFUSALS = {
  AuthorizationFailure: "This request is not authorized to perform this operation.",
  AuthorizationPermissionMismatch: "This request is not authorized to perform this operation using this permission.",
  KeyBasedAuthenticationNotPermitted: "Key based authentication is not permitted on this storage account.",
};
let policy = { closed: false, keys: true, rights: null };

let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) policy = JSON.parse(line);
});

function refused(request) {
  if (String(request.headers["user-agent"]).includes(NODE)) return null;
  if (policy.closed) return "AuthorizationFailure";
  const authorization = String(request.headers.authorization);
  if (!policy.keys && /^sharedkey/i.test(authorization)) return "KeyBasedAuthenticationNotPermitted";
  if (!policy.rights || !/^bearer /i.test(authorization)) return null;
  const container = decodeURIComponent(request.url.split("?")[0].split("/")[2] || "");
  const letters = (policy.rights["*"] || "") + (policy.rights[container] || "");
  return letters.includes(LETTERS[request.method]) ? null : "AuthorizationPermissionMismatch";
}

function answer(request, response, code) {
  const id = randomUUID();
  const text = `${REFUSALS[code]}\nRequestId:${id}\nTime:${new Date().toISOString()}`;
  response.writeHead(403, {
    "Content-Type": "application/xml",
    "x-ms-error-code": code,
    "x-ms-request-id": id,
    "x-ms-version": request.headers["x-ms-version"] || "2021-12-02",
  });
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${text}</Message></Error>`;
  response.end(request.method === "HEAD" ? "" : body);
  request.resume();
}

const emit = https.Server.prototype.emit;
https.Server.prototype.emit = function (event, request, response) {
  const code = event === "request" ? refused(request) : null;
  if (!code) return emit.apply(this, arguments);
  answer(request, response, code);
  return true;
};
