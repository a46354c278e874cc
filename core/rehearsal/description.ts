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
  /** Drivers in the image, by each alias that they answer. */
  drivers: Readonly<Record<string, readonly IndexedDriverFile[]>>;
  /** Modaliases of the devices on the buses; each begins with the name of its bus. */
  modaliases: readonly string[];
  /** File system types that this kernel lacks. */
  missingTypes?: readonly string[];
  /** By the base name of argv[0]. */
  programs: Readonly<Record<string, ProgramModel>>;
}
