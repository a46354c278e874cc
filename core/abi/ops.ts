/**
 * The ops: all that the boot code can do or know. One host function, `op(name, argumentsAsJson)`, answers with the JSON of
 * an Outcome. This table is the contract: PID 1 answers it in C, the rehearsal in TypeScript, one conformance suite tests both.
 *
 * - An *instant* op never blocks on a device, a peer or a lock. File ops work on virtual file systems and the initramfs only
 *   (ramfs, tmpfs, proc, sysfs, devtmpfs, devpts, cgroup2, efivarfs, ...): on others they answer EXDEV, use the jobs there.
 * - A *job* runs in a child process. Starting it answers { job: JobId } at once; its result is an event of `wait`.
 *   A child that dies without a result gives the error ECHILD, with the signal in `detail`.
 * - Any op answers EINVAL to arguments that do not fit its type, and ENOSYS to a name that is not in this table.
 */
import type {
  ByteString,
  DirectoryEntry,
  DriverFile,
  DriverMatch,
  DriverResult,
  Event,
  FileStatus,
  JobId,
  LastWord,
  Milliseconds,
  MountFlag,
  PipeId,
  ProbeResult,
  ProgramRequest,
  ProgramResult,
  RescuePolicy,
  SecretId,
  SwitchWord,
} from "./values.js";

type Nothing = Record<string, never>;
interface AtPath {
  path: ByteString;
}
/** A path that is looked up, symlinks included, as a process chrooted to `root` would. */
interface AtPathIn extends AtPath {
  root?: ByteString;
}

/** Instant ops: [arguments, result]. */
export interface InstantOps {
  /** realtime: milliseconds since 1970. monotonic: milliseconds since the kernel started (CLOCK_BOOTTIME). */
  now: [Nothing, { realtime: Milliseconds; monotonic: Milliseconds }];
  /** 16 random bytes in hexadecimal (getrandom(2), which may not block: before the pool is ready, whatever the kernel has). */
  randomSeed: [Nothing, { seed: string }];
  /** One record on the kernel's ring, level 0..7. ENOENT before /dev is there. */
  log: [{ level: number; text: ByteString }, Nothing];
  /** Text for the console, as it is. */
  print: [{ text: ByteString }, Nothing];

  /** The whole file. EFBIG beyond `limit` bytes (left out: 1 MiB). */
  read: [AtPath & { limit?: number }, { data: ByteString }];
  /** One write(2). With `mode` the file is created or truncated, without it must exist (sysfs, proc). `append` keeps what is there. */
  write: [AtPath & { data: ByteString; mode?: number; append?: boolean }, Nothing];
  /** Sorted by name, byte by byte, without . and .. */
  list: [AtPath, { entries: DirectoryEntry[] }];
  /** `follow` a last symlink: true if left out. */
  stat: [AtPath & { follow?: boolean }, FileStatus];
  readLink: [AtPath, { target: ByteString }];
  /** Mode: 0755 if left out, exact (no umask). `parents`: make those too, and an existing directory is no error. */
  makeDir: [AtPath & { mode?: number; parents?: boolean }, Nothing];
  /** `replace`: an existing link or file gives way, atomically. */
  symlink: [AtPath & { target: ByteString; replace?: boolean }, Nothing];
  makeNode: [AtPath & { type: "char" | "block" | "fifo"; mode: number; major?: number; minor?: number }, Nothing];
  rename: [{ from: ByteString; to: ByteString }, Nothing];
  /** A file, a link or an empty directory. */
  remove: [AtPath, Nothing];
  chmod: [AtPath & { mode: number }, Nothing];
  /** Not following a last symlink. */
  chown: [AtPath & { uid: number; gid: number }, Nothing];

  /** proc, sysfs, devtmpfs, devpts, tmpfs or cgroup2, which wait for no device: a job costs a process. EXDEV: another type. */
  mountVirtual: [{ type: string; target: ByteString; flags: MountFlag[]; data: ByteString }, Nothing];

  /** The running kernel, and how often PID 1 has started an engine in this boot (1 at first). `status`: of the last word `run`, 128 + N for a
   * signal, 127 where it could not be started. `failure`: the errno for which the last word `run` or `reboot` could not be obeyed. `state`: of the last word that was
   * obeyed, or was to be, until there is another one. `invokedAs`: PID 1's argv[0], "/init"; "/shutdown" where the init of a root has become PID 1 by executing it once more.
   * `arguments`: PID 1's own, after argv[0], as the kernel gave them: they are meant for the new root's init. `snapshot`: what is wrong
   * with the image's snapshot of the engine, so that the bundle was evaluated; left out: nothing. */
  kernel: [
    Nothing,
    {
      release: string;
      machine: string;
      engine: number;
      status: number | null;
      failure?: string;
      state?: ByteString;
      invokedAs: ByteString;
      arguments: ByteString[];
      snapshot?: string;
    },
  ];
  /** Drivers of the image's index that answer a modalias, another alias (fs-ext4) or a name, - and _ being alike. Empty: none. */
  resolveDriver: [{ alias: string }, { matches: DriverMatch[] }];

