import { readFileSync } from "node:fs";
import { createEngine } from "../rehearsal/engine.js";
import { memoryPages, stackSize } from "../rehearsal/rehearse.js";
import type { OwnParametersVerdict } from "../sequencer/own-parameters.js";
import type { Problems, Report } from "./problems.js";
import type { Tree } from "./tree.js";

const folder = "etc/cmdline.d/";
/** What --kernel-cmdline says. */
export const kernelCommandLinePath = `/${folder}01-default.conf`;

/** The files of kernel parameters in an image, in the order in which the boot reads them. */
export function ownParameters(tree: Tree): { path: string; text: string }[] {
  const isRead = (path: string) => path === "etc/cmdline" || /^etc\/cmdline\.d\/[^/]+\.conf$/.test(path);
  return tree
    .entries()
    .flatMap(([path, entry]) => {
      if (entry.type !== "file" || !isRead(path)) return [];
      const content = Buffer.isBuffer(entry.content) ? entry.content : readFileSync(entry.content.path);
      return { path: `/${path}`, text: content.toString() };
    })
    .sort((a, b) => Number(a.path === "/etc/cmdline") - Number(b.path === "/etc/cmdline"));
}

/**
 * Has the boot code itself judge the parameters that the image brings. A wrong value or a root= that nobody would claim is a problem: every
 * boot would stop at it, but where the boot loader says otherwise.
 */
export async function checkOwnParameters(
  bundle: string,
  files: readonly { path: string; text: string }[],
  problems: Problems,
  report: Report,
): Promise<void> {
  if (!files.length) return;
  const engine = await createEngine({
    memoryPages,
    stackSize,
    interrupt: () => false,
    functions: {
      op: (name = "") => {
        throw new Error(`the op ${name} is asked`);
      },
    },
  });
  engine.evaluate(bundle, "bundle.js");
  const verdict = JSON.parse(engine.call("judgeOwnParameters", JSON.stringify(files))) as OwnParametersVerdict;
  const place = (file = "") =>
    file === kernelCommandLinePath ? "--kernel-cmdline (kernel_cmdline)" : `the image's ${file}`;
  for (const { word, file, hint } of verdict.wrong)
    problems.add(`${place(file)}: wrong kernel parameter ${word} (${hint})`);
  for (const { word, file, hint } of verdict.unknown)
    report.warning(`${place(file)}: unknown kernel parameter ${word}${hint}`);
}
