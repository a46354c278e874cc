import { driverIndexPath } from "../abi/index.js";
import type { ImageRequest } from "../schema/manifest.js";
import type { BootPlan } from "../sequencer/plan.js";
import { cpio } from "./cpio.js";
import { makeDriverIndex } from "./driver-index.js";
import { addText, type Building } from "./fill-tree.js";
import { isWholeSystem } from "./module-folders.js";
import { writeImage } from "./output.js";
import { kernelCommandLinePath } from "./own-parameters.js";
import type { Problems, Report } from "./problems.js";
import { addRescue } from "./rescue.js";
import type { SelectedModules } from "./select-modules.js";
import type { Settings } from "./settings.js";
import { makeStaticInit } from "./static-init.js";
import type { Tree } from "./tree.js";

/** What a static init has in place of the files of an image: its boot code finds none. */
export function parametersOfStaticInit({ staticInit, kernelCommandLine }: Settings): BootPlan["ownParameters"] {
  if (!staticInit) return undefined;
  return kernelCommandLine ? [{ path: kernelCommandLinePath, text: `${kernelCommandLine}\n` }] : [];
}

/** What is in a static init but its boot code, for PID 1 and for those who look into it. That modules want more is a problem. */
export function fillStaticInit(selected: SelectedModules, settings: Settings, building: Building): void {
  const { tree, problems, report } = building;
  refuseFiles(selected, problems, report);
  for (const { path, text } of parametersOfStaticInit(settings) ?? []) addText(tree, path, text);
  addRescue(tree, settings, { expectShell: false, isSystem: isWholeSystem(selected.modules), report });
  addText(tree, driverIndexPath, makeDriverIndex([], []));
}

/** How many of a module's files are named: busybox has a hundred. */
const mostNamed = 10;

function refuseFiles({ modules }: SelectedModules, problems: Problems, report: Report): void {
  for (const { name, requests, places } of modules) {
    for (const request of requests) if (request.kind === "warning") report.warning(`module ${name}: ${request.text}`);
    const installed = requests.flatMap((request, index) => {
      const what = wordsFor(request);
      return what === undefined ? [] : [`${what} (asked for at ${places[index]})`];
    });
    if (!installed.length) continue;
    const dependents = modules.filter(({ depends }) => depends.includes(name)).map((other) => other.name);
    const asked = dependents.length ? `, on which ${dependents.join(" and ")} depends,` : "";
    const more = installed.length > mostNamed ? `, and ${installed.length - mostNamed} more` : "";
    problems.add(
      `module ${name}${asked} cannot be in a static init, which is one file: it installs ${installed.slice(0, mostNamed).join(", ")}${more}; leave it out, or build an image without --static-init`,
    );
  }
}

/** undefined: what comes without files of the image, or, as drivers, beside the program. */
function wordsFor(request: ImageRequest): string | undefined {
  switch (request.kind) {
    case "program":
      return `the program ${request.names.join(" or ")}`;
    case "file":
      return `the file ${request.source}`;
    case "library":
      return `the library ${request.soname}`;
    case "text":
      return `the file ${request.path}`;
    case "directory":
    case "symlink":
      return `the ${request.kind} ${request.path}`;
    case "node":
      return `the device node ${request.path}`;
    case "drivers":
    case "warning":
      return undefined;
  }
}

/** Writes `program`, PID 1, with the tree in it, as `writeImage` does, mode 0755. Result: its size in bytes. Throws BuildError, or the signal's reason. */
export function writeStaticInit(
  path: string,
  program: Buffer,
  tree: Tree,
  settings: Settings,
  signal: AbortSignal,
): Promise<number> {
  async function* chunks(): AsyncGenerator<Buffer> {
    const archive: Buffer[] = [];
    for await (const chunk of cpio(tree.entries(), settings)) archive.push(chunk);
    yield makeStaticInit(program, Buffer.concat(archive));
  }
  return writeImage(path, { early: [], chunks: chunks(), command: undefined }, signal, { mode: 0o755 });
}
