import { fromBytes } from "./bytes.js";
import { createConsole } from "./console.js";
import type { MachineDescription } from "./description.js";
import { createBlockDevices, startDevices } from "./devices.js";
import { createFileSpace } from "./file-space.js";
import { addFiles, createFileSystem } from "./file-tree.js";
import { createFolders } from "./folders.js";
import { createHardware } from "./hardware.js";
import { createPrograms } from "./programs.js";
import { createSchedule } from "./schedule.js";
import type { World } from "./world.js";

/** 2026-01-01T00:00:00Z: every rehearsal starts then. */
const epoch = 1767225600000;

/** A world, and what only its machine sees of it. */
export interface ObservedWorld {
  world: World;
  /** Everything shown on the console and logged, in order. */
  shown(): string;
  /** What was left open, in order. */
  open: readonly string[];
}

/** The world of a description, as the kernel has it when it starts PID 1. */
export function createWorld(description: MachineDescription): ObservedWorld {
  const { deaf } = description;
  const schedule = createSchedule(deaf);
  const realtime = () => epoch + schedule.now();
  const open: string[] = [];
  let shown = "";
  let systems = 0;
  const newSystem = (type: string) => createFileSystem(type, `0:${++systems}`, realtime());
  const initramfs = newSystem("rootfs");
  addFiles(initramfs, initramfs.root, description.initramfs, realtime());
  const world = {
    description,
    schedule,
    files: createFileSpace(initramfs),
    loaded: new Set<string>(),
    realtime,
    show: (text: string) => {
      shown += fromBytes(text);
    },
    newSystem,
    leaveOpen: (question: string) => void open.push(fromBytes(question)),
  } as World;
  world.console = createConsole(world);
  world.programs = createPrograms(world);
  world.devices = createBlockDevices(world);
  world.folders = createFolders(world);
  world.hardware = createHardware(world);
  startDevices(world);
  if (deaf) schedule.after(deaf.until - schedule.now(), schedule.ueventsLost);
  return { world, shown: () => shown, open };
}
