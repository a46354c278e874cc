import { type Boot, errnoOf } from "firstlight/hooks";

/** Milliseconds that killed processes have to end; and how often they are looked for. */
const longest = 5_000;
const interval = 50;

/**
 * Kills the processes that the old init has left, and waits for their end. Those that the root's devices need (argv[0] "@…", systemd's convention,
 * systemd.io/ROOT_STORAGE_DAEMONS) only if they are meant, too. False: there was none.
 */
export async function killOthers(boot: Boot, { servers }: { servers: boolean }): Promise<boolean> {
  const { clock, log, programs } = boot;
  const others = otherProcesses(boot).filter(({ words }) => servers || !words.startsWith("@"));
  for (const { number, words } of others) {
    log.info(`shutdown: process ${number} is killed: ${words}`);
    try {
      programs.kill(number, "SIGKILL");
    } catch (error) {
      if (errnoOf(error) !== "ESRCH") log.warning(`shutdown: process ${number}: ${error}`);
    }
  }
  const until = clock.now() + longest;
  const isThere = ({ number }: Process) => commandOf(boot, number) !== "";
  while (others.some(isThere) && clock.now() < until) await clock.sleep(interval);
  return others.length > 0;
}

interface Process {
  number: number;
  /** Its command line. */
  words: string;
}

/** All but PID 1, the engine, and the kernel's own, which have no command line. */
function otherProcesses(boot: Boot): Process[] {
  const own = boot.files.readLink("/proc/self");
  return boot.files.list("/proc").flatMap(({ name }) => {
    if (!/^\d+$/.test(name) || name === "1" || name === own) return [];
    const words = commandOf(boot, Number(name));
    return words ? [{ number: Number(name), words }] : [];
  });
}

/** Empty: it has ended. */
function commandOf({ files }: Boot, number: number): string {
  try {
    return files.read(`/proc/${number}/cmdline`).replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
