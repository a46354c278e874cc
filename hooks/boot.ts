/**
 * The boot side of a module: a file named after a phase, whose default export is a hook. It runs in QuickJS inside the initrd and reaches the
 * machine only through what it is given. There is no `setTimeout`, no `console` and no `process`; there is `Promise`, and `Date`, which asks the
 * machine's clock.
 */
import type {
  ByteString,
  DeviceTags,
  DirectoryEntry,
  FileStatus,
  JobName,
  JobOps,
  Milliseconds,
  PipeId,
  ProgramRequest,
  ProgramResult,
  RebootWord,
  RunWord,
  SecretId,
} from "../core/abi/index.js";
import { hookMistake } from "./check-hook.js";

/** Kernel parameters: /etc/cmdline.d/*.conf, /etc/cmdline and /proc/cmdline of the image, in this order; the last one wins. */
export interface Parameters {
  /** Is it there, with a value or bare? */
  has(name: string): boolean;
  /** The last value of `name=`; "1" for a bare `name`; undefined if it is not there. */
  text(name: string): string | undefined;
  /** Every value, in order, "1" for a bare one; empty if it is not there. */
  all(name: string): string[];
  /** Those of several parameters, in the order of the command line; `value` is undefined for a bare one. */
  inOrder(names: readonly string[]): { name: string; value: string | undefined }[];
  /** Of a parameter declared as boolean: true for 1, yes, on, true and a bare name; `otherwise` if it is not there. */
  flag(name: string, otherwise: boolean): boolean;
  /** Of a parameter declared as integer; `otherwise` if it is not there. */
  number(name: string, otherwise: number): number;
}

/** What the module that mounts the root may have otherwise at the switch. */
export interface SwitchWishes {
  /** What is run where there is no `init=`. Left out: the first of /sbin/init, /etc/init and /bin/init that is there. */
  init?: string;
  /** Mount points that move into the new root after /run, /dev, /proc and /sys, where it has a directory for them; else they are unmounted. */
  moves?: readonly string[];
}

/** The root file system that the boot is for. */
export interface Root {
  /** What follows `root=`; empty if there is none. */
  readonly spec: string;
  /** Where it is mounted until the switch: /sysroot. */
  readonly mountPoint: string;
  /** `ro` or `rw`, the last one; undefined if neither is given. */
  readonly access: "ro" | "rw" | undefined;
  /**
   * From a cmdline hook: this module will mount the root on `mountPoint`, in its mount hook. After the phase cmdline exactly one module has to have
   * claimed it: with none, or more than one, the boot stops and says so.
   */
  claim(wishes?: SwitchWishes): void;
  /** Was it this module that claimed it? */
  readonly claimed: boolean;
  /** From a mount hook: resolves once the module that has claimed it has ended its own, so that another may lay something over it. Rejects as that hook does. */
  mounted(): Promise<void>;
}

/** A block device that is there, as it was when it was last probed. */
export interface Device {
  /** Kernel name, "vda1". */
  readonly name: string;
  /** "/dev/vda1". */
  readonly path: string;
  /** "254:1". */
  readonly number: string;
  /** What libblkid found on it: `tags.TYPE`, `tags.UUID`, `tags.LABEL`, `tags.PART_ENTRY_UUID`, ... */
  readonly tags: Readonly<DeviceTags>;
  /** More than one signature was found: `tags` are those of the partition table alone, and nobody may mount it by guess. */
  readonly ambivalent: boolean;
  /** Bytes. */
  readonly size: number;
}

/** The block devices that have come so far. To wait for one: `Wants.device`. */
export interface Devices {
  /** All of them, sorted by name. */
  all(): Device[];
  /** By `UUID=`, `LABEL=`, `PARTUUID=`, `PARTLABEL=` or a path in /dev, links in /dev/disk included; undefined: it is not there yet. */
  find(spec: string): Device | undefined;
  /**
   * Calls back for each one that is there, and for each that comes or changes from now on, up to the switch: for what is set up of others as they
   * come. For one device never twice at the same time; of two changes meanwhile the last one counts. The end of the phase initqueue and the switch wait
   * for the promises that are open, until no job has ended for rd.retry (180 s). What it throws is a warning: whoever needs what has not come of it waits for
   * that.
   */
  watch(listener: (device: Device) => void | Promise<void>): void;
  /** More names of a device below /dev ("/dev/md/root"): links that go when it goes. */
  addNames(device: Device, links: readonly string[]): void;
}

/**
 * Conditions that the boot waits for: tried again whenever something happens, and a last time when rd.retry (180 s) has passed, without the time in which a person is asked (the job prompt). While there is one
 * that is not met, drivers are loaded for all devices. If it is not met in time, the promise is rejected with a BootError, and the report names it.
 */
