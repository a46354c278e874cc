import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import { disksOf } from "../support/layer-disks.js";
import { container, type LayerSet } from "../support/layer-sets.js";
import { layersRoot } from "../support/layers-root.js";
import { outFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import type { Bench } from "./attempts.js";
import { measureBoots } from "./boot-tables.js";
import { type MeasuredRoot, onDisks } from "./boots.js";
import type { Section } from "./figures.js";

const folder = join(outFolder, "bench");
const root = join(folder, "root");
const [rootUuid = "", ...containers] = ["1", "a", "b"].map((end) => `57acbe0c-0000-4000-8000-00000000000${end}`);

/** Boots of ours from ext4 on LVM on an array of two mirrors, each in a LUKS container that a key file in the image opens. */
export async function measureStackBoots(bench: Bench, times: number): Promise<Section> {
  const title = "Boots from ext4 on LVM on RAID on LUKS, unlocked by a key file and a thousand rounds of PBKDF2";
  const name = `firstlight -N -a "md-raid lvm luks"`;
  const images = [{ name, image: await stackImage(bench), ours: true }];
  return measureBoots(bench, { id: "stack-boots", title, root: await stackRoot(), images }, { times, memory: true });
}

/** With the programs of a Debian that has them, whatever this machine has. */
async function stackImage({ kernel }: Bench): Promise<string> {
  const [key, image] = [join(folder, "stack.key"), join(folder, "stack.img")];
  await writeFile(key, "correct horse");
  const options = ["-q", "-N", "--sysroot", await layersRoot(), "-a", "md-raid lvm luks", "-i", key, "/key"];
  await run(mkinitrdCommand(options, image, kernel));
  return image;
}

async function stackRoot(): Promise<MeasuredRoot> {
  const disks = await disksOf({ bench: await stackSet() }, "bench");
  const unlocked = containers.map((uuid) => `rd.luks.uuid=${uuid}`).join(" ");
  return onDisks(`root=UUID=${rootUuid} ro ${unlocked} rd.luks.key=/key`, {
    disks: Object.values(disks).map((file) => ({ file })),
  });
}

/** What all measured boots arrive at, on layers. */
async function stackSet(): Promise<LayerSet> {
  const init = createHash("sha256").update(await readFile(join(root, "sbin/init")));
  const [first = "", second = ""] = containers;
  return {
    disks: { a: 48, b: 48 },
    root: { content: async () => root, uuid: rootUuid, label: "bench-root", size: 24 },
    script: `
      # /roots/bench has the init ${init.digest("hex")}
      ${container}
      container $a ${first} bench-a
      container $b ${second} bench-b
      mdadm --create /dev/md/bench --run --level=1 --raid-devices=2 --assume-clean --bitmap=none --homehost=any --name=bench \\
        --uuid=57acbe0c:00000000:00000000:00000001 /dev/mapper/bench-a /dev/mapper/bench-b
      vgcreate -s 1M bench /dev/md/bench
      lvcreate -q -y -n root -l 100%FREE bench
      e2image -ra /roots/bench /dev/bench/root`,
  };
}
