import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** firstlight's own folder, wherever the compiled program that runs lies in it. */
function findTop(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

const top = findTop();

/** Paths of firstlight itself. */
export const project = {
  top,
  version: String(JSON.parse(readFileSync(join(top, "package.json"), "utf8")).version),
  hooks: join(top, "hooks/index.ts"),
  /** The module that new-module writes. */
  template: join(top, "hooks/template"),
  modules: join(top, "modules.d"),
  sequencer: join(top, "core/sequencer/start.ts"),
  /** In place of it where a module is the whole system. */
  systemSequencer: join(top, "core/sequencer/start-system.ts"),
  setupGuest: join(top, "core/generator/setup-guest.ts"),
  init: join(top, "dist/init/init"),
} as const;
