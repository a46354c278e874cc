/** Writes man/mkinitrd.8 from the table of options: npm run man. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { manualPage } from "../core/generator/help.js";
import { project } from "../core/generator/project.js";

const folder = join(project.top, "man");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "mkinitrd.8"), manualPage());
