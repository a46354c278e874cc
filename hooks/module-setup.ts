/**
 * The install side of a module: modules.d/NNname/module-setup.ts exports one moduleSetup(...) as its default. It runs in QuickJS on the
 * build host and sees that host only through the arguments it is given.
 */
export { type Phase, phases, sidePhases } from "../core/abi/phases.js";

/** include: unless omitted. on-request: only if named by -a, or if another module depends on it. */
export type CheckAnswer = "include" | "on-request" | { unavailable: string };

/** The part of JSON Schema that a kernel parameter may use; compiled by ajv at build time. */
export interface ParameterSchema {
  /** string: as it is. integer: decimal digits. boolean: 0/no/off/false, 1/yes/on/true, bare. */
  type: "string" | "integer" | "boolean";
  pattern?: string;
  enum?: (string | number)[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
}

export interface ParameterDeclaration {
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
  /** Regular expression (JavaScript's) over the whole value of root=. */
  matches: string;
}

/** What a module-setup may know of the build host, or of --sysroot. */
export interface Host {
  /** false: the image must boot any machine (-N, or what this one has is not to be seen: --sysroot, no /sys). */
  readonly hostOnly: boolean;
  /** Host-only. sloppy: the image is to survive small changes of the hardware; strict: it need not. Generic: left out. */
  readonly hostOnlyMode?: "sloppy" | "strict";
  /** Kernel release that the image is for; undefined with --no-kernel. */
  readonly kernel: string | undefined;
  /** Machine as uname(1) says: "x86_64", "aarch64". */
  readonly machine: string;
  /** Absolute path of a program in the search path of sbin and bin directories. */
  findProgram(name: string): string | undefined;
  /** Below the folders that readFile may read; any other path of these three throws. */
  exists(path: string): boolean;
  /** A text file below /etc, /usr, /lib or /var/lib (links are followed, and may not lead out); undefined if it is not there. */
  readFile(path: string): string | undefined;
  /** Names in a directory, sorted; undefined if it is not there. */
  list(path: string): string[] | undefined;
  /** Types of the file systems that the image is to mount ("ext4", "xfs"): those named by --filesystems; else those at / and /usr; generic, or not to be seen (in a container): empty. */
  readonly fileSystems: readonly string[];
  /** Host-only: what the machine boots from, in the forms of root=, rootfstype= and rootflags=. Left out where that is no block device. */
  readonly root?: { readonly device: string; readonly type: string; readonly flags?: string };
  /** Host-only: modaliases of the host's devices. Generic: empty. */
  readonly modaliases: readonly string[];
  /** Is this driver (by name) built into the kernel, or a file of its module tree? */
  driverExists(name: string): boolean;
}

export interface Optional {
  /** The image is built without it, and this says what then does not work (shown as a warning; "" for none). Left out: missing is an error. */
  optional?: string;
}

/** What goes into the image. A file that an earlier module has put there is kept. */
export interface Image {
  /** A program by name or absolute path, with its interpreter and libraries. Several: the first one that is there. */
  program(name: string | readonly string[], options?: Optional): void;
  /** A file of the host, at the same path or at `destination`; with its libraries if it is an ELF file. */
  file(source: string, options?: Optional & { destination?: string; mode?: number }): void;
  /** A library that programs open by dlopen, by its soname: "libgcc_s.so.1". */
  library(soname: string, options?: Optional): void;
  /** A file with this content. Mode: 0644 if left out. */
  text(path: string, content: string, mode?: number): void;
  directory(path: string, mode?: number): void;
  symlink(path: string, target: string): void;
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
  /** Shown once the image is written. */
  warning(text: string): void;
}

export interface ModuleSetup {
  /** Left out: "include". */
  check?(host: Host): CheckAnswer;
  /** Names, without numbers, of modules that have to be in the image too. */
  depends?(host: Host): readonly string[];
  parameters?: Readonly<Record<string, ParameterDeclaration>>;
  root?: readonly RootForm[];
  /** Host-only: kernel parameters that this machine's root needs, "rd.md.uuid=…": shown by --print-cmdline, in the image with --hostonly-cmdline. */
  cmdline?(host: Host): readonly string[];
  install?(image: Image, host: Host): void;
  /** As install, but left out with --no-kernel. */
  installkernel?(image: Image, host: Host): void;
}

/** Marks a module's setup; gives its author the types. */
export function moduleSetup(setup: ModuleSetup): ModuleSetup {
  return setup;
}