export interface Wants {
  /** A block device, by the forms of `Devices.find`. `for`: what it is wanted for, shown in the report ("root"). */
  device(spec: string, asker: { for: string }): Promise<Device>;
  /**
   * Anything else: `attempt` gives undefined until it is met, and then the result. What it throws ends the waiting, and rejects the promise.
   * `description`: what is waited for, for the report; `nearest` says there what is there instead ("there is sda1, but not sdb1"), `remedy` what to do;
   * `within`: milliseconds, in place of rd.retry.
   */
  until<Result>(
    description: string,
    asker: { for: string; nearest?: () => string; remedy?: string; within?: Milliseconds },
    attempt: () => Result | undefined | Promise<Result | undefined>,
  ): Promise<Result>;
}

/** Drivers (kernel modules) of the image. Those of devices are loaded without being asked for, while somebody waits. */
export interface Drivers {
  /**
   * Inserts the drivers that answer a modalias, an alias ("fs-ext4") or a name ("virtio_blk"), and all that they need. Resolves to false if none is
   * known; true also where one is built into the kernel, or fails to load (that is a warning). Waits no longer than a minute.
   */
  load(alias: string): Promise<boolean>;
}

/** What `Mounts.mount` mounts, and where. */
export interface MountRequest {
  /** A device's path, or what the type takes: "tmpfs", "server:/export". */
  source: string;
  /** Path of a directory; in the initramfs it is made if it is not there. */
  target: string;
  /** The kernel's name of the file system: "ext4". Its driver has to be there: `Drivers.load("fs-ext4")`. */
  type: string;
  /** As mount(8)'s -o: "ro,nosuid,size=50%". */
  options?: string;
}

/** What knows of file systems that lie on several devices. */
export interface MountGuard {
  /**
   * What the file system on this device still lacks, for the report ("missing: devid 2"); undefined: it may be mounted with these options, or is none that
   * the guard knows. Asked again whenever something happens.
   */
  lacking(device: Device, options: string): Promise<string | undefined>;
  /** What to do where that does not come. */
  remedy: string;
}

/** Mounting, by mount(2), in a process of its own where it may wait. */
export interface Mounts {
  /** Rejects with OpError, by the errnos of mount(2). */
  mount(request: MountRequest): Promise<void>;
  /**
   * A block device's file system: waits for the device (by the forms of `Devices.find`), loads the driver, mounts it, and waits again as long as the
   * device turns out not to be ready. `type`: as probed if left out; several, parted by commas: the probed one if it is among them. `for`: as for `Wants.device`. Resolves to
   * the device. Rejects with BootError: it has not come, holds no file system, or cannot be mounted.
   */
  mountDevice(
    spec: string,
    request: Omit<MountRequest, "source" | "type"> & { type?: string; for: string },
  ): Promise<Device>;
  /** Has `mountDevice` wait until a file system is whole. From a hook of the phases up to initqueue. */
  guard(guard: MountGuard): void;
  /** `lazy`: it goes from the tree at once, and for good when nobody uses it any more. Rejects with OpError: EBUSY, EINVAL (nothing is mounted there). */
  unmount(target: string, options?: { lazy?: boolean }): Promise<void>;
}

/**
 * Files that no device has to be waited for: of the initramfs, /proc, /sys, /dev and /run only. Elsewhere, on a disk or in the new root, all throw
 * OpError with EXDEV: there `Boot.job` has readFile and statFile. Otherwise they throw OpError by the errnos of the system calls (ENOENT, EACCES, ...).
 */
export interface Files {
  /** The whole content. EFBIG beyond 1 MiB. */
  read(path: string): ByteString;
  /** In one write(2). With `mode` (0o600) the file is made, or written anew; without, it has to exist. `append` keeps what is there. */
  write(path: string, data: ByteString, options?: { mode?: number; append?: boolean }): void;
  /** Sorted by name, without . and .. */
  list(path: string): DirectoryEntry[];
  /** Links are followed; undefined: there is no such file. */
  stat(path: string): FileStatus | undefined;
  /** Where a symbolic link leads, as it is written in it. */
  readLink(path: string): ByteString;
  /** With the directories above it; one that exists is no error. `mode`: 0o755 if left out, whatever the umask. */
  makeDir(path: string, mode?: number): void;
  /** Permission bits with set-user-ID, set-group-ID and sticky: 0o1777. */
  chmod(path: string, mode: number): void;
  /** A link at `path` that leads to `target`. A file or link that is there gives way. */
  symlink(path: string, target: string): void;
  /** A node of a driver; one that is there is an error, EEXIST. `mode` is exact, whatever the umask. */
  makeNode(path: string, node: { type: "char" | "block"; major: number; minor: number; mode: number }): void;
  /** A file, a link or an empty directory. */
  remove(path: string): void;
}

/** A job that has been started. */
export interface Running<Result> {
  /** Its result. Rejects with OpError. */
  readonly done: Promise<Result>;
  /** Sends a signal ("SIGTERM") to all its processes; no error if it has ended. */
  signal(name: string): void;
  /** Bytes of its standard input read so far, while that is a file; undefined once it has ended. */
  inputPosition(): number | undefined;
}

