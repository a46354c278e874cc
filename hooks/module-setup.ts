/**
 * The install side of a module: NNname/module-setup.ts, whose default export is moduleSetup({ … }). It runs in QuickJS on the build host, once for
 * each image, and sees that host only through the arguments that it is given. Its functions answer at once: none may be async. Whatever they throw is
 * an error with file and line, and no image is built. Each call may take 5 s of processor time, and the module 128 MiB of memory.
 */
export { type Phase, phases, sidePhases } from "../core/abi/phases.js";

/**
 * Whether the module goes into the image. "include": unless it is omitted (-o). "on-request": if it is named by -a, or if another module depends on it.
 * `unavailable`: it cannot work, and this says why ("mdadm is not installed"); where somebody asks for it, that is an error.
 */
export type CheckAnswer = "include" | "on-request" | { unavailable: string };

/** The part of JSON Schema that a kernel parameter may use; compiled by ajv at build time. */
export interface ParameterSchema {
  /** string: as it is. integer: decimal digits. boolean: 0/no/off/false, 1/yes/on/true, bare. */
  type: "string" | "integer" | "boolean";
  /** Of a string: a regular expression (JavaScript's, with the flag u) that it has to match somewhere; ^ and $ tie it to the ends. */
  pattern?: string;
  /** These values only. */
  enum?: (string | number)[];
  /** Of an integer: not less. */
  minimum?: number;
  /** Of an integer: not more. */
  maximum?: number;
  /** Of a string: not fewer characters. */
  minLength?: number;
}

/** A kernel parameter that the module's hooks read: a value that does not fit stops the boot before its hooks run. */
export interface ParameterDeclaration {
  /** The values that fit. */
  schema: ParameterSchema;
  /** The accepted form, for error messages: "SIZE[k|m|g|%]". */
  form: string;
  /** Given several times, all of them count, in order. Otherwise the last one wins. */
  repeated?: boolean;
}

/** A form of `root=` that this module claims. Known for modules that are not in the image, too, so that an error can name them. */
export interface RootForm {
  /** For error messages: "tmpfs:UUID=…". */
  form: string;
  /** The parameter that has it. Left out: "root". */
  parameter?: string;
  /** Regular expression (JavaScript's) over the whole value of that. */
  matches: string;
  /** Only together with this `rootfstype=`. */
  type?: string;
}

/** A device that is made of others. */
export interface Layer {
  /** Its name in /sys/block today: "md127", "dm-1". */
  readonly device: string;
  /** What lies on it, whatever is between: mount points ("/", "/usr"), "swap", and devices as --add-device names them. */
  readonly points: readonly string[];
}

/** An array of mdadm. */
export interface ArrayLayer extends Layer {
  /** Tells it from other layers. */
  readonly kind: "raid";
  /** As mdadm writes it, with colons; left out where neither udev nor mdadm has told it. */
  readonly uuid?: string;
  /** "host:name"; left out where it has none, or udev has not told it. */
  readonly name?: string;
}

/** A logical volume of LVM. */
export interface VolumeLayer extends Layer {
  /** Tells it from other layers. */
  readonly kind: "lvm";
  /** Its volume group. */
  readonly group: string;
  /** Its name in it. */
  readonly volume: string;
}

/** An opened LUKS container. */
export interface ContainerLayer extends Layer {
  /** Tells it from other layers. */
  readonly kind: "luks";
  /** Of the container, as blkid writes it. */
  readonly uuid: string;
  /** In /dev/mapper. */
  readonly name: string;
}

/** Another mapping of the device mapper. */
export interface MappingLayer extends Layer {
  /** multipath: one of several ways to the same disk; other: plain encryption, integrity, … */
  readonly kind: "multipath" | "other";
  /** In /dev/mapper. */
  readonly name: string;
  /** dm/uuid of sysfs. */
  readonly uuid: string;
}

/** What the host's file systems lie on besides disks and partitions, with what identifies it on every start. */
export type HostLayer = ArrayLayer | VolumeLayer | ContainerLayer | MappingLayer;

