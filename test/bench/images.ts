import { stat } from "node:fs/promises";
import { readContents } from "../../core/image/contents.js";
import { runAsRoot } from "../support/run.js";
import type { Bench } from "./attempts.js";
import type { Table } from "./figures.js";

/** What is in images. */
export async function measureImages(
  { attempt }: Bench,
  images: readonly { name: string; image: string }[],
): Promise<Table> {
  const rows = [];
  for (const { name, image } of images)
    rows.push({ name, values: (await attempt(`image of ${name}`, () => figuresOf(image))) ?? [null, null, null] });
  return {
    id: "images",
    title: "Images: all compressed by zstd -9, but mktirfs's by gzip -9",
    columns: [
      { name: "size", unit: "MB", digits: 2 },
      { name: "unpacked", unit: "MB", digits: 1 },
      { name: "files", unit: "", digits: 0 },
    ],
    rows,
    notes: [
      "drivers are each generator's own choice; files: with directories and links",
      "host-only: of a machine whose root is no block device, so that it is the least that each makes; mkinitramfs with MODULES=dep makes none there: in a chroot it finds no device of the root",
    ],
  };
}

async function figuresOf(image: string): Promise<number[]> {
  // Those of the peers are root's.
  await runAsRoot(["chmod", "a+r", image]);
  const { members } = await readContents(image);
  const unpacked = members.reduce((sum, { size }) => sum + size, 0);
  return [(await stat(image)).size / 1e6, unpacked / 1e6, members.length];
}
