import { shellPath } from "../abi/index.js";
import { instant } from "./door.js";
import { files } from "./files.js";
import { print } from "./log.js";
import { formatReport, type ReportFacts, reasonOf } from "./report.js";
import type { Services } from "./services.js";

const reportPath = "/run/initramfs/report.txt";

/** May a shell run, and is there one? */
export function canRunShell(allowed: boolean): boolean {
  return allowed && files.stat(shellPath) !== undefined;
}

/** A shell on the console, with job control. Events are handled meanwhile, drivers of keyboards loaded. Resolves when it is left. */
export async function runShell({ loop, drivers }: Pick<Services, "loop" | "drivers">): Promise<void> {
  void drivers.loadAll();
  await loop.job("run", {
    argv: [shellPath],
    env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux", "PS1=firstlight:\\w# "],
    stdin: "console",
    stdout: "console",
    stderr: "console",
    terminal: true,
  });
}

/** Shows the report and ends this engine: after a shell, where one may run, for another try; else by the rescue policy. */
export async function stopBoot(facts: ReportFacts, shellAllowed: boolean, services: Services): Promise<void> {
  const report = formatReport(facts);
  print(report);
  services.log.ring(report.trim());
  try {
    files.write(reportPath, report, { mode: 0o600 });
  } catch (error) {
    // Nothing depends on the copy: the report is on the console.
    services.log.warning(`the report is not kept: ${reasonOf(error)}`);
  }
  const retry = canRunShell(shellAllowed);
  if (retry) {
    print(`A copy is in ${reportPath}. This is a shell; exit tries the boot again.\n`);
    services.wants.onLate((description) => print(`\n${description} has arrived: exit to go on.\n`));
    await runShell(services);
  }
  instant("finish", { word: "failed", reason: reasonOf(facts.error), retry });
}
