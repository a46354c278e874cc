import { readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What the monitor is asked of a guest that does not end: where its processor is, and which interrupts and requests are on their way. */
const questions = ["info status", "info registers", "info lapic", "info pic", "info blockstats"];

/** Milliseconds. QEMU that does not answer meanwhile is itself what hangs, which its threads tell. */
const patience = 5000;

/**
 * What QEMU says of a guest that was to have ended long before, and what QEMU itself is at: without it, nobody knows whether the guest or QEMU hangs.
 *
 * @param pid QEMU's. @param monitor Its monitor, to which nothing else is said meanwhile.
 */
export async function stuckGuest(pid: number, monitor: Socket): Promise<string> {
  let said = "";
  const hear = (piece: string) => {
    said += piece;
  };
  const before = threads(pid);
  monitor.on("data", hear);
  monitor.write(questions.map((question) => `${question}\n`).join(""));
  await sleep(patience);
  monitor.off("data", hear);
  return `QEMU's monitor says:\n${said}\nQEMU's threads, now and ${patience / 1000} s ago:\n${threads(pid)}\n${before}`;
}

/** State, processor time in ticks, and system call of each thread, as far as they can be read. */
function threads(pid: number): string {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder)
      .map((thread) => {
        const read = (file: string) => readFileSync(`${folder}/${thread}/${file}`, "utf8").trim();
        const [state = "", ...fields] = read("stat").split(") ")[1]?.split(" ") ?? [];
        return `${thread} ${read("comm")}: state ${state}, time ${fields[10]}+${fields[11]}, in ${read("wchan")}`;
      })
      .join("\n");
  } catch (error) {
    return `they cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}
