import { parentPort, workerData } from "node:worker_threads";
import { exploreShare, type Share } from "../core/scenario/exploration.js";

await exploreShare(workerData as Share, (run) => parentPort?.postMessage(run));
