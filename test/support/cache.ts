import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { outFolder } from "./paths.js";

/** Where the folder of a recipe is, or would be. */
export function cachedPlace(name: string, recipe: unknown): string {
  const key = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
  return join(outFolder, "cache", `${name}-${key}`);
}

/**
 * A folder below out/ that is made once for its recipe. It appears whole or not at all, so that several processes may ask for it at
 * the same time, and an interrupted one leaves nothing behind that looks finished.
 *
 * @param recipe All that decides what comes into the folder: versions, sizes, scripts, options.
 * @returns The folder's path.
 */
export async function cachedFolder(
  name: string,
  recipe: unknown,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const finished = cachedPlace(name, recipe);
  if (existsSync(finished)) {
    return finished;
  }
  await mkdir(join(outFolder, "cache"), { recursive: true });
  const unfinished = await mkdtemp(join(outFolder, "cache", "unfinished-"));
  try {
    await make(unfinished);
    await rename(unfinished, finished).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") {
        throw error;
      }
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return finished;
}
