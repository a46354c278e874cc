import { recordedOptionsPath, recordedVersionPath } from "../abi/index.js";
import { addText } from "./fill-tree.js";
import { project } from "./project.js";
import type { Tree } from "./tree.js";

/** Puts into an image what it was built by, and how. */
export function recordOptions(tree: Tree, words: readonly string[]): void {
  addText(tree, recordedVersionPath, `firstlight ${project.version}\n`);
  addText(tree, recordedOptionsPath, `${JSON.stringify(words)}\n`);
}
