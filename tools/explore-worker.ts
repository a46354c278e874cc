import { parentPort } from "node:worker_threads";
import { exploreShare, type Share, shareDone } from "../core/scenario/exploration.js";

/** One share after the other. */
parentPort?.on("message", async (share: Share) => {
  await exploreShare(share, (run) => parentPort?.postMessage(run));
  parentPort?.postMessage(shareDone);
});
