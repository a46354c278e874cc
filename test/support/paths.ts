import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder: the nearest one above this program that holds package.json. */
export const projectFolder = nearestAbove(dirname(fileURLToPath(import.meta.url)));

/** What is made for tests, demo and measurements; may be deleted at any time. */
export const outFolder = join(projectFolder, "out");

function nearestAbove(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : nearestAbove(dirname(folder));
}
