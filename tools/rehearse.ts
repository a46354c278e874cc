import { Worker } from "node:worker_threads";
import { stackSizeMb } from "./rehearsal-stack.js";

// What it prints of itself when it is ended by the reader of its output is no news.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
const worker = new Worker(new URL("rehearse-worker.mjs", import.meta.url), {
  argv: process.argv.slice(2),
  resourceLimits: { stackSizeMb },
});
worker.on("exit", (status) => {
  process.exitCode = status;
});
