import type { Boot, ProgramResult } from "firstlight/hooks";

/** How a command of LVM has ended, and all that it has said. */
export type LvmResult = Pick<ProgramResult, "status" | "signal"> & { stdout: string; stderr: string };

/** No udev answers: nodes are made here, and nobody is waited for (libdevmapper, DM_DISABLE_UDEV). */
const environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DM_DISABLE_UDEV=1"];

/** Runs a command of LVM. Rejects with OpError. */
export async function lvm({ programs }: Boot, words: readonly string[]): Promise<LvmResult> {
  const end = await programs.run({
    argv: ["lvm", ...words],
    env: environment,
    stdout: "keep",
    stderr: "keep",
  });
  return { stdout: "", stderr: "", ...end };
}

/** The sentences of LVM about what is wrong, in one line, with how it ended where that was no success. */
export function said({ status, signal, stdout, stderr }: LvmResult): string {
  const sentences = `${stderr}\n${stdout}`
    .split("\n")
    .map((line) => line.replace(/^\s*(pvscan\[\d+\] )?(WARNING: )?/, "").replace(/\.?\s*$/, ""))
    // Each missing physical volume is named again, with its group and where it was last.
    .filter((line) => line && !/^Couldn't find device with uuid|logical volume\(s\) in volume group/.test(line));
  const end = signal === null ? `status ${status}` : signal;
  return [...new Set(sentences), ...(status === 0 ? [] : [`lvm has ended with ${end}`])].join("; ");
}
