import { rm } from "node:fs/promises";
import { join } from "node:path";
import { outFolder, projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";

/** Bytes of the drivers of an image of ours, compressed with zstd by themselves. */
export async function sizeOfDrivers(image: string, level: string): Promise<number> {
  const folder = join(outFolder, "bench/drivers");
  await rm(folder, { recursive: true, force: true });
  await run([join(projectFolder, "tools/lsinitrd"), `--unpack=${folder}`, image, "usr/lib/modules"]);
  const pack = `cd "$0" && find . -name '*.ko' | LC_ALL=C sort | cpio --quiet -o -H newc | zstd -q -T0 "$1" -c | wc -c`;
  return Number(await run(["sh", "-c", pack, folder, level]));
}
