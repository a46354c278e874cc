import { Worker } from "node:worker_threads";
import type { ImageToBoot } from "../core/generator/build-image.js";
import { BuildError, type Report } from "../core/generator/problems.js";
import { hostCommandLine } from "../core/scenario/host-command-line.js";
import type { HostVerdict } from "../core/scenario/host-rehearsal.js";
import { stackSizeMb } from "./rehearsal-stack.js";

/**
 * Has this machine, simulated, boot an image that is being written. Rejects with BuildError: it would stop. What is left open is a warning, and so
 * is a rehearsal that fails by itself: it says nothing of the image.
 */
export async function rehearseHost(image: ImageToBoot, report: Report, signal: AbortSignal): Promise<void> {
  const host = hostCommandLine(image);
  if ("unknown" in host) {
    report.note(`no boot is rehearsed: ${host.unknown}`);
    return;
  }
  const verdict = await inWorker(image, host.commandLine, signal).catch((error: unknown) => {
    report.warning(`the boot of this machine cannot be rehearsed, and the image is written without that: ${error}`);
  });
  if (verdict?.status === 0 && verdict.text)
    report.note(`the rehearsal of this machine's boot reaches its root, where ${verdict.text}`);
  if (verdict?.status === 2)
    report.warning(`the rehearsal of this machine's boot ${verdict.text} (--no-rehearse skips it)`);
  if (verdict?.status === 1)
    throw new BuildError(
      `${image.path} is as it was: with the new image this machine would not boot, says the rehearsal:${verdict.text}\n` +
        "Put that right and build again; or, if it will be right by the next boot, build with --no-rehearse",
    );
}

/** undefined: the build is ended. */
function inWorker(image: ImageToBoot, commandLine: string, signal: AbortSignal): Promise<HostVerdict | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("host-rehearsal-worker.mjs", import.meta.url), {
      workerData: { image, commandLine },
      resourceLimits: { stackSizeMb },
    });
    signal.addEventListener("abort", () => worker.terminate(), { once: true });
    worker.on("message", resolve);
    worker.on("error", reject);
    worker.on("exit", () => (signal.aborted ? resolve(undefined) : reject(new Error("it has ended without a result"))));
  });
}
