import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { testFamily } from "../support/init-suite.js";
import { outFolder } from "../support/paths.js";

const disk = mkdtempSync(join(outFolder, "disk-"));
writeFileSync(join(disk, "there"), "here\n");
after(() => rmSync(disk, { recursive: true }));

testFamily("files", { setup: `mkdir disk; mount --bind ${disk} disk` });