  /** Listen to the kernel's uevents from now on. `receiveBuffer` in bytes. */
  listenUevents: [{ receiveBuffer: number }, Nothing];
  /**
   * The next event; where there is none, sleeps for one until `until`, in milliseconds since the kernel started (null: for ever), and then gives
   * "timeout". The only op that sleeps.
   */
  wait: [{ until: Milliseconds | null }, Event];

  /** A pipe to join two jobs. Its ends close here once both are handed out. */
  pipe: [Nothing, { pipe: PipeId }];
  /** To all processes of a running job. ESRCH: it has ended. */
  signal: [{ job: JobId; signal: string }, Nothing];
  /** To one process of any kind but PID 1, by its number in /proc. */
  kill: [{ process: number; signal: string }, Nothing];
  /** Read position in bytes of a running job's standard input, from fdinfo. ESRCH: it has ended. */
  inputPosition: [{ job: JobId }, { position: number }];
  /** Forget a secret. */
  forgetSecret: [{ secret: SecretId }, Nothing];
  /** Processor time that the engine may use between two waits before PID 1 calls it hung. */
  setLimits: [{ turn: Milliseconds }, Nothing];
  /**
   * Record every op, from the engine's first one on, in a file (mode 0600) that begins with the line `head` and grows to `limit` bytes at most
   * (traceLeastLimit or more); see trace.ts. Until this is asked, all is kept in memory, within traceFirstLimit; so it is where this fails. With `path` null the recording ends:
   * a file stays as it is, what is in memory is dropped. A file that cannot be written any further is no error, its last line tells.
   */
  trace: [{ path: ByteString; limit: number; head: string } | { path: null }, Nothing];

  setRescuePolicy: [RescuePolicy, Nothing];
  /** Does not return. */
  finish: [LastWord, never];
}

/**
 * Jobs, by name: [arguments, result]. `Nothing` is {}; `AtPath` is { path }; `AtPathIn` is { path, root? }: the path is looked up, symlinks included, as
 * a process chrooted to `root` would.
 */
export interface JobOps {
  /** Ask on every console for a line, without its end. ETIMEDOUT after `timeLimit`, ECANCELED on Ctrl-C or Ctrl-D. */
  prompt: [{ text: string; secret: boolean; timeLimit?: Milliseconds }, { line: ByteString } | { secret: SecretId }];

  /** Writes all that is kept in memory to its devices. */
  sync: [Nothing, Nothing];
  /** Everything below `path` and itself, never crossing into another file system, not following links. */
  removeTree: [AtPath, { removed: number }];
  /** Any file system. EFBIG if `length` is left out and the file is over 1 MiB. */
  readFile: [AtPathIn & { offset?: number; length?: number }, { data: ByteString; size: number }];
  /** One write(2) to a file that is there, as the op `write`, where the kernel waits for a device meanwhile: /sys/power/resume. */
  writeFile: [AtPath & { data: ByteString }, Nothing];
  /** Any file system. `follow`: true if left out. `executable`: may the engine's user execute it? */
  statFile: [AtPathIn & { follow?: boolean }, FileStatus & { executable: boolean }];

  /** `source` may be any text where the type needs no device. Flags and propagation of a new bind mount hold at once, as with mount(8). */
  mount: [{ source: ByteString; target: ByteString; type: string; flags: MountFlag[]; data: ByteString }, Nothing];
  /** `lazy` and `force`: MNT_DETACH and MNT_FORCE of umount2(2). */
  unmount: [{ target: ByteString; lazy?: boolean; force?: boolean }, Nothing];
  /** A mount point to another place. */
  move: [{ from: ByteString; to: ByteString }, Nothing];
  /** A free loop device for a file, from `offset` in bytes (left out: 0); its path: "/dev/loop0". */
  loopAttach: [{ file: ByteString; readOnly: boolean; offset?: number }, { device: string }];
  /** Takes the file from a loop device. */
  loopDetach: [{ device: ByteString }, Nothing];

  /** Takes a mapping of the device mapper (LVM, encryption, multipath) away, by its name. EBUSY: it is in use. ENXIO: there is none. */
  removeMapping: [{ name: ByteString }, Nothing];
  /** Stops a RAID array, and writes to its members that they are in step. EBUSY: it is in use. */
  stopArray: [{ device: ByteString }, Nothing];
  /** No more swapping to a device or file. EINVAL: nobody does. */
  swapOff: [{ device: ByteString }, Nothing];

  /** In order. A driver that fails does not hold up those after it: if they need it, they fail by themselves. The job itself succeeds. */
  insert: [{ drivers: DriverFile[] }, { results: DriverResult[] }];

  /** Looks at a block device by libblkid. */
  probe: [{ device: ByteString }, ProbeResult];

  /** Runs a program to its end. ENOENT, EACCES, ENOEXEC, ...: it could not be started. ETIMEDOUT: killed. */
  run: [ProgramRequest, ProgramResult];

