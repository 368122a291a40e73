// Loaded before Azurite: when the supervisor ends in whatever way, stdin closes and Azurite shuts down in order.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.on("error", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
