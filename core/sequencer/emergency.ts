import type { Parameters } from "../../hooks/index.js";
import { reportPath, shellPath } from "../abi/index.js";
import { files } from "./files.js";
import { print, type SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import { formatReport, type ReportFacts, reasonOf } from "./report.js";
import { rescuePolicy } from "./rescue.js";

/** May a shell run, and is there one? Where that cannot be found out, none may. */
export function canRunShell(parameters: Parameters): boolean {
  try {
    return rescuePolicy(parameters).shell && files.stat(shellPath) !== undefined;
  } catch {
    return false;
  }
}

/**
 * A shell on the console, with job control. Events are handled meanwhile. Resolves when it is left; true: by continue-boot, which sends this
 * signal (modules.d/99base).
 */
export async function runShell(loop: Loop): Promise<boolean> {
  const { signal } = await loop.job("run", {
    argv: [shellPath],
    env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux", "PS1=firstlight:\\w# "],
    stdin: "console",
    stdout: "console",
    stderr: "console",
    terminal: true,
  });
  return signal === "SIGUSR1";
}

/** On the console, on the kernel's ring, and in a file for whoever looks at it from the shell. */
export function showReport(facts: ReportFacts, log: SequencerLog): void {
  const report = formatReport(facts);
  print(report);
  log.ring(report.trim());
  try {
    files.write(reportPath, report, { mode: 0o600 });
    print(`A copy is in ${reportPath}.\n`);
  } catch (error) {
    log.warning(`there is no copy of the report: ${reasonOf(error)}`);
  }
}
