import { type Boot, BootError, type Device, errnoOf, type ProgramResult } from "firstlight/hooks";
import { checkers, type Repair } from "./checkers.js";

/** How file systems are to be checked, as the command line says. */
export interface Wishes {
  mode: "auto" | "force" | "skip";
  repair: Repair;
}

/** systemd-fsck(8)'s parameters, and those of dracut and of older systems. */
export function readWishes({ parameters }: Pick<Boot, "parameters">): Wishes {
  const isSkipped = parameters.flag("rd.skipfsck", false) || parameters.flag("fastboot", false);
  const isForced = parameters.flag("forcefsck", false);
  const mode = parameters.text("fsck.mode") ?? (isSkipped ? "skip" : isForced ? "force" : "auto");
  return { mode: mode as Wishes["mode"], repair: (parameters.text("fsck.repair") ?? "preen") as Repair };
}

/** Bits of the exit status, fsck(8). */
const bits = { repaired: 1, reboot: 2, left: 4, operation: 8, usage: 16, cancelled: 32, library: 128 } as const;

/** What does not keep a boot from going on: it is in the log. */
const remarks: readonly [bit: number, text: string][] = [
  [bits.repaired, "errors were repaired"],
  [bits.operation, "the check could not be done (operational error)"],
  [bits.usage, "the check could not be done (usage error)"],
  [bits.library, "the check could not be done (a shared library)"],
];

/** What was asked: "fsck.ext4 -p -C 0 /dev/vda1". */
interface Check {
  device: Device;
  /** What lies on it, for messages: "the root". */
  what: string;
  argv: readonly string[];
  repair: Repair;
}

/** fsck.fat(8) and fsck.f2fs(8) have the same status for what they find where they may repair nothing; e2fsck tells that errors are left. */
const notRepaired = "errors were found, and left as they are (fsck.repair=no)";

/** They share one terminal: each check waits for the one before it. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Checks a file system that is not mounted, on the console, where Ctrl-C cancels it. "reboot": the machine has to restart before it is mounted. Rejects with
 * BootError: errors are left, or the check was cancelled. What cannot be checked is a warning; of a type that needs no check, nothing.
 */
export async function checkFileSystem(
  boot: Pick<Boot, "programs" | "log">,
  device: Device,
  what: string,
  { mode, repair }: Wishes,
): Promise<"checked" | "unchecked" | "reboot"> {
  const { programs, log } = boot;
  const checker = checkers[device.tags.TYPE ?? ""];
  if (!checker || mode === "skip") return "unchecked";
  const { program, force, progress } = checker;
  if (!programs.exists(program)) {
    log.warning(
      `${device.path} (${what}) is not checked: the image has no ${program}; add it with mkinitrd --fscks ${program}`,
    );
    return "unchecked";
  }
  const argv = [program, ...checker.repair[repair], ...(mode === "force" ? force : []), ...progress, device.path];
  const check = last.then(() => {
    log.info(`checking ${device.path} (${what}): ${argv.join(" ")}; Ctrl-C cancels it`);
    return run(boot, argv);
  });
  last = check.catch(() => undefined);
  return judge(boot, { device, what, argv, repair }, await check);
}

/** On the console, as its foreground: there its bar, and what it has to say, are seen, and Ctrl-C reaches it. */
function run({ programs }: Pick<Boot, "programs">, argv: string[]): Promise<ProgramResult | string> {
  const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux", "LC_ALL=C"];
  return programs
    .run({ argv, env, stdin: "console", stdout: "console", stderr: "console", terminal: true })
    .catch((error) => {
      if (errnoOf(error) === undefined) throw error;
      return String(error);
    });
}

/** Throws BootError. */
function judge(
  { log }: Pick<Boot, "log">,
  { device, what, argv, repair }: Check,
  result: ProgramResult | string,
): "checked" | "unchecked" | "reboot" {
  const name = `${device.path} (${what})`;
  if (typeof result === "string") {
    log.warning(`${name} is not checked: ${result}`);
    return "unchecked";
  }
  const { status, signal } = result;
  // Programs that do not catch it die of Ctrl-C.
  if (signal !== null && signal !== "SIGINT") {
    log.warning(`${name} is not checked: ${argv[0]} was ended by ${signal}`);
    return "unchecked";
  }
  const has = (bit: number) => ((status ?? bits.cancelled) & bit) !== 0;
  const found = remarks
    .filter(([bit]) => has(bit))
    .map(([bit, text]) => (bit === bits.repaired && repair === "no" ? notRepaired : text));
  if (found.length) log.warning(`${name}: ${found.join("; ")} (${argv[0]}: status ${status})`);
  if (has(bits.left)) throw errorsLeft(name, argv, device, status);
  if (has(bits.cancelled))
    throw new BootError(
      `the check of ${name} was cancelled`,
      `exit checks it again, continue-boot goes on without; fsck.mode=skip on the kernel command line leaves all checks out.`,
    );
  if (has(bits.reboot)) {
    log.warning(`${name}: the machine has to restart before it is mounted`);
    return "reboot";
  }
  return has(bits.operation | bits.usage | bits.library) ? "unchecked" : "checked";
}

const errorsLeft = (name: string, [program]: readonly string[], { path }: Device, status: number | null) =>
  new BootError(
    `errors are left on the file system of ${name}: ${program} could not repair them by itself (status ${status})`,
    `Run "${program} ${path}" here, and answer its questions; then exit tries the boot again. Save what is on the device first, if you can.`,
  );

/** Instead of going on, where a check asks for it. */
export async function restart({ job, finish }: Pick<Boot, "job" | "finish">): Promise<void> {
  await job("sync", {});
  finish({ word: "reboot", action: "reboot" });
}
