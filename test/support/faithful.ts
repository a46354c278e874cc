import assert from "node:assert/strict";
import { createMachine } from "../../core/rehearsal/machine.js";
import { loadBundle } from "../../core/rehearsal/rehearse.js";
import { readTraces, type TraceEntry } from "../../core/rehearsal/trace.js";
import { openImage } from "../../core/scenario/image.js";
import { machineOf } from "../../core/scenario/machine.js";
import type { MachineFile } from "../../core/schema/machine.js";
import { decisionsOf, differenceOf, probedNames, ranShell } from "./decisions.js";
import { besideTheWay, type GuestMachine, machineOfGuest, namedAs } from "./guest-machine.js";
import { outFolder } from "./paths.js";

/** What a boot is rehearsed with: the image that was booted, the kernel's whole command line, the same machine. */
export interface BootedWith {
  image: string;
  commandLine: string;
  settings: GuestMachine;
  /** More of the machine, in place of what follows from the settings. */
  described?: Partial<MachineFile>;
  /** Which engine of the boot it is about: a later one than the first, where those before it left nothing behind. */
  engine?: number;
}

/**
 * Fails where a boot that was recorded differs from its rehearsal, in what decides. `recording` has that of its engine. `whole`: up to that
 * one's last word; else it may end anywhere before.
 */
export async function assertFaithful(
  recording: Buffer,
  booted: BootedWith,
  { whole }: { whole: boolean },
): Promise<void> {
  const [trace] = readTraces(recording, "the guest");
  const { engine = 1 } = booted;
  assert.ok(trace && trace.engine === engine && trace.cut === undefined, `the recording of engine ${engine}`);
  const { entries } = trace;
  const machine = namedAs({ ...machineOfGuest(booted.settings), ...booted.described }, probedNames(entries));
  const beside = besideTheWay(machine, { shell: ranShell(entries) });
  const rehearsed = await rehearsalOf(booted, machine);
  const difference = differenceOf(decisionsOf(entries, beside), decisionsOf(rehearsed, beside), { whole });
  if (difference !== undefined) assert.fail(`the boot is not as rehearsed:\n${difference}`);
}

async function rehearsalOf(
  { image, commandLine, engine = 1 }: BootedWith,
  machine: MachineFile,
): Promise<readonly TraceEntry[]> {
  const opened = await openImage(image);
  const described = machineOf(machine, opened, outFolder, commandLine);
  const simulated = createMachine({ ...described, init: { ...described.init, engine } });
  const ending = await (await loadBundle(opened.bundle)).boot(simulated);
  assert.equal(ending.end, "word", JSON.stringify(ending));
  return simulated.recorded();
}
