// Loaded before Azurite: when the supervisor ends in whatever way, stdin closes and Azurite shuts down in order.
const end = () => process.kill(process.pid, "SIGTERM");
process.stdin.on("end", end).on("error", end).resume().unref();
// Azurite listens to one signal only: a second one, from the guard, would kill it before its data is saved.
// So a listener of ours stays; before Azurite has its own, it ends the process.
let ours = true;
const wait = () => ours && process.exit(0);
process.on("SIGTERM", wait).on("SIGINT", wait);
process.on("newListener", (name) => { if (name === "SIGTERM") ours = false; });
// Nobody may be left to read what it says at its end.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
