import type { SourceMap } from "node:module";
import { resolve } from "node:path";
import type { ModuleFolder } from "./module-folders.js";
import { project } from "./project.js";

/** "file:line" of the first frame of a stack trace of QuickJS's that lies in a module's folder. `sources` is of the one script that ran. */
export function firstPlace(trace: string, sources: SourceMap, modules: readonly ModuleFolder[]): string | undefined {
  for (const [, line, column] of trace.matchAll(/\.js:(\d+):(\d+)\)?$/gm)) {
    const origin = findOrigin(sources, Number(line) - 1, Number(column) - 1);
    const path = origin && resolve(project.top, origin.originalSource);
    if (path && modules.some(({ folder }) => path.startsWith(`${folder}/`)))
      return `${path}:${origin.originalLine + 1}`;
  }
  return undefined;
}

/** QuickJS may know the line only, and say column 1, before the first mapping of that line. */
function findOrigin(sources: SourceMap, line: number, column: number) {
  for (const at of [column, Number.MAX_SAFE_INTEGER]) {
    const origin = sources.findEntry(line, at);
    if ("originalSource" in origin && origin.generatedLine === line) return origin;
  }
  return undefined;
}