  /** Does in a mount namespace of its own what the last word would do, up to init's first instruction: is there an objection? */
  trySwitch: [SwitchWord, { objection: ByteString | null }];
  /** Loads a kernel for the last word reboot, by kexec_file_load(2). */
  kexecLoad: [{ kernel: ByteString; initrd?: ByteString; cmdline: ByteString }, Nothing];
}

export type InstantName = keyof InstantOps;
/** The name of a job. */
export type JobName = keyof JobOps;
export type OpName = InstantName | JobName;

/** What the table says of an op at run time. */
export interface OpDescription {
  kind: "instant" | "job";
  /** The errnos that it can give, besides EINVAL and, for jobs, EAGAIN and ENOMEM (no child) and ECHILD (the child died). */
  errnos: readonly string[];
}

const lookup = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"] as const;
const change = [...lookup, "EPERM", "EROFS", "ENOSPC"] as const;
const instant = (...errnos: string[]): OpDescription => ({ kind: "instant", errnos });
const job = (...errnos: string[]): OpDescription => ({ kind: "job", errnos });

/** Every op by name. Errnos: of the system calls' man pages, as far as the op can meet them. */
export const ops: { readonly [Name in OpName]: OpDescription } = {
  now: instant(),
  randomSeed: instant(),
  log: instant("ENOENT", "EIO"),
  print: instant("EIO"),
  read: instant(...lookup, "EISDIR", "EIO", "EFBIG", "EXDEV", "ENODEV", "ENXIO"),
  write: instant(...change, "EISDIR", "EIO", "EBUSY", "ENODEV", "EXDEV", "ENXIO"),
  list: instant(...lookup, "EXDEV"),
  stat: instant(...lookup, "EXDEV"),
  readLink: instant(...lookup, "EXDEV"),
  makeDir: instant(...change, "EEXIST", "EXDEV"),
  symlink: instant(...change, "EEXIST", "EXDEV"),
  makeNode: instant(...change, "EEXIST", "EXDEV"),
  rename: instant(...change, "EXDEV", "ENOTEMPTY", "EBUSY", "EISDIR"),
  remove: instant(...change, "EXDEV", "ENOTEMPTY", "EBUSY"),
  chmod: instant(...change, "EXDEV"),
  chown: instant(...change, "EXDEV"),
  mountVirtual: instant(...lookup, "EPERM", "EBUSY", "ENODEV", "EXDEV"),
  kernel: instant(),
  resolveDriver: instant("ENOENT", "EBADMSG"),
  listenUevents: instant("ENOBUFS", "EPROTONOSUPPORT"),
  wait: instant("EIO"),
  pipe: instant("EMFILE", "ENFILE"),
  signal: instant("ESRCH"),
  kill: instant("ESRCH", "EPERM"),
  inputPosition: instant("ESRCH", "ENOENT"),
  forgetSecret: instant("ENOENT"),
  setLimits: instant(),
  trace: instant(...change, "EISDIR", "EIO", "EXDEV", "ENXIO"),
  setRescuePolicy: instant("EPIPE"),
  finish: instant("EPIPE"),
  prompt: job("EIO", "ETIMEDOUT", "ECANCELED"),
  sync: job("EIO"),
  removeTree: job(...change, "EBUSY", "EIO"),
  readFile: job(...lookup, "EISDIR", "EIO", "EFBIG", "ESTALE"),
  writeFile: job(...change, "EISDIR", "EIO", "EBUSY", "ENODEV", "EXDEV", "ENXIO"),
  statFile: job(...lookup, "EIO", "ESTALE"),
  mount: job(
    ...lookup,
    "EPERM",
    "EBUSY",
    "ENODEV",
    "ENOTBLK",
    "ENXIO",
    "EIO",
    "EROFS",
    "EUCLEAN",
    "EOPNOTSUPP",
    "ESTALE",
  ),
  unmount: job(...lookup, "EPERM", "EBUSY", "EIO"),
  move: job(...lookup, "EPERM", "EBUSY"),
  loopAttach: job(...lookup, "EBUSY", "ENODEV", "ENXIO", "EIO"),
  loopDetach: job(...lookup, "EBUSY", "ENXIO"),
  removeMapping: job(...lookup, "EPERM", "EBUSY", "ENXIO", "EIO"),
  stopArray: job(...lookup, "EBUSY", "ENXIO", "ENODEV", "EIO"),
  swapOff: job(...lookup, "EPERM", "EIO"),
  insert: job(),
  probe: job(...lookup, "ENXIO", "ENOMEDIUM", "EIO", "EBUSY", "ENOTBLK"),
  run: job(...lookup, "ENOEXEC", "EPERM", "E2BIG", "ETXTBSY", "EIO", "ETIMEDOUT", "EBADF"),
  trySwitch: job(),
  kexecLoad: job(...lookup, "EPERM", "ENOSYS", "EBUSY", "ENOEXEC", "EADDRNOTAVAIL", "EKEYREJECTED", "ELIBBAD"),
};

/** The host function that the engine finds as `globalThis.op`. */
export type OpFunction = (name: string, argumentsJson: string) => string;
