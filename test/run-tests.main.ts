/**
 * Runs the tests below dist/test, two files at a time, and ends with node's own summary: npm test [-- PATTERN...]
 * A pattern is a part of a file's path, `vm` or `unit/generator`; without one all run.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { debianFolder } from "./support/debian-root.js";
import { debianKernel } from "./support/kernels.js";
import { layerDisks } from "./support/layer-disks.js";
import { layersRoot } from "./support/layers-root.js";
import { projectFolder } from "./support/paths.js";
import { diskFixtures } from "./support/root-disks.js";

const patterns = process.argv.slice(2);
const folder = join(projectFolder, "dist/test");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
  .sort();
if (files.length === 0) {
  console.error(`no test file's path contains ${patterns.join(" or ")}`);
  process.exit(1);
}

const isBoot = (name: string) => name.startsWith("vm/");

/** What several files share is made while those go on that come first and do without. Who needs it before waits for it (cachedFolder). */
async function prepare(): Promise<void> {
  await debianKernel("cloud");
  await debianKernel("full");
  await layersRoot();
  await diskFixtures();
  await layerDisks("btrfs");
  await debianFolder();
}

/** A test that needs what could not be made makes it, or fails by itself. Told at the end, where it is read. */
function tellAtTheEnd(error: unknown): void {
  process.on("exit", () => console.error("what several tests share could not be made at first:", error));
}

if (files.some(isBoot)) prepare().catch(tellAtTheEnd);

const reporter = process.stdout.isTTY ? "spec" : "tap";
const node = ["--enable-source-maps", "--test", "--test-concurrency=2", `--test-reporter=${reporter}`];
const child = spawn(process.execPath, [...node, ...files.map((name) => join(folder, name))], { stdio: "inherit" });
child.on("close", (status) => {
  process.exitCode ||= status ?? 1;
});
