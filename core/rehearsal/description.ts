import type { DeviceTags, IndexedDriverFile, ProgramRequest, ProgramResult } from "../abi/index.js";
import type { SimulatedFile } from "./file-tree.js";

/** A block device of the simulated machine. */
export interface SimulatedDevice {
  /** Kernel name, "vda1". */
  name: string;
  number: string;
  tags: DeviceTags;
  /** When it arrives, milliseconds after its driver is there (or after the start). Left out: at once. */
  after?: number;
  /** Driver without which it is not there. */
  driver?: string;
  /** Where it is below /sys/devices. Left out: "simulated/block/NAME". */
  devpath?: string;
  /** In sysfs; 0: a drive without a medium. Left out: 2048. */
  sectors?: number;
  /** What becomes of it, each so many milliseconds after its arrival: an event "change" tells of it. */
  changes?: readonly ({ after: number; medium?: true } & Partial<Pick<SimulatedDevice, "tags" | "files">>)[];
  /** When it is taken out again, milliseconds after its arrival. Left out: never. */
  gone?: number;
  /** How long a probe of it and a mount take, in milliseconds. Left out: 1. */
  probeLasts?: number;
  mountLasts?: number;
  /** Files of the file system on it. */
  files?: Readonly<Record<string, string | SimulatedFile>>;
}

/** What a program does when it is run. */
export type ProgramModel = (request: ProgramRequest) => Partial<ProgramResult> & {
  /** How long it takes, in milliseconds. */
  lasts?: number;
};

/** A machine to rehearse a boot on. */
export interface MachineDescription {
  commandLine: string;
  kernel: { release: string; machine: string };
  /** The initramfs. */
  initramfs: Readonly<Record<string, string | SimulatedFile>>;
  devices: readonly SimulatedDevice[];
  /** More files of sysfs, there from the start. */
  sysfs?: Readonly<Record<string, string | SimulatedFile>>;
  /** Uevents of this time, in milliseconds since the kernel started, are lost: its end is told of. */
  deaf?: { from: number; until: number };
  /** Drivers in the image, by each alias that they answer. */
  drivers: Readonly<Record<string, readonly IndexedDriverFile[]>>;
  /** Milliseconds that the insertion of a driver takes, by its name; left out: 5. */
  insertionLasts?: Readonly<Record<string, number>>;
  /** Modaliases of the devices on the buses; each begins with the name of its bus. */
  modaliases: readonly string[];
  /** File system types that this kernel lacks. */
  missingTypes?: readonly string[];
  /** By the base name of argv[0]. */
  programs: Readonly<Record<string, ProgramModel>>;
}
