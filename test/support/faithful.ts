import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { createMachine } from "../../core/rehearsal/machine.js";
import { type LoadedBundle, loadBundle } from "../../core/rehearsal/rehearse.js";
import { readTraces, type TraceEntry } from "../../core/rehearsal/trace.js";
import { openImage, type RehearsedImage } from "../../core/scenario/image.js";
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
  /** The first of its engines that left a recording. */
  engine?: number;
  /** The person adds, changes and takes away devices: what is found out of them, and when, is not compared. */
  changedByHand?: true | undefined;
}

/**
 * Fails where a boot that was recorded differs from its rehearsal, in what decides. `recording` has that of its first engine and, where a person had it
 * tried again, of its last. `whole`: up to the last word; else it may end anywhere before.
 */
export async function assertFaithful(
  recording: Buffer,
  booted: BootedWith,
  { whole }: { whole: boolean },
): Promise<void> {
  const traces = readTraces(recording, "the guest");
  const { engine = 1 } = booted;
  assert.ok(
    traces[0]?.engine === engine && traces.length <= 2 && traces.every(({ cut }) => cut === undefined),
    `the recording of engine ${engine}, and the last one's`,
  );
  const entries = traces.flatMap((trace) => trace.entries);
  const machine = namedAs({ ...machineOfGuest(booted.settings), ...booted.described }, probedNames(entries));
  const beside = besideTheWay(machine, { shell: ranShell(entries) });
  const rehearsed = await rehearsalOf(booted, machine, traces.length);
  for (const [index, trace] of traces.entries()) {
    const [done, expected] = [trace.entries, rehearsed[index] ?? []].map((each) => decisionsOf(each, beside));
    assert.ok(done && expected);
    // All that engines before it have asked for is in the kernel: it asks again, in an order that decides nothing.
    if (index) done.drivers = expected.drivers = [];
    if (booted.changedByHand) done.devices = expected.devices = new Map();
    const options = { whole: whole || index < traces.length - 1, ordered: isReachedInOneWay(machine) };
    const difference = differenceOf(done, expected, options);
    if (difference !== undefined) assert.fail(`the boot is not as rehearsed, engine ${trace.engine}:\n${difference}`);
  }
}

const isReachedInOneWay = ({ disks = [] }: MachineFile) =>
  new Set(disks.map(({ behind = [] }) => behind.join())).size < 2;

/** Most boots of a test file are those of one image. */
let last: { key: string; image: Promise<OpenedImage> } | undefined;

interface OpenedImage {
  opened: RehearsedImage;
  bundle: LoadedBundle;
}

function openOnce(path: string): Promise<OpenedImage> {
  const { mtimeMs, ino } = statSync(path);
  const key = [path, mtimeMs, ino].join();
  if (last?.key !== key) last = { key, image: open(path) };
  return last.image;
}

async function open(path: string): Promise<OpenedImage> {
  const opened = await openImage(path);
  return { opened, bundle: await loadBundle(opened.bundle) };
}

/** What each of so many engines asks; the last one stands for those before it, too, which leave the machine as it is. */
async function rehearsalOf(
  { image, commandLine, engine = 1 }: BootedWith,
  machine: MachineFile,
  engines: number,
): Promise<(readonly TraceEntry[])[]> {
  const { opened, bundle } = await openOnce(image);
  const recordings: (readonly TraceEntry[])[] = [];
  const described = machineOf(machine, opened, outFolder, commandLine);
  let simulated = createMachine({ ...described, init: { ...described.init, engine } });
  while (recordings.length < engines) {
    if (recordings.length) simulated = simulated.nextEngine();
    const ending = await bundle.boot(simulated);
    assert.equal(ending.end, "word", JSON.stringify(ending));
    recordings.push(simulated.recorded());
  }
  return recordings;
}
