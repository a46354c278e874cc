/** The command line of core/bug-report: see --help. Exit status: 0 done, 1 nothing was written. */
import { usualFolder, writeBugReport } from "../core/bug-report/bug-report.js";
import { BuildError } from "../core/generator/problems.js";
import { runTool } from "./run-tool.js";

const help = `usage: bug-report [OPTIONS] [IMAGE]
Gathers in one text file what the boot of this system has left behind: its recording and report, versions, the image's
options, the kernel command line and the configuration. Passwords and keys are masked where their names tell what they
are. IMAGE is the one that was booted; left out: the one that has the recorded boot code, of those that the kernel command
line names, those in /boot, and unified kernel images.
  --output FILE          write it there; left out: firstlight-bug-report.txt
  --run-initramfs DIR    a copy of a boot's /run/initramfs; left out: this system's
  -h, --help             show this and end
`;

const options = { output: { type: "string" }, "run-initramfs": { type: "string" } } as const;

await runTool("bug-report", help, options, async (given, [image, ...others]) => {
  if (others.length) throw new BuildError("one IMAGE at most: see bug-report --help");
  const text = (name: keyof typeof options, otherwise: string) => {
    const value = given[name];
    if (value === "") throw new BuildError(`--${name} needs a value`);
    return typeof value === "string" ? value : otherwise;
  };
  const output = text("output", "firstlight-bug-report.txt");
  const { masked, remark } = await writeBugReport({
    folder: text("run-initramfs", usualFolder),
    image,
    output,
  });
  process.stdout.write(
    `${remark}\n${output} is written; ${masked} passwords and keys are masked. Look through it before you send it.\n`,
  );
});
