import { type Boot, errnoOf, type OpError, type ProgramResult, type Running } from "firstlight/hooks";
import type { Archive } from "./archive.js";
import { type Ending, judge, losses } from "./verdict.js";

const environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"];

/** Everything that an archive can hold. */
export const tarCommand = [
  "tar",
  "-x",
  "-p",
  "-R",
  "-f",
  "-",
  "--numeric-owner",
  "--same-owner",
  "--acls",
  "--xattrs",
  "--xattrs-include=*",
];
tarCommand.push("--selinux", "--delay-directory-restore", "--warning=no-timestamp");

/** Bytes of tar's remarks: all of them, within reason. */
const keptRemarks = 4 << 20;

/** As many of tar's remarks are shown; the number of the others is. */
const shownLosses = 20;

function ending(running: Running<ProgramResult>): Promise<Ending> {
  return running.done.catch((error: OpError) => {
    if (errnoOf(error) === undefined) throw error;
    return error;
  });
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Logs every tenth of the archive that `reader` has passed, until it ends. */
async function showProgress(
  { clock, log }: Boot,
  { path, size }: Archive,
  reader: Running<ProgramResult>,
): Promise<void> {
  let shown = 0;
  for (;;) {
    await clock.sleep(500);
    const position = reader.inputPosition();
    if (position === undefined) return;
    const tenths = Math.floor((position / size) * 10);
    if (tenths > shown)
      log.info(`${path.slice(path.lastIndexOf("/") + 1)}: ${tenths * 10} % of ${megabytes(size)} unpacked`);
    shown = tenths;
  }
}

/** The programs of the pipeline. */
interface Pipeline {
  tar: Running<ProgramResult>;
  /** undefined: the archive is not compressed. */
  decompressor: Running<ProgramResult> | undefined;
}

function startPipeline({ programs }: Boot, { path, format }: Archive, target: string): Pipeline {
  const file = { file: path };
  const pipe = format && programs.pipe();
  const tar = programs.start({
    argv: tarCommand,
    env: environment,
    cwd: target,
    stdin: pipe === undefined ? file : { pipe },
    stdout: "keep",
    stderr: "keep",
    keepLimit: keptRemarks,
  });
  if (!format || pipe === undefined) return { tar, decompressor: undefined };
  try {
    const stdout = { pipe };
    return {
      tar,
      decompressor: programs.start({ argv: format.command, env: environment, stdin: file, stdout, stderr: "keep" }),
    };
  } catch (error) {
    // It would wait for ever.
    tar.signal("SIGKILL");
    throw error;
  }
}

/**
 * Unpacks an archive into `target`: decompressor and tar joined by a pipe. Throws a BootError unless every byte of it arrived; what the file
 * system cannot hold (user.* attributes on a tmpfs before Linux 6.6) is a warning for each.
 */
export async function unpack(boot: Boot, archive: Archive, target: string, size: string): Promise<void> {
  const { log, clock } = boot;
  const begun = clock.now();
  const name = archive.path.slice(archive.path.lastIndexOf("/") + 1);
  const { tar, decompressor } = startPipeline(boot, archive, target);
  void showProgress(boot, archive, decompressor ?? tar);
  const tarEnding = await ending(tar);
  const error = judge(name, size, tarEnding, decompressor && (await ending(decompressor)));
  if (error) throw error;
  const lost = losses(tarEnding);
  for (const line of lost.slice(0, shownLosses)) log.warning(`${name}: ${line}`);
  if (lost.length > shownLosses) log.warning(`${name}: and ${lost.length - shownLosses} more such lines`);
  log.info(`${name}: ${megabytes(archive.size)} unpacked in ${((clock.now() - begun) / 1000).toFixed(1)} s`);
}
