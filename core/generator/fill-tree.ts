import type { ImageRequest } from "../schema/manifest.js";
import type { DriverRequest } from "./driver-selection.js";
import type { HostFiles } from "./host-files.js";
import { type Installer, locateProgram } from "./install.js";
import { BuildError, type Problems, type Report, reworded } from "./problems.js";
import type { SelectedModules } from "./select-modules.js";
import type { Tree } from "./tree.js";

/** Where the modules' requests are fulfilled. */
export interface Building {
  host: HostFiles;
  tree: Tree;
  installer: Installer;
  problems: Problems;
  report: Report;
  /** Bytes that each part of the image takes, uncompressed. */
  sizes: Map<string, number>;
}

/** Runs a part of the work, counts what it has put into the image, and marks that as its own. */
export function measured({ tree, sizes }: Building, part: string, work: () => void): void {
  const before = tree.size();
  tree.bringer = part;
  work();
  tree.bringer = undefined;
  sizes.set(part, tree.size() - before);
}

/** Puts what the modules ask for into the image, except drivers; `storeHostParameters`: also the kernel parameters that the host needs. */
export function fillTree({ modules }: SelectedModules, storeHostParameters: boolean, building: Building): void {
  for (const { name, number, cmdline, requests, places } of modules) {
    measured(building, name, () => {
      for (const [index, request] of requests.entries())
        if (request.kind !== "drivers")
          building.problems.during(() =>
            reworded(
              (problem) => `${problem} (asked for at ${places[index]})`,
              () => fulfil(request, `module ${name}`, building),
            ),
          );
    });
    if (storeHostParameters && cmdline.length)
      addText(building.tree, `/etc/cmdline.d/${number}-${name}.conf`, `${cmdline.join(" ")}\n`);
  }
}

/** The drivers that the modules ask for. */
export function driverRequests({ modules }: SelectedModules): DriverRequest[] {
  return modules.flatMap(({ name, requests, places }) =>
    requests.flatMap((request, index) =>
      request.kind === "drivers" ? [{ asker: `module ${name} (${places[index]})`, ...request }] : [],
    ),
  );
}

/** What a person names by -I: programs by their names, files by their paths. */
export function installItems(
  items: readonly string[],
  optional: boolean,
  { host, installer, problems }: Building,
): void {
  for (const item of items) {
    const path = locateProgram(host, item);
    if (/^[^/]+\//.test(item))
      problems.add(`--install: ${item} is neither the name of a program nor an absolute path: write it from "/"`);
    else if (path !== undefined) problems.during(() => installer.file(path));
    else if (!optional)
      problems.add(
        `--install: ${item.includes("/") ? host.whyMissing(item) : `there is no program ${item}: install its package`}, or say --install-optional`,
      );
  }
}

/** A file that the generator makes. */
export function addText(tree: Tree, path: string, content: string | Buffer, mode = 0o644): void {
  tree.add(path, { type: "file", mode, content: Buffer.from(content), modified: 0 });
}

function fulfil(request: Exclude<ImageRequest, { kind: "drivers" }>, asker: string, building: Building): void {
  const { host, tree, installer, report } = building;
  switch (request.kind) {
    case "program": {
      const path = request.names.map((name) => locateProgram(host, name)).find((found) => found !== undefined);
      if (path !== undefined) installer.file(path);
      else missing(request, asker, `the program ${request.names.join(" or ")}, which is not installed`, report);
      return;
    }
    case "file":
      if (host.resolve(request.source)) installer.file(request.source, request);
      else missing(request, asker, `a file, but ${host.whyMissing(request.source)}`, report);
      return;
    case "library":
      if (!installer.library(request.soname))
        missing(request, asker, `the library ${request.soname}, which is not installed`, report);
      return;
    case "text":
      addText(tree, request.path, request.content, request.mode);
      return;
    case "directory":
      tree.add(request.path, { type: "dir", mode: request.mode ?? 0o755 });
      return;
    case "symlink":
      tree.add(request.path, { type: "symlink", target: request.target });
      return;
    case "node":
      tree.add(request.path, { ...request, type: "node", kind: request.type });
      return;
    case "warning":
      report.warning(`${asker}: ${request.text}`);
      return;
  }
}

/** Something is not on the host: an error, or a warning that says what then does not work. */
function missing({ optional }: { optional?: string }, asker: string, what: string, report: Report): void {
  if (optional === undefined) throw new BuildError(`${asker} needs ${what}`);
  if (optional) report.warning(`${asker} would like ${what}: ${optional}`);
}
