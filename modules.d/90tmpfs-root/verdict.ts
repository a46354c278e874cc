import { BootError, OpError, type ProgramResult } from "firstlight/hooks";

/** How one program of the pipeline ended: its result, or why it could not be run. */
export type Ending = ProgramResult | OpError;

/** As many lines of what a program said are shown. */
const shownLines = 4;

/** What a program said, without the lines that only tell where it is in the archive. */
function messages(ending: Ending): string[] {
  if (ending instanceof OpError) return [ending.message];
  const lines = (ending.stderr ?? "").split("\n").filter((line) => line && !/^block \d+:/.test(line));
  return ending.signal ? [`killed by ${ending.signal}`, ...lines] : lines;
}

/** What a program said in one line: what speaks of the fault, else its last words. */
function said(ending: Ending, fault: RegExp): string {
  const lines = messages(ending);
  const telling = lines.filter((line) => fault.test(line)).slice(0, shownLines);
  const status = ending instanceof OpError ? "" : `exit status ${ending.status}`;
  return (telling.length ? telling : lines.slice(-shownLines)).join("; ") || status;
}

function succeeded(ending: Ending | undefined): boolean {
  return ending === undefined || (!(ending instanceof OpError) && ending.status === 0);
}

function killedBy(ending: Ending | undefined, signal: string): boolean {
  return ending !== undefined && !(ending instanceof OpError) && ending.signal === signal;
}

const again = "Make the archive again and copy it whole; compare checksums on both sides.";
/** What decompressors say of damage; bzip2 follows it by a page of advice. */
const decompressionFault = /unexpected|premature|unfinished|invalid|corrupt|error/i;

/** tar that stopped first makes the decompressor stop by SIGPIPE: then tar has the reason, unless the decompressor has said one before. */
function hasFault(decompressor: Ending): boolean {
  if (!killedBy(decompressor, "SIGPIPE")) return !succeeded(decompressor);
  return messages(decompressor).some((line) => decompressionFault.test(line));
}

/** No line speaks of it more than another. */
const noLine = /(?!)/;

interface Fault {
  /** In one of the lines of a tar that failed. */
  says: RegExp;
  wrong(name: string, size: string): string;
  remedy: string;
}

const fullRoot: Fault = {
  says: /No space left on device|Wrote only \d+ of \d+ bytes|Disk quota exceeded/,
  wrong: (name, size) => `the archive ${name} does not fit into the root file system in RAM (rd.tmpfs.size=${size})`,
  remedy: "Give a larger rd.tmpfs.size, the machine more memory, or make the archive smaller.",
};
const anyFault: Fault = {
  says: noLine,
  wrong: (name) => `${name} could not be unpacked whole`,
  remedy: again,
};
/** The first one that fits counts. */
const tarFaults: Fault[] = [
  fullRoot,
  {
    says: /does not look like a tar archive/,
    wrong: (name) => `${name} is not an archive that can be unpacked`,
    remedy: "Pack the root with tar (plain, or compressed with gzip, xz, zstd, lz4 or bzip2).",
  },
  { says: /Unexpected EOF/, wrong: (name) => `the archive ${name} is truncated`, remedy: again },
  {
    says: /Skipping to next header|Malformed|Archive contains/,
    wrong: (name) => `the archive ${name} is corrupt`,
    remedy: again,
  },
];

/**
 * What is wrong with an unpacked archive, as an error; undefined if it is whole. What programs say counts only if they fail: their warnings hold
 * names of files. tar leaves a cut at a member's boundary unnoticed (GNU tar 1.34, exit status 0): run with -R it says whether it saw the
 * blocks of zeros that end an archive.
 */
export function judge(
  name: string,
  size: string,
  tar: Ending,
  decompressor: Ending | undefined,
): BootError | undefined {
  if (succeeded(tar) && succeeded(decompressor))
    return !(tar instanceof OpError) && /\*\* Block of NULs \*\*/.test(tar.stdout ?? "")
      ? undefined
      : new BootError(`the archive ${name} is truncated: it ends without its end blocks`, again);
  if (killedBy(tar, "SIGKILL") || killedBy(decompressor, "SIGKILL"))
    return new BootError(
      `unpacking ${name} was killed: the machine ran out of memory (rd.tmpfs.size=${size})`,
      "Give the machine more memory, or make the archive smaller.",
    );
  const fault = tarFaults.find(({ says }) => messages(tar).some((line) => says.test(line))) ?? anyFault;
  if (decompressor && fault !== fullRoot && hasFault(decompressor)) {
    const reason = said(decompressor, decompressionFault);
    const cut = /unexpected|premature|unfinished/i.test(reason);
    return new BootError(`the archive ${name} is ${cut ? "truncated" : "corrupt"}: ${reason}`, again);
  }
  return new BootError(`${fault.wrong(name, size)}: ${said(tar, fault.says)}`, fault.remedy);
}

/** What tar could not keep, a line each: never dropped in silence. */
export function losses(tar: Ending): string[] {
  return tar instanceof OpError ? [] : messages(tar);
}
