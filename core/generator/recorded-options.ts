import { addText } from "./fill-tree.js";
import type { Tree } from "./tree.js";

/** In an image: the options that it was built with, a JSON array of words. */
export const recordedOptionsPath = "/usr/lib/firstlight/options.json";

export function recordOptions(tree: Tree, words: readonly string[]): void {
  addText(tree, recordedOptionsPath, `${JSON.stringify(words)}\n`);
}
