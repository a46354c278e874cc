import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { DriverSettings } from "../../../core/generator/modprobe-config.js";
import { BuildError, type Report } from "../../../core/generator/problems.js";
import type { Tree } from "../../../core/generator/tree.js";

/** A folder for one test, with these files; it goes with the test. */
export function scratchFolder(context: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "firstlight-test-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** Writes an image's files, links and directories into an empty folder. */
export function layTree(tree: Tree, folder: string): void {
  for (const [path, entry] of tree.entries()) {
    const place = join(folder, path);
    if (entry.type === "dir") mkdirSync(place);
    else if (entry.type === "symlink") symlinkSync(entry.target, place);
    else if (entry.type === "file" && Buffer.isBuffer(entry.content))
      writeFileSync(place, entry.content, { mode: entry.mode });
    else if (entry.type === "file" && !Buffer.isBuffer(entry.content)) copyFileSync(entry.content.path, place);
  }
}

/** The problems that a piece of work ends with; none: it did not fail. Other errors than BuildError are passed on. */
export async function problemsOf(work: () => unknown): Promise<readonly string[]> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BuildError) return error.problems;
    throw error;
  }
  return [];
}

/** Keeps what a build tells. */
export function keepReport(): Report & { warnings: string[]; notes: string[] } {
  const warnings: string[] = [];
  const notes: string[] = [];
  return { warnings, notes, warning: (text) => warnings.push(text), note: (text) => notes.push(text) };
}

/** No modprobe.d. */
export const noDriverSettings: DriverSettings = {
  blacklist: new Set(),
  options: new Map(),
  aliases: [],
  softDependencies: new Map(),
  weakDependencies: new Map(),
  commands: new Map(),
};
