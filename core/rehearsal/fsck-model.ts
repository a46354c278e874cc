import { Failure } from "./failure.js";
import type { ProgramEnd, ProgramModel } from "./programs.js";
import type { World } from "./world.js";

/** Milliseconds that the check of a file system takes. */
const usualTime = 200;

/** Bits of the exit status, fsck(8). */
const [repaired, left, operation] = [1, 4, 8];

/** What e2fsck 1.47 says on its standard output. */
function remarks(path: string, status: number): string {
  if (status & left)
    return `${path}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n\t(i.e., without -a or -p options)\n`;
  if (status & repaired) return `${path}: ***** FILE SYSTEM WAS MODIFIED *****\n`;
  return `${path}: clean\n`;
}

/** Its device is the last word; how it ends is what the machine's description says of that device. */
function check(world: World, argv: readonly string[]): ProgramEnd {
  const path = argv.at(-1) ?? "";
  try {
    const { number, fsck = 0 } = world.devices.at(path);
    if (world.files.mounts.some(({ system }) => system.device === number))
      return { status: operation, stderr: `${path} is mounted.\n` };
    // Where nothing may be repaired e2fsck says that errors are left; fsck.fat and fsck.f2fs have the same status for errors that they find and that they repair.
    const tellsLeft = argv[0]?.startsWith("fsck.ext") && argv.includes("-n");
    const status = tellsLeft && fsck & repaired ? (fsck & ~repaired) | left : fsck;
    return { status, stdout: remarks(path, status) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { status: operation, stderr: `${path}: ${error.errno} while trying to open it\n` };
  }
}

const model: ProgramModel = ({ argv }, { world }) => ({ ...check(world, argv), lasts: usualTime });

/** Programs that check file systems, by name. */
export const fsckPrograms: Readonly<Record<string, ProgramModel>> = Object.fromEntries(
  ["ext2", "ext3", "ext4", "vfat", "f2fs"].map((type) => [`fsck.${type}`, model]),
);
