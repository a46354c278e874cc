/** Writes docs/hooks.md from the comments in hooks/ and core/abi/: npm run docs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hooksReference } from "../core/generator/hooks-reference.js";
import { project } from "../core/generator/project.js";

const folder = join(project.top, "docs");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "hooks.md"), hooksReference());
