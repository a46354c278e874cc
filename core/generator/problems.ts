/** What keeps an image from being built, for the person who asked for it: one line each, with the remedy. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly problems: readonly string[];
  constructor(...problems: string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** Gathers problems, so that one run reports all that it found. */
export interface Problems {
  add(problem: string): void;
  /** Takes a BuildError's problems; throws any other error again. */
  gather(error: unknown): void;
  /** Runs a part; a BuildError of its is gathered, and the part has no result. */
  during<Result>(part: () => Result): Result | undefined;
  /** The same for what takes time. */
  later<Result>(part: Promise<Result>): Promise<Result | undefined>;
  /** Throws one BuildError if there is any problem. */
  check(): void;
}

/** Nobody reads more of them at a time. */
const mostShown = 1000;

export function createProblems(): Problems {
  const gathered = new Set<string>();
  function gather(error: unknown): void {
    if (!(error instanceof BuildError)) throw error;
    for (const problem of error.problems) gathered.add(problem);
  }
  return {
    add: (problem) => {
      gathered.add(problem);
    },
    gather,
    during: (part) => {
      try {
        return part();
      } catch (error) {
        gather(error);
        return undefined;
      }
    },
    later: (part) =>
      part.catch((error: unknown) => {
        gather(error);
        return undefined;
      }),
    check: () => {
      if (!gathered.size) return;
      const shown = [...gathered].slice(0, mostShown);
      if (gathered.size > mostShown) shown.push(`${gathered.size - mostShown} more problems are not shown`);
      throw new BuildError(...shown);
    },
  };
}

/** Runs a part of the work; `wording` adds to its problems what led to them. */
export function reworded(wording: (problem: string) => string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError(...error.problems.map(wording));
  }
}

/** Most characters of what a module says of its failure. */
const mostReason = 500;

/** A module's failure: where, why, and what a person who did not write it can do. The reason may be any text that the module has made. */
export function moduleProblem(module: string, place: string, reason: string): string {
  const words = reason.replaceAll(/[\s\p{Cc}]+/gu, " ");
  const shown = words.length > mostReason ? `${words.slice(0, mostReason)}…` : words;
  return `${place}: ${shown} (correct the module, or leave it out: mkinitrd -o ${module})`;
}

/** Where a build tells what it does. */
export interface Report {
  /** The image is built, but something may not work in it. */
  warning(text: string): void;
  /** Shown with -v. */
  note(text: string): void;
}

/** A failed system call in plain words: "permission denied". */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const words: Record<string, string> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EPERM: "not permitted",
    ENOTDIR: "it, or a part of its path, is not a directory",
    EISDIR: "it is a directory",
    EEXIST: "something else is there",
    ENOSPC: "no space left on device",
    EDQUOT: "the disk quota is used up",
    EROFS: "the file system is read-only",
    EIO: "the device reports an input/output error",
    ELOOP: "too many symbolic links",
    ENAMETOOLONG: "the name is too long",
    EFBIG: "the file would be too large",
  };
  return (code && words[code]) ?? code ?? (error instanceof Error ? error.message : String(error));
}
