import { BootError, OpError, type ProgramResult } from "firstlight/hooks";

/** How one program of the pipeline ended: its result, or why it could not be run. */
export type Ending = ProgramResult | OpError;

const again = "Make the archive again and copy it whole; compare checksums on both sides.";

/** The first lines of what a program said, without those that only say where it is in the archive. */
function messages(text = ""): string[] {
  return text.split("\n").filter((line) => line && !/^block \d+:/.test(line));
}

function said(ending: Ending): string {
  if (ending instanceof OpError) return ending.message;
  const lines = messages(ending.stderr).slice(0, 4);
  if (ending.signal) lines.unshift(`killed by ${ending.signal}`);
  return lines.join("; ") || `exit status ${ending.status}`;
}

function succeeded(ending: Ending): ending is ProgramResult {
  return !(ending instanceof OpError) && ending.status === 0;
}

function killedBy(ending: Ending, signal: string): boolean {
  return !(ending instanceof OpError) && ending.signal === signal;
}

/**
 * What is wrong with an unpacked archive, as an error; undefined if it is whole. tar leaves a cut at a member's boundary unnoticed (GNU tar 1.34,
 * exit status 0): run with -R it says whether it saw the blocks of zeros that end an archive.
 */
export function judge(
  name: string,
  size: string,
  tar: Ending,
  decompressor: Ending | undefined,
): BootError | undefined {
  const tarSaid = said(tar);
  if (/No space left on device|Wrote only \d+ of \d+ bytes|Disk quota exceeded/.test(tarSaid))
    return new BootError(
      `the archive ${name} does not fit into the root file system in RAM (rd.tmpfs.size=${size}): ${tarSaid}`,
      "Give a larger rd.tmpfs.size, the machine more memory, or make the archive smaller.",
    );
  if (killedBy(tar, "SIGKILL") || (decompressor && killedBy(decompressor, "SIGKILL")))
    return new BootError(
      `unpacking ${name} was killed: the machine ran out of memory (rd.tmpfs.size=${size})`,
      "Give the machine more memory, or make the archive smaller.",
    );
  // tar that stopped first makes the decompressor stop by SIGPIPE: then tar has the reason.
  if (decompressor && !succeeded(decompressor) && !killedBy(decompressor, "SIGPIPE")) {
    const cut = /unexpected(ly)?\b|premature|unfinished/i.test(said(decompressor));
    return new BootError(`the archive ${name} is ${cut ? "truncated" : "corrupt"}: ${said(decompressor)}`, again);
  }
  if (/does not look like a tar archive/.test(tarSaid))
    return new BootError(
      `${name} is not an archive that can be unpacked: ${tarSaid}`,
      "Pack the root with tar (plain, or compressed with gzip, xz, zstd, lz4 or bzip2).",
    );
  if (/Unexpected EOF/.test(tarSaid)) return new BootError(`the archive ${name} is truncated: ${tarSaid}`, again);
  if (/Skipping to next header|Malformed|invalid|Archive contains/i.test(tarSaid))
    return new BootError(`the archive ${name} is corrupt: ${tarSaid}`, again);
  if (!succeeded(tar)) return new BootError(`${name} could not be unpacked whole: ${tarSaid}`, again);
  if (!/\*\* Block of NULs \*\*/.test(tar.stdout ?? ""))
    return new BootError(`the archive ${name} is truncated: it ends without its end blocks`, again);
  return undefined;
}

/** What tar could not keep, a line each: never dropped in silence. */
export function losses(tar: Ending): string[] {
  return tar instanceof OpError ? [] : messages(tar.stderr);
}
