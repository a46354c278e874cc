import type { Boot } from "firstlight/hooks";

/**
 * The initramfs has no udev to make nodes and names, and a /run/udev all the same, by which mdadm would take it for there; nor systemd to start mdmon.
 * See mdadm(8), ENVIRONMENT.
 */
const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MDADM_NO_UDEV=1", "MDADM_NO_SYSTEMCTL=1"];

/** What mdadm has answered. */
export interface Answer {
  succeeded: boolean;
  /** Its standard output. */
  said: string;
  /** What went wrong, or may have, in its own words where it has some; empty: nothing. */
  complaint: string;
}

/** Runs mdadm. Rejects with OpError where it cannot be run. */
export async function mdadm({ programs }: Pick<Boot, "programs">, words: readonly string[]): Promise<Answer> {
  const {
    status,
    signal,
    stdout = "",
    stderr = "",
  } = await programs.run({
    argv: ["mdadm", ...words],
    env,
    stdout: "keep",
    stderr: "keep",
  });
  const succeeded = status === 0;
  const own = stderr.trim().replaceAll("\n", "; ");
  const isTold = succeeded || (signal === null && own);
  const end = isTold ? "" : `mdadm ${words[0]} ended with ${signal ?? `status ${status}`}`;
  const complaint = [own, end].filter(Boolean).join("; ");
  return { succeeded, said: stdout, complaint };
}
