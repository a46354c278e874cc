import type { DeviceTags, IndexedDriverFile } from "../abi/index.js";
import type { FileTable } from "./file-tree.js";
import type { ProgramModel } from "./programs.js";

export type { ProgramModel } from "./programs.js";

/** How a device is made of others. Members: as the description names them. */
export type Layer =
  | {
      kind: "raid";
      /** As libblkid writes it, with dashes. */
      uuid: string;
      /** "host:name" or "name"; undefined: as metadata 0.90 it has none. */
      name?: string;
      level: string;
      metadata: string;
      members: readonly string[];
      /** How many members it runs with. */
      least: number;
    }
  | {
      kind: "lvm";
      group: string;
      volume: string;
      /** Of its mapping: "LVM-" and 64 letters and digits. */
      uuid: string;
      /** The physical volumes that this volume lies on. */
      members: readonly string[];
      /** Of RAID: how many of them it runs with. Left out: all. */
      least?: number;
    }
  | {
      kind: "luks";
      uuid: string;
      version: 1 | 2;
      members: readonly [string];
      /** Each opens it. None, and no keys: any opens it. */
      passphrases: readonly string[];
      /** Contents of key files that open it. */
      keys: readonly string[];
      /** Its header is in a file. */
      detached?: true;
    };

/** A block device of the simulated machine. */
export interface SimulatedDevice {
  /** Kernel name, "vda1". */
  name: string;
  number: string;
  tags: DeviceTags;
  /** More than one signature is on it: nobody may mount it by guess. */
  ambivalent?: boolean;
  /** When it arrives, milliseconds after its driver is there (or after the start). Left out: at once. */
  after?: number;
  /** Driver without which it is not there. */
  driver?: string;
  /** Modaliases of the devices that it is behind, the outermost first: it comes with drivers that answer them. Takes the place of `driver`. */
  behind?: readonly string[];
  /** Where it is below /sys/devices. Left out: "simulated/block/NAME". */
  devpath?: string;
  /** In sysfs; 0: a drive without a medium. Left out: 2048. */
  sectors?: number;
  readOnly?: boolean;
  /** What becomes of it, each so many milliseconds after its arrival: an event "change" tells of it. */
  changes?: readonly ({ after: number; medium?: true } & Partial<Pick<SimulatedDevice, "tags" | "files">>)[];
  /** When it is taken out again, milliseconds after its arrival. Left out: never. */
  gone?: number;
  /** Exit status of a check of the file system on it, fsck(8). Left out: 0, it is clean. */
  fsck?: number;
  /** How long a probe of it and a mount take, in milliseconds. Left out: 1. */
  probeLasts?: number;
  mountLasts?: number;
  /** Files of the file system on it. */
  files?: FileTable;
  /** It comes when a program makes it of its members (layers.ts), and `name` is its name in the description only. */
  layer?: Layer;
  /** Of a layered device that is there: its name in the description, what it lies on, and what sysfs holds of it besides. */
  described?: string;
  slaves?: readonly Pick<SimulatedDevice, "name" | "devpath">[];
  facts?: FileTable;
}

/** A folder of the host that a virtio device offers by its tag. */
export interface SimulatedFolder {
  tag: string;
  /** Modaliases of the devices on the way to it and of its own, the outermost first. Its own is answered by the driver virtiofs. */
  behind: readonly string[];
  /** When it arrives, milliseconds after its driver is there. Left out: at once. */
  after?: number;
  /** virtiofsd does not run any more: it can be mounted, and no file in it can be looked at. */
  silent?: true;
  files?: FileTable;
}

/** What a person at the console does when the boot asks: types a line, or gives up. */
export type ConsoleAnswer = { line: string; after?: number } | { cancel: true; after?: number };

/** A machine to rehearse a boot on. Times are milliseconds. */
export interface MachineDescription {
  commandLine: string;
  kernel: { release: string; machine: string };
  /** What PID 1 says of itself. Left out: the first engine of a boot, whose init, "/init", got no arguments. */
  init?: {
    engine?: number;
    status?: number;
    invokedAs?: string;
    arguments?: readonly string[];
    snapshot?: string;
  };
  /** The initramfs. */
  initramfs: FileTable;
  devices: readonly SimulatedDevice[];
  /** Left out: none. */
  folders?: readonly SimulatedFolder[];
  /** More files of sysfs, there from the start. */
  sysfs?: FileTable;
  /** Uevents of this time, in milliseconds since the kernel started, are lost: its end is told of. */
  deaf?: { from: number; until: number };
  /** Drivers in the image, by each alias that they answer. Left out: what the index among the image's files says. */
  drivers?: Readonly<Record<string, readonly IndexedDriverFile[]>>;
  /** Milliseconds that the insertion of a driver takes, by its name; left out: 5. */
  insertionLasts?: Readonly<Record<string, number>>;
  /** errno of finit_module(2) for drivers that do not load, by their names. */
  insertionFails?: Readonly<Record<string, string>>;
  /** Modaliases of the devices on the buses; each begins with the name of its bus. */
  modaliases: readonly string[];
  /** Its kernel has all drivers and file systems built in. */
  monolithic?: boolean;
  /** File system types that this kernel lacks. */
  missingTypes?: readonly string[];
  /** Options that file systems of this kernel take beside those known (mount-options.ts). */
  mountOptions?: readonly string[];
  /** By the base name of argv[0]; each is there, wherever it is looked for. */
  programs: Readonly<Record<string, ProgramModel>>;
  /** The same for programs that are there only if the image or a disk has them. */
  modelled?: Readonly<Record<string, ProgramModel>>;
  /** Bytes. Left out: 1 GiB. */
  memory?: number;
  /** NUMA nodes with memory. Left out: 1. */
  nodes?: number;
  /** Left out: nobody is at the console. "none": there is no console. */
  console?: readonly ConsoleAnswer[] | "none";
}
