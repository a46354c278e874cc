/** Errors of a boot. Whatever else a hook throws is reported as a defect of its module, with its stack. */

/** The boot cannot go on: what failed, on what, why; and what a person can do about it. Both are in the report, without a stack. */
export class BootError extends Error {
  /** What to do: a sentence or two. */
  readonly remedy: string;
  /** `message`: what failed, on what, and why. */
  constructor(message: string, remedy: string) {
    super(message);
    this.name = "BootError";
    this.remedy = remedy;
  }
}

const texts: Record<string, string> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EBUSY: "busy",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  ENODEV: "the kernel does not know this type, or no driver is loaded for it",
  ENXIO: "no such device or address",
  ENOMEDIUM: "no medium",
  ENOSPC: "no space left",
  ENOMEM: "out of memory",
  EROFS: "read-only",
  ELOOP: "too many symbolic links",
  ENOEXEC: "not a program that this machine can run",
  ETIMEDOUT: "took too long and was killed",
  EUCLEAN: "the file system is damaged",
};

/** A file operation, a mount or another job has failed. Modules get these, and tell them apart by `errnoOf`. */
export class OpError extends Error {
  /** Name of the errno: "ENOENT". */
  readonly errno: string;
  /** What the operation has added to it: the step that failed, or the file; may be empty. */
  readonly detail: string;
  /** For the sequencer: `op` failed on `subject`. */
  constructor(op: string, subject: string, errno: string, detail = "") {
    const why = texts[errno];
    super(`${op}${subject && ` ${subject}`}: ${errno}${why ? ` (${why})` : ""}${detail && `: ${detail}`}`);
    this.name = "OpError";
    this.errno = errno;
    this.detail = detail;
  }
}

/** The errno's name of a failed op; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof OpError ? error.errno : undefined;
}
