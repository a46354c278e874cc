import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { outFolder } from "./paths.js";

/** Where the folder of a recipe is, or would be. */
export function cachedPlace(name: string, recipe: unknown): string {
  const key = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
  return join(outFolder, "cache", `${name}-${key}`);
}

/**
 * Does work while no other process does any by the same name. A process that ends, however it does, lets go of what it holds: flock(1) has the lock as long as
 * its standard input is open.
 */
export async function locked<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const folder = join(outFolder, "locks");
  await mkdir(folder, { recursive: true });
  const holder = spawn("flock", [join(folder, name), "sh", "-c", "echo; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  try {
    return await work();
  } finally {
    holder.stdin.end();
  }
}

/**
 * A folder below out/ that is made once for its recipe, though several processes may ask for it at the same time. It appears whole or not at all, so that an
 * interrupted one leaves nothing behind that looks finished.
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
  if (existsSync(finished)) return finished;
  return locked(basename(finished), async () => {
    if (!existsSync(finished)) await makeWhole(finished, make);
    return finished;
  });
}

async function makeWhole(finished: string, make: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(finished), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(finished), "unfinished-"));
  try {
    await make(unfinished);
    await rename(unfinished, finished);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
