import type { Log, Parameters } from "../../hooks/index.js";
import { type InstantOps, traceEnd, traceHead, tracePath } from "../abi/index.js";
import { instant } from "./door.js";
import { files } from "./files.js";
import { print } from "./log.js";
import type { Loop } from "./loop.js";
import type { BootPlan } from "./plan.js";
import { reasonOf } from "./report.js";

/** Bytes; it stays in memory after the boot. A virtual machine's takes 13 KB, each disk more some kilobytes. */
const largestTrace = 4 << 20;

/** Bytes of it that are shown at a time. */
const shownAtOnce = 1 << 16;
/** Milliseconds that this may take: it lies in memory. */
const longestRead = 10_000;

/** Where recordings are. */
export const traceFolder = tracePath.replace(/\/[^/]*$/, "");

const pathOf = (engine: number): string => (engine === 1 ? tracePath : `${tracePath}.${engine}`);

/**
 * Begins to record this engine's ops, unless rd.trace=0. Of those that came before it, the first one's recording stays. True: there will be a
 * recording.
 */
export function beginTrace(
  { build }: BootPlan,
  { engine }: InstantOps["kernel"][1],
  parameters: Parameters,
  log: Log,
): boolean {
  try {
    if (wantsTrace(parameters)) {
      const before = pathOf(engine - 1);
      if (engine > 2 && files.stat(before)) files.remove(before);
      instant("trace", { path: pathOf(engine), limit: largestTrace, head: traceHead(build.bundle, engine) });
      return true;
    }
  } catch (error) {
    log.warning(`there is no trace of this boot: ${reasonOf(error)}`);
  }
  endTrace(log);
  return false;
}

function endTrace(log: Log): void {
  try {
    instant("trace", { path: null });
  } catch (error) {
    // It takes some memory, until the switch.
    log.warning(`the recording goes on: ${reasonOf(error)}`);
  }
}

export const wantsTrace = (parameters: Parameters): boolean =>
  parameters.flag("rd.trace", true) || showsTrace(parameters);

const showsTrace = (parameters: Parameters): boolean => parameters.text("rd.trace") === "console";

/** With rd.trace=console: the recording so far, on the console. It ends with that: what is shown would be recorded again. */
export async function showTrace(
  { loop, log }: { loop: Loop; log: Log },
  { engine }: InstantOps["kernel"][1],
  parameters: Parameters,
): Promise<void> {
  if (!showsTrace(parameters)) return;
  endTrace(log);
  print(`rd.trace=console: from here to "${traceEnd}" is for tools/rehearse --replay.\n`);
  try {
    for (let offset = 0, size = 1; offset < size; offset += shownAtOnce) {
      const reading = loop.job("readFile", { path: pathOf(engine), offset, length: shownAtOnce });
      if (!(await loop.within(longestRead, reading))) throw new Error("it cannot be read");
      const part = await reading;
      print(part.data);
      size = part.size;
    }
  } catch (error) {
    log.warning(`the trace cannot be shown: ${reasonOf(error)}`);
  }
  print(`${traceEnd}\n`);
}
