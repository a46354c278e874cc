/**
 * Value types that the ops exchange. Everything crosses the door as JSON.
 *
 * Bytes that are not UTF-8 (file names, command lines, program output) are lone surrogates: byte 0xNN (0x80..0xFF) that
 * is not part of a valid UTF-8 sequence is the code unit 0xDCNN, both ways, as Python's "surrogateescape" does (PEP 383).
 */

/** A string that may hold escaped bytes, see above. */
export type ByteString = string;

/** Device number, "MAJOR:MINOR" in decimal, as sysfs writes it in its `dev` files. */
export type DeviceNumber = string;

/** Milliseconds. */
export type Milliseconds = number;

/** Number of a job, positive, never used twice in the life of one engine. */
export type JobId = number;

/** Number of a pipe made by the op `pipe`. */
export type PipeId = number;

/** Number of a secret that the job `prompt` has read. Its bytes never reach JavaScript. */
export type SecretId = number;

/** Type of a file, by stat(2). */
export type FileType = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket" | "unknown";

/** What stat(2) says of a file. */
export interface FileStatus {
  /** What it is. */
  type: FileType;
  /** Permission bits with set-user-ID, set-group-ID and sticky, 0..0o7777. */
  mode: number;
  /** Owner. */
  uid: number;
  /** Group. */
  gid: number;
  /** Bytes. */
  size: number;
  /** Device that the file lies on. */
  device: DeviceNumber;
  /** Number of the inode. */
  inode: number;
  /** Names that the inode has. */
  links: number;
  /** Modification time, milliseconds since 1970. */
  modified: Milliseconds;
  /** For "char" and "block": the device that the node stands for. */
  node?: DeviceNumber;
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** Without the directory's path. */
  name: ByteString;
  /** What it is, links not followed; "unknown" where the file system does not tell. */
  type: FileType;
}

/** Flags of mount(2), by the names that mount(8) gives them. */
export type MountFlag =
  | "ro"
  | "nosuid"
  | "nodev"
  | "noexec"
  | "noatime"
  | "nodiratime"
  | "relatime"
  | "strictatime"
  | "lazytime"
  | "sync"
  | "dirsync"
  | "mand"
  | "silent"
  | "remount"
  | "bind"
  | "rbind"
  | "private"
  | "rprivate"
  | "slave"
  | "rslave"
  | "shared"
  | "rshared";

/** A kernel driver to insert: a file of the image and its parameters. */
export interface DriverFile {
  /** Name with underscores, as /proc/modules shows it. */
  name: string;
  /** Path in the image. */
  path: string;
  /** Module parameters, "a=1 b=2", or empty. */
  parameters: string;
}

/** A driver as the index knows it. */
export interface IndexedDriverFile extends DriverFile {
  /** Of the file, in bytes. */
  size: number;
}

/** What came of one driver of an `insert`. */
export interface DriverResult {
  /** As in the request. */
  name: string;
  /** true: inserted now. false: it was there before, or `error` says why it is not there. */
  inserted: boolean;
  /** errno name of finit_module(2) or of opening the file. */
  error?: string;
}

/** One driver that answers an alias, with all that has to be inserted for it, in order, itself included. */
export interface DriverMatch {
  name: string;
  /** Empty for a driver that is built into the kernel. */
  chain: IndexedDriverFile[];
  /** The index names it in its blacklist: do not load it by alias. */
  blacklisted: boolean;
}

/** Where a program's standard input comes from. Files are looked up outside of the program's `root`. */
export type ProgramInput =
  | "null"
  | "console"
  | { file: string }
  | { text: ByteString }
  | { pipe: PipeId }
  | { secret: SecretId };

/** Where a program's standard output or error goes. "keep" hands it over in the result. A file is created, or written anew. */
export type ProgramOutput = "null" | "console" | "keep" | { file: string } | { pipe: PipeId };

/** A program to run. It starts with a clean signal mask, its own session, and no descriptors but 0, 1 and 2. */
export interface ProgramRequest {
  /** argv[0] is looked up in PATH (of `env`) if it has no slash; inside `root` where one is given. */
  argv: ByteString[];
  /** "NAME=value" each; the whole environment. Left out: PATH=/usr/sbin:/usr/bin:/sbin:/bin only. */
  env?: ByteString[];
  /** Working directory, inside `root`. Left out: /. */
  cwd?: ByteString;
  /** chroot(2) there first. */
  root?: ByteString;
  /** User that it runs as. Left out: root. */
  uid?: number;
  /** Group that it runs as. Left out: root's. */
  gid?: number;
  /** Standard input. Left out: "null". */
  stdin?: ProgramInput;
  /** Standard output. Left out: "null". */
  stdout?: ProgramOutput;
  /** Standard error. Left out: "null". */
  stderr?: ProgramOutput;
  /** Kept output beyond this many bytes of each stream loses its middle: the first and last halves stay. Left out: 65536. */
  keepLimit?: number;
  /** After that the whole session is killed and the job ends with ETIMEDOUT. Left out: no limit. */
  timeLimit?: Milliseconds;
  /** Make the console its controlling terminal (job control, Ctrl-C). */
  terminal?: boolean;
}

