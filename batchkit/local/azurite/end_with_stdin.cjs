// Loaded before Azurite: when the supervisor ends in whatever way, stdin closes and Azurite shuts down in order.
const end = () => process.kill(process.pid, "SIGTERM");
process.stdin.on("end", end).on("error", end).resume().unref();
