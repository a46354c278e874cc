import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Kernel } from "../support/kernels.js";
import { projectFolder } from "../support/paths.js";
import { run, tryRun } from "../support/run.js";
import { peerSystem } from "./peers.js";

const peerPackages = ["dracut-core", "initramfs-tools-core", "tiny-initramfs-core", "zstd"];
const ownPackages = ["qemu-system-x86", "gcc"];

/** Releases of what was measured, and of what measured it, by name. `quick`: without the other generators. */
export async function versionsOf(kernel: Kernel, quick: boolean): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(projectFolder, "package.json"), "utf8")) as { version: string };
  const { stdout: commit } = await tryRun(["git", "-C", projectFolder, "rev-parse", "--short", "HEAD"]);
  return {
    firstlight: [version, commit.trim()].filter(Boolean).join("-"),
    kernel: kernel.release,
    node: process.versions.node,
    ...(await packageVersions([], ownPackages)),
    ...(quick ? {} : await packageVersions([`--root=${await peerSystem(kernel)}`], peerPackages)),
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
