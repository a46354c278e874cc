import type { ImageRequest } from "../schema/manifest.js";
import type { DriverRequest } from "./driver-selection.js";
import type { HostFiles } from "./host-files.js";
import { findProgram, type Installer } from "./install.js";
import { BuildError, type Problems, type Report } from "./problems.js";
import type { SelectedModules } from "./select-modules.js";
import type { Tree } from "./tree.js";

/** Where the modules' requests are fulfilled. */
export interface Building {
  host: HostFiles;
  tree: Tree;
  installer: Installer;
  problems: Problems;
  report: Report;
}

/** Puts what the modules ask for into the image, except drivers: those are handed back. */
export function fillTree({ modules }: SelectedModules, building: Building): DriverRequest[] {
  const drivers: DriverRequest[] = [];
  for (const { name, number, cmdline, requests } of modules) {
    const asker = `module ${name}`;
    for (const request of requests) {
      if (request.kind === "drivers") drivers.push({ asker, ...request });
      else building.problems.during(() => fulfil(request, asker, building));
    }
    if (cmdline.length) addText(building.tree, `/etc/cmdline.d/${number}-${name}.conf`, `${cmdline.join(" ")}\n`);
  }
  return drivers;
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
      else missing(request, asker, `${request.source}, which does not exist`, report);
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

function locateProgram(host: HostFiles, name: string): string | undefined {
  if (!name.includes("/")) return findProgram(host, name);
  return host.resolve(name) ? name : undefined;
}

/** Something is not on the host: an error, or a warning that says what then does not work. */
function missing({ optional }: { optional?: string }, asker: string, what: string, report: Report): void {
  if (optional === undefined) throw new BuildError(`${asker} needs ${what}`);
  if (optional) report.warning(`${asker} would like ${what}: ${optional}`);
}