/** Programs of the image, or of the new root (`root`). Those that a module needs, its setup asks for. */
export interface Programs {
  /** Runs a program and waits for its end. Its exit status is the caller's to judge; rejects with OpError only where it could not be run, or took longer than `timeLimit` (ETIMEDOUT). */
  run(request: ProgramRequest): Promise<ProgramResult>;
  /**
   * Starts a program and goes on: for one that serves, or is joined to another by a pipe. Throws OpError, EAGAIN: no process can be made.
   *
   * At the switch all that still runs is killed, but for what serves the new root and has said so by an argv[0] that starts with "@" (systemd's
   * convention, systemd.io/ROOT_STORAGE_DAEMONS): `mdmon --offroot` and `nbd-client -m` set it themselves.
   */
  start(request: ProgramRequest): Running<ProgramResult>;
  /** A pipe to join two programs: `stdout: { pipe }` of one, `stdin: { pipe }` of the other. */
  pipe(): PipeId;
  /** Is there such a program in the image's search path? */
  exists(name: string): boolean;
  /** Sends a signal ("SIGKILL") to any process but PID 1, by its number in /proc. Throws OpError, ESRCH: there is none. */
  kill(process: number, signal: string): void;
}

/** Time. In a rehearsal it is simulated, so a hook asks nobody else. */
export interface Clock {
  /** Milliseconds since the kernel started. */
  now(): Milliseconds;
  /** Resolves after so many milliseconds. What is waited for by its looks in intervals is better a want. */
  sleep(duration: Milliseconds): Promise<void>;
}

/** Records on the kernel's ring, and so on the console, as its log level allows (or where rd.log says). None of these throws. */
export interface Log {
  /** Something does not work; what stops the boot is thrown instead. */
  error(text: string): void;
  /** Something may not work. */
  warning(text: string): void;
  /** A step that is of interest to whoever watches the boot. */
  info(text: string): void;
  /** For those who look for a fault: shown with rd.debug. */
  debug(text: string): void;
}

/** The kernel that runs. */
export interface Kernel {
  /** As `uname -r` says: "6.1.0-32-amd64". */
  readonly release: string;
  /** As `uname -m` says: "x86_64". */
  readonly machine: string;
  /** Exit status of the program that this boot comes after, see `Boot.finish`; 128 + N: signal N has ended it; 127: it could not be started. null: there was none. */
  readonly status: number | null;
  /** The errno for which it could not be started. */
  readonly failure?: string | undefined;
}

/** What a hook is given: all that it can do, and all that it can know. */
export interface Boot {
  /** Name of the module that the hook belongs to. */
  readonly module: string;
  /** The kernel command line. */
  readonly parameters: Parameters;
  /** What `root=` names. */
  readonly root: Root;
  /** The block devices that are there. */
  readonly devices: Devices;
  /** What has to be waited for. */
  readonly wants: Wants;
  /** Loading of drivers. */
  readonly drivers: Drivers;
  /** Mounting. */
  readonly mounts: Mounts;
  /** Small files of the initramfs and the kernel. */
  readonly files: Files;
  /** Other programs. */
  readonly programs: Programs;
  /** Time. */
  readonly clock: Clock;
  /** Messages. */
  readonly log: Log;
  /** The kernel that runs. */
  readonly kernel: Kernel;
  /**
   * Ends the boot in place of a switch of root, once the hooks of this phase have ended: no other phase follows, and nobody asks who has claimed the
   * root. After a program that PID 1 has run, the whole boot begins anew, in the same mounts, with `kernel.status`. Asked twice, the last one counts.
   */
  finish(word: RunWord | RebootWord): void;
  /** Is the module of this name part of the image? */
  hasModule(name: string): boolean;
  /** Runs one of the other jobs, see `JobOps`: in a child process, so that nothing else waits for it. Rejects with OpError. */
  job<Name extends JobName>(name: Name, request: JobOps[Name][0]): Promise<JobOps[Name][1]>;
  /** Overwrites a secret that the job prompt has read; `programs` can be given it until then. */
  forgetSecret(secret: SecretId): void;
}

/** A module's part in one phase. */
export interface Hook {
  /** Hooks of a phase start in this order, 0 to 99, 50 if left out; those of the same priority in the order of their modules' numbers. One that waits does not hold up the others. */
  priority?: number;
  /**
   * Does the work; the phase ends when the hooks of all modules have ended. What it throws stops the boot: a BootError with its remedy, anything else
   * with its stack. What it waits for comes of a job, the clock or a want: where nothing is left that could wake it, it has failed.
   */
  run(boot: Boot): void | Promise<void>;
}

/** Makes the default export of a phase's file; gives its author the types. Throws TypeError: that is no hook. */
export function hook(definition: Hook): Hook {
  const mistake = hookMistake(definition);
  if (mistake !== undefined) throw new TypeError(mistake);
  return definition;
}
