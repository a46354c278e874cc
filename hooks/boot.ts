/** The boot side of a module: what its hooks are given. Nothing here reaches the machine but through the sequencer's one door. */
import type {
  ByteString,
  DeviceTags,
  DirectoryEntry,
  FileStatus,
  InstantOps,
  JobName,
  JobOps,
  Milliseconds,
  PipeId,
  ProgramRequest,
  ProgramResult,
} from "../core/abi/index.js";
import { hookMistake } from "./check-hook.js";

/** Kernel parameters: /etc/cmdline.d/*.conf, /etc/cmdline and /proc/cmdline of the image, in this order; the last one wins. */
export interface Parameters {
  has(name: string): boolean;
  /** "1" for a bare `name`; undefined if it is not there. */
  text(name: string): string | undefined;
  /** Every value, in order. */
  all(name: string): string[];
  /** Of a parameter declared as boolean. */
  flag(name: string, otherwise: boolean): boolean;
  /** Of a parameter declared as integer. */
  number(name: string, otherwise: number): number;
}

/** The root file system that the boot is for. */
export interface Root {
  /** What follows `root=`. */
  readonly spec: string;
  /** Where it is mounted until the switch: /sysroot. */
  readonly mountPoint: string;
  /** `ro` or `rw`, the last one; undefined if neither is given. */
  readonly access: "ro" | "rw" | undefined;
  /** From a cmdline hook: this module will mount the root. One module has to, and only one. */
  claim(): void;
  /** Was it this module that claimed it? */
  readonly claimed: boolean;
}

/** A block device that is there. */
export interface Device {
  /** Kernel name, "vda1". */
  readonly name: string;
  /** "/dev/vda1". */
  readonly path: string;
  readonly number: string;
  readonly tags: Readonly<DeviceTags>;
  readonly ambivalent: boolean;
  /** Bytes. */
  readonly size: number;
}

export interface Devices {
  all(): Device[];
  /** UUID=, LABEL=, PARTUUID=, PARTLABEL= or a path in /dev; undefined: not there yet. */
  find(spec: string): Device | undefined;
}

/** Conditions that the boot waits for: tried again whenever the kernel tells of a device, and once more when rd.retry has passed. */
export interface Wants {
  /** A block device, by the forms of `Devices.find`. `for`: what it is wanted for, shown in the report. */
  device(spec: string, asker: { for: string }): Promise<Device>;
  /**
   * Anything else: `attempt` gives undefined until it is met. `nearest` says for the report what is there instead.
   */
  until<Result>(
    description: string,
    asker: { for: string; nearest?: () => string },
    attempt: () => Result | undefined | Promise<Result | undefined>,
  ): Promise<Result>;
}

export interface Drivers {
  /** Inserts the drivers that answer a modalias, an alias ("fs-ext4") or a name, and all that they need; false if none is known. Waits no longer than a minute. */
  load(alias: string): Promise<boolean>;
}

export interface MountRequest {
  source: string;
  /** Made if it is not there. */
  target: string;
  type: string;
  /** As mount(8)'s -o: "ro,nosuid,size=50%". */
  options?: string;
}

export interface Mounts {
  mount(request: MountRequest): Promise<void>;
  /** A block device's file system: loads its driver, and waits again as long as the device turns out not to be ready. `type`: as probed if left out. */
  mountDevice(
    spec: string,
    request: Omit<MountRequest, "source" | "type"> & { type?: string; for: string },
  ): Promise<Device>;
  unmount(target: string, options?: { lazy?: boolean }): Promise<void>;
}

/** Instant file operations: the initramfs, /proc, /sys, /dev and /run only. Elsewhere: the jobs. All throw OpError. */
export interface Files {
  read(path: string): ByteString;
  write(path: string, data: ByteString, options?: { mode?: number; append?: boolean }): void;
  list(path: string): DirectoryEntry[];
  /** undefined: there is no such file. */
  stat(path: string): FileStatus | undefined;
  readLink(path: string): ByteString;
  makeDir(path: string, mode?: number): void;
  symlink(path: string, target: string): void;
  remove(path: string): void;
}

/** A job that runs. */
export interface Running<Result> {
  /** Rejects with OpError. */
  readonly done: Promise<Result>;
  signal(name: string): void;
  /** Bytes of its standard input read so far, while that is a file; undefined once it has ended. */
  inputPosition(): number | undefined;
}

export interface Programs {
  /** Runs a program and waits for it; its exit status is the caller's to judge. */
  run(request: ProgramRequest): Promise<ProgramResult>;
  /**
   * At the switch all that still runs is killed, but for what serves the new root and has said so by an argv[0] that starts with "@" (systemd's
   * convention, systemd.io/ROOT_STORAGE_DAEMONS): `mdmon --offroot` and `nbd-client -m` set it themselves.
   */
  start(request: ProgramRequest): Running<ProgramResult>;
  pipe(): PipeId;
  /** Is there such a program in the image's search path? */
  exists(name: string): boolean;
}

export interface Clock {
  /** Milliseconds since the kernel started. */
  now(): Milliseconds;
  sleep(duration: Milliseconds): Promise<void>;
}

/** The kernel's ring, and so the console, as its log level allows. */
export interface Log {
  error(text: string): void;
  warning(text: string): void;
  info(text: string): void;
  debug(text: string): void;
}

/** What a hook is given. */
export interface Boot {
  /** Name of the module that the hook belongs to. */
  readonly module: string;
  readonly parameters: Parameters;
  readonly root: Root;
  readonly devices: Devices;
  readonly wants: Wants;
  readonly drivers: Drivers;
  readonly mounts: Mounts;
  readonly files: Files;
  readonly programs: Programs;
  readonly clock: Clock;
  readonly log: Log;
  readonly kernel: InstantOps["kernel"][1];
  /** Is this module part of the image? */
  hasModule(name: string): boolean;
  /** Any other job of core/abi. */
  job<Name extends JobName>(name: Name, request: JobOps[Name][0]): Promise<JobOps[Name][1]>;
}

/** A module's part in one phase. */
export interface Hook {
  /** Hooks of a phase start in this order, 0..99; 50 if left out. */
  priority?: number;
  /** What it waits for comes of a job, a timer or a want: where nothing is left that could wake it, it has failed. */
  run(boot: Boot): void | Promise<void>;
}

/** The default export of a phase's file; gives its author the types. Throws TypeError: that is no hook. */
export function hook(definition: Hook): Hook {
  const mistake = hookMistake(definition);
  if (mistake !== undefined) throw new TypeError(mistake);
  return definition;
}
