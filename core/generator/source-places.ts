import { readFileSync } from "node:fs";
import type { SourceMap } from "node:module";
import { resolve } from "node:path";
import type { ModuleFolder } from "./module-folders.js";
import { project } from "./project.js";

/**
 * "file:line" of the first frame of a stack trace of QuickJS's that lies in a module's folder; undefined: there is none. `sources` is of the one
 * script that ran.
 */
export function firstPlace(trace: string, sources: SourceMap, modules: readonly ModuleFolder[]): string | undefined {
  for (const [, line, column] of trace.matchAll(/\.js:(\d+):(\d+)\)?$/gm)) {
    const origin = findOrigin(sources, Number(line) - 1, Number(column) - 1);
    // The map's sources are URLs.
    const path = origin && resolve(project.top, decodeURIComponent(origin.originalSource));
    if (path && modules.some(({ folder }) => path.startsWith(`${folder}/`)))
      return `${path}:${origin.originalLine + 1}`;
  }
  return undefined;
}

/** QuickJS may know the line only, and say column 1: before that line's first token, where the map still leads to what precedes it. */
function findOrigin(sources: SourceMap, line: number, column: number) {
  for (const at of [column || Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, column]) {
    const origin = sources.findEntry(line, at);
    if ("originalSource" in origin && origin.generatedLine === line) return origin;
  }
  return undefined;
}

/** "file:line" of the first line that holds this text; the file alone where none does. */
export function placeOfText(file: string, text: string): string {
  return placeOfLine(file, (line) => line.includes(text));
}

/** The same for a member of an object as it is written in a source: `name:`, `"name":` or `name(`. */
export function placeOfKey(file: string, name: string): string {
  const keys = /[^\s"'`{},]+(?=["'`]?\s*[:(])/g;
  return placeOfLine(file, (line) => line.match(keys)?.includes(name) ?? false);
}

function placeOfLine(file: string, matches: (line: string) => boolean): string {
  const index = readFileSync(file, "utf8").split("\n").findIndex(matches);
  return index < 0 ? file : `${file}:${index + 1}`;
}
