import assert from "node:assert/strict";
import { createMachine } from "../../core/rehearsal/machine.js";
import { loadBundle } from "../../core/rehearsal/rehearse.js";
import { readTraces, type TraceEntry } from "../../core/rehearsal/trace.js";
import { openImage } from "../../core/scenario/image.js";
import { machineOf } from "../../core/scenario/machine.js";
import type { MachineFile } from "../../core/schema/machine.js";
import { decisionsOf, differenceOf } from "./decisions.js";
import { outFolder } from "./paths.js";

/** What a boot is rehearsed with: the image that was booted, the kernel's whole command line, the same machine. */
export interface BootedWith {
  image: string;
  commandLine: string;
  machine: MachineFile;
}

/** Fails where a boot that was recorded differs from its rehearsal, in what decides. `text` has the recording of its first engine. */
export async function assertFaithful(text: string, booted: BootedWith): Promise<void> {
  const [trace] = readTraces(text, "the guest");
  assert.ok(trace && trace.engine === 1 && trace.cut === undefined, "the first engine's recording, whole");
  const difference = differenceOf(decisionsOf(trace.entries), decisionsOf(await rehearsalOf(booted)));
  if (difference !== undefined) assert.fail(`the boot is not as rehearsed:\n${difference}`);
}

async function rehearsalOf({ image, commandLine, machine }: BootedWith): Promise<readonly TraceEntry[]> {
  const opened = await openImage(image);
  const simulated = createMachine(machineOf(machine, opened, outFolder, commandLine));
  const ending = await (await loadBundle(opened.bundle)).boot(simulated);
  assert.equal(ending.end, "word", JSON.stringify(ending));
  return simulated.recorded();
}
