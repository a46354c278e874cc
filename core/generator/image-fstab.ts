import { readFileSync } from "node:fs";
import { BuildError, reasonOf } from "./problems.js";
import type { Settings } from "./settings.js";

/** The image's own fstab. */
export interface ImageFstab {
  text: string;
  /** Types of the file systems in it. */
  types: string[];
}

/** DUMP and PASS as dracut has them where they are left out. */
const usual = ["defaults", "0", "2"];

/** The lines that a person has named; undefined: none. Throws BuildError with all that is wrong with them. */
export function makeFstab({ fstab: { files, lines } }: Settings): ImageFstab | undefined {
  const problems: string[] = [];
  const complete = (line: string, place: string): string[] => {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 3 || fields.length > 6 || !fields[1]?.startsWith("/"))
      problems.push(`${place} "${line.trim()}": DEVICE /MOUNT/POINT TYPE [OPTIONS [DUMP [PASS]]] is expected`);
    return [...fields, ...usual.slice(fields.length - 3)];
  };
  const entries = [
    ...files.flatMap((file) =>
      linesOf(file, problems).map(({ line, number }) => complete(line, `--add-fstab ${file}:${number}`)),
    ),
    ...lines.map((line) => complete(line, "--mount")),
  ];
  if (problems.length) throw new BuildError(...problems);
  if (!entries.length) return undefined;
  return {
    text: entries.map((fields) => `${fields.join(" ")}\n`).join(""),
    types: entries.map(([, , type = ""]) => type),
  };
}

/** Those that are neither empty nor a comment, nor about swap. */
function linesOf(file: string, problems: string[]): { line: string; number: number }[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line, index) => ({ line, number: index + 1 }))
      .filter(({ line }) => /^\s*[^#\s]/.test(line) && !/^\s*\S+\s+\S+\s+swap\b/.test(line));
  } catch (error) {
    problems.push(`--add-fstab ${file} cannot be read: ${reasonOf(error)}`);
    return [];
  }
}
