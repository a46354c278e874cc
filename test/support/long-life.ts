import { runInit } from "./init-container.js";
import { bootCode } from "./init-suite.js";

/** What PID 1 holds while a stage runs. */
export interface Held {
  /** KiB of its own, not of its file. */
  anonymous: number;
  /** KiB of address space. */
  addresses: number;
  descriptors: number;
}

/** Stages after which the first measure is taken: by then all that is made once is there. */
const settled = 20;

/**
 * PID 1 in a namespace runs so many stages, each by a fresh engine, and each leaves so many orphans behind. What it held in one of the first stages
 * and in the last one.
 */
export async function longLife(
  stages: number,
  orphans: number,
  timeLimit: number,
): Promise<{ first: Held; last: Held }> {
  const stage = `
    n=0; while [ $n -lt ${orphans} ]; do (: &); n=$((n + 1)); done
    case $1 in
    ${settled}|${stages})
      while [ -n "$(grep -ls '^PPid:.1$' /proc/[0-9]*/status | grep -vx "/proc/$$/status")" ]; do :; done
      echo "HELD $(awk '/^Anonymous/ { print $2 }' /proc/1/smaps_rollup) $(awk '/^VmSize/ { print $2 }' /proc/1/status)" \\
        "$(ls /proc/1/fd | wc -l)" ;;
    esac`;
  const { console } = await runInit({
    program: "init",
    timeLimit,
    bundle: await bootCode(`
      if (engine <= ${stages}) {
        const argv = ["sh", "-c", ${JSON.stringify(stage)}, "sh", String(engine)];
        ops.value("finish", { word: "run", program: { argv }, streams: [[], [], []], others: "keep", state: "stage " + engine });
      }`),
  });
  const [first, last] = [...console.matchAll(/^HELD (\d+) (\d+) (\d+)$/gm)].map((match): Held => {
    const [anonymous = 0, addresses = 0, descriptors = 0] = match.slice(1).map(Number);
    return { anonymous, addresses, descriptors };
  });
  if (!first || !last) throw new Error(`PID 1 has not come to its last stage:\n${console}`);
  return { first, last };
}
