// Loaded before Azurite: when the supervisor ends in whatever way, stdin closes and Azurite shuts down in order.
const end = () => process.kill(process.pid, "SIGTERM");
process.stdin.on("end", end).on("error", end).resume().unref();
// Azurite listens for the first signal only: a second one must not cut its orderly end short.
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});