/** How a program ended. Exactly one of status and signal is set. */
export interface ProgramResult {
  /** Exit status, 0 to 255; null: a signal has ended it. */
  status: number | null;
  /** The signal that has ended it: "SIGKILL"; null: none. */
  signal: string | null;
  /** What it wrote to standard output, where asked to keep it. */
  stdout?: ByteString;
  /** What it wrote to standard error, where asked to keep it. */
  stderr?: ByteString;
}

/** Tags that libblkid found on a block device, by its own names: TYPE, UUID, LABEL, USAGE, PTTYPE, PART_ENTRY_UUID, ... */
export type DeviceTags = Record<string, ByteString>;

/** What libblkid makes of a block device. */
export interface ProbeResult {
  /** What it has found. */
  tags: DeviceTags;
  /** More than one signature: nobody may mount it by guess. The tags are then those of the partition table alone. */
  ambivalent: boolean;
  /** Bytes. */
  size: number;
  /** Logical sector size in bytes. */
  sectorSize: number;
}

/** Last word: make another root the root, and its init PID 1. */
export interface SwitchWord {
  /** What tells it from other last words. */
  word: "switch";
  /** The new root, a mount point. */
  root: ByteString;
  /** Path in the new root. */
  init: ByteString;
  /** Arguments after argv[0]. */
  arguments: ByteString[];
  /** Mount points that move into the new root at the same path, in this order; where the directory is missing there, they are unmounted. */
  moves: ByteString[];
}

/** Last word: the machine restarts, halts or powers off. All other processes are killed first. Where it then goes on, a fresh engine's op `kernel` tells `failure`. */
export interface RebootWord {
  /** What tells it from other last words. */
  word: "reboot";
  /** kexec: into the kernel of the job kexecLoad. */
  action: PowerAction;
  /** For the op `kernel` of that engine. */
  state?: ByteString;
}

/** Last word: PID 1 runs a program, waits for it, then starts a fresh engine whose op `kernel` tells `status`. */
export interface RunWord {
  /** What tells it from other last words. */
  word: "run";
  /** What is run, and in which root directory. */
  program: Pick<ProgramRequest, "argv" | "env" | "cwd" | "root">;
  /**
   * Files that become descriptors 0 (to be read), 1 and 2 (to be written) of PID 1 and of the program: of each list the first that can be opened;
   * where none can, it stays as it is. Left out: the console, as the program's controlling terminal.
   */
  streams?: readonly [readonly ByteString[], readonly ByteString[], readonly ByteString[]];
  /** Of all other processes, before the program starts: they stay, or are killed. Left out: those are killed that do not outlive a switch of root. */
  others?: "keep" | "kill";
  /** For the op `kernel` of the next engines: it says where they go on. It is PID 1's, no program can change it. */
  state?: ByteString;
}

/** What the engine does in the end; PID 1 carries it out after the engine has gone. */
export type LastWord =
  | SwitchWord
  | RebootWord
  | RunWord
  | {
      word: "failed";
      /** One line for the console, if PID 1 has to go on by itself. */
      reason: string;
      /** true: the shell has been left, start a fresh engine. false: follow the rescue policy. */
      retry: boolean;
    };

/** How a machine ends, or begins anew. */
export type PowerAction = "reboot" | "poweroff" | "halt" | "kexec";

/** What PID 1 does where the engine has failed. */
export interface RescuePolicy {
  /** May a shell be started? Where the image has none, `action` follows. */
  shell: boolean;
  /** "none": wait on the console for ever. "again": a fresh engine, and what runs and is mounted stays. */
  action: "reboot" | "poweroff" | "halt" | "none" | "again";
  /** Seconds to show the reason before `action`. */
  delay: number;
}

/** Events: what `wait` returns. */
export type Event =
  | { type: "timeout" }
  | {
      type: "uevent";
      /** add, change, remove, move, bind, unbind, online, offline */
      action: string;
      /** Below /sys, with a leading slash. */
      devpath: ByteString;
      /** The other KEY=value of the message: SUBSYSTEM, MODALIAS, DEVNAME, DEVTYPE, MAJOR, MINOR, SEQNUM, ... */
      properties: Record<string, ByteString>;
    }
  /** The kernel's messages came faster than they were read (ENOBUFS): walk /sys again. */
  | { type: "uevents-lost" }
  | { type: "job"; job: JobId; outcome: Outcome };

/** How an op or a job ended: exactly one of the two. */
export type Outcome = { value: unknown } | { error: OpFailure };

/** Why an op or a job failed. */
export interface OpFailure {
  /** "ENOENT", ... */
  errno: string;
  /** What the errno alone does not say: the step that failed, the file, the program's path. */
  detail?: string;
}