/** What a module-setup may know of the build host, or of the system at --sysroot. */
export interface Host {
  /** false: the image must boot any machine (-N, or what this one has is not to be seen: --sysroot, no /sys). */
  readonly hostOnly: boolean;
  /** Host-only. sloppy: the image is to survive small changes of the hardware; strict: it need not. Generic: left out. */
  readonly hostOnlyMode?: "sloppy" | "strict";
  /** With --static-init: the image is one program, and holds hooks and nothing else; what install asks for is an error. */
  readonly staticInit: boolean;
  /** Kernel release that the image is for; undefined with --no-kernel and --static-init. */
  readonly kernel: string | undefined;
  /** Machine as uname(1) says: "x86_64", "aarch64". */
  readonly machine: string;
  /** Absolute path of a program by its name, in /usr/sbin, /usr/bin, /sbin and /bin; undefined: it is not installed. */
  findProgram(name: string): string | undefined;
  /** Is there such a file or directory? Below the folders of `readFile`. */
  exists(path: string): boolean;
  /**
   * The text of a file below /etc, /usr, /lib or /var/lib; links are followed, and may not lead out. undefined: there is no such file. Throws Error: any
   * other path, or more than 4 MiB.
   */
  readFile(path: string): string | undefined;
  /** Names in a directory, sorted, below the folders of `readFile`; undefined: there is no such directory. */
  list(path: string): string[] | undefined;
  /** Types of the file systems that the image is to mount ("ext4", "xfs"): those named by --filesystems; else those at / and /usr, of what fstab has with x-initrd.mount, and of devices that were added; generic, or not to be seen (in a container): empty. */
  readonly fileSystems: readonly string[];
  /** Host-only: what the machine boots from, in the forms of root=, rootfstype= and rootflags=. Left out where that is neither a block device nor virtiofs. */
  readonly root?: { readonly device: string; readonly type: string; readonly flags?: string };
  /** Host-only: what the file systems at / and /usr, those of x-initrd.mount, swap, and devices that were added lie on besides disks and partitions, each once. Generic, or not to be seen: empty. */
  readonly layers: readonly HostLayer[];
  /** Programs that check file systems, as --fscks names them; none: --nofscks. Left out: those for the types of the file systems. */
  readonly fsck?: readonly string[];
  /** Host-only: where this machine hibernates to, in the form of resume= and resume_offset=, if its kernel has been told. */
  readonly resume?: { readonly device: string; readonly offset?: number };
  /** Host-only: modaliases of the host's devices. Generic: empty. */
  readonly modaliases: readonly string[];
  /** Is this driver (by name, "ext4") built into the kernel that the image is for, or a file of its module tree? */
  driverExists(name: string): boolean;
  /** Text of the configuration of the kernel that the image is for: that in its module tree, or /boot/config-RELEASE. undefined: none is found. */
  kernelConfig(): string | undefined;
}

/** For what an image may do without. */
export interface Optional {
  /** The image is built without it, and this says what then does not work (shown as a warning; "" for none). Left out: missing is an error. */
  optional?: string;
}

/**
 * What goes into the image. A file that an earlier module (one with a lower number) has put there is kept. Each request is checked when the functions
 * have ended: paths are absolute, and those in the image without "..", modes are 0 to 0o7777; a mistake is an error with the line of the request.
 */
export interface Image {
  /** A program by name or absolute path, with its interpreter and libraries, at its own path. Several names: the first one that is there. */
  program(name: string | readonly string[], options?: Optional): void;
  /**
   * A file of the host, any one that the person who builds may read, at the same path or at `destination`; with its libraries or its interpreter if it
   * is a program. `mode`: the file's own if left out.
   */
  file(source: string, options?: Optional & { destination?: string; mode?: number }): void;
  /** A library that programs open by dlopen, by its soname: "libgcc_s.so.1". */
  library(soname: string, options?: Optional): void;
  /** A file with this content, in UTF-8. `mode`: 0o644 if left out. */
  text(path: string, content: string, mode?: number): void;
  /** A directory, with those above it. `mode`: 0o755 if left out. Directories of files need not be asked for. */
  directory(path: string, mode?: number): void;
  /** A link at `path` that leads to `target`, which need not exist. */
  symlink(path: string, target: string): void;
  /** A device node. Those of the kernel's own devices are there anyway, once /dev is mounted. */
  node(path: string, type: "char" | "block", major: number, minor: number, mode: number): void;
  /**
   * Drivers with their dependencies and firmware: by name ("virtio_blk"), or all of a directory of the kernel's module tree ("=drivers/ata"; one
   * of them: "=drivers/misc/tifm_7xx1"), or of its tops outside of the kernel's source ("=updates").
   * Of a directory, a generic image keeps those that have an alias (the others come along with what needs them, or are asked for by name only), and a
   * host-only one those that answer one of the host's modaliases or are loaded; with `always`, both keep all, and with `anyMachine` a host-only one keeps what a generic one would. Those of `except` are kept only where others need them.
   * A name or directory that this kernel does not have is no error: it may be built in, or not exist there. `required` makes it one.
   */
  drivers(
    selectors: readonly string[],
    options?: { always?: boolean; anyMachine?: boolean; except?: readonly string[]; required?: boolean },
  ): void;
  /** Shown to the person who builds; the image is written all the same. */
  warning(text: string): void;
}

/** What a module's setup consists of: any of these may be left out, and there are no others. */
export interface ModuleSetup {
  /** Whether it goes into the image. Left out: "include". */
  check?(host: Host): CheckAnswer;
  /** Names, without numbers, of modules that have to be in the image too. Files of these may be imported: "../90other/file.js". */
  depends?(host: Host): readonly string[];
  /** Kernel parameters that its hooks read, by name ("rd.example"). Two modules may declare the same one if they mean the same. */
  parameters?: Readonly<Record<string, ParameterDeclaration>>;
  /** Forms of root= that its cmdline hook claims. */
  root?: readonly RootForm[];
  /** Host-only: kernel parameters that this machine's root needs, "rd.md.uuid=…": shown by --print-cmdline, in the image with --hostonly-cmdline. */
  cmdline?(host: Host): readonly string[];
  /** Asks for what the image has to hold, whatever the kernel. */
  install?(image: Image, host: Host): void;
  /** The same for what belongs to a kernel, drivers above all: as install, but left out with --no-kernel and --static-init. */
  installkernel?(image: Image, host: Host): void;
}

/** Makes the default export of module-setup.ts; gives its author the types. */
export function moduleSetup(setup: ModuleSetup): ModuleSetup {
  return setup;
}
