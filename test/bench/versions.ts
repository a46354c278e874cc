import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { projectFolder } from "../support/paths.js";
import { run, tryRun } from "../support/run.js";
import type { Bench } from "./attempts.js";

const peerPackages = ["dracut-core", "initramfs-tools-core", "tiny-initramfs-core", "zstd"];
const ownPackages = ["qemu-system-x86", "gcc"];

/** Releases of what was measured, and of what measured it, by name. */
export async function versionsOf({ kernel, others }: Bench): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(projectFolder, "package.json"), "utf8")) as { version: string };
  const { stdout: commit } = await tryRun(["git", "-C", projectFolder, "rev-parse", "--short", "HEAD"]);
  return {
    firstlight: [version, commit.trim()].filter(Boolean).join("-"),
    kernel: kernel.release,
    node: process.versions.node,
    ...(await packageVersions([], ownPackages)),
    ...(others === undefined ? {} : await packageVersions([`--root=${others}`], peerPackages)),
  };
}

async function packageVersions(options: readonly string[], names: readonly string[]): Promise<Record<string, string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in
  const listing = await run(["dpkg-query", ...options, "-W", "-f", "${Package} ${Version}\\n", ...names]);
  return Object.fromEntries(
    listing
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
}
