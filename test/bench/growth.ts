import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { timed } from "./builds.js";
import { median } from "./median.js";

const folder = join(outFolder, "bench/growth");
const factors = [1, 4, 16];
const filesOfOne = 1000;

/** Seconds of processor time that images take that are 1, 4 and 16 times as large in one respect; not compressed. */
export interface Growth {
  what: string;
  seconds: number[];
}

/** Builds with more and more files, and with kernels that have more and more drivers; each the median of three, in turns. */
export async function measureGrowth(kernel: Kernel): Promise<Growth[]> {
  await rm(folder, { recursive: true, force: true });
  const image = join(folder, "x.img");
  const commands: { what: string; command: string[]; runs: number[] }[] = [];
  for (const factor of factors) {
    const files = await makeFiles(filesOfOne * factor);
    const command = mkinitrdCommand(["-N", "--no-compress", "-i", files, "/data"], image, kernel);
    commands.push({ what: "files", command, runs: [] });
    const drivers = mkinitrdCommand(["-N", "--no-compress"], image, await multiplyDrivers(kernel, factor));
    commands.push({ what: "drivers", command: drivers, runs: [] });
  }
  for (let round = 0; round < 3; round++)
    for (const { command, runs } of commands) runs.push((await timed(command)).processor);
  return ["files", "drivers"].map((what) => ({
    what,
    seconds: commands.filter((each) => each.what === what).map(({ runs }) => median(runs)),
  }));
}

/** How many times as much 15 parts more cost as 3 more: 5 where the growth is linear. */
export function steepness({ seconds: [one = 0, four = 0, sixteen = 0] }: Growth): number {
  return (sixteen - one) / (four - one);
}

async function makeFiles(count: number): Promise<string> {
  const top = join(folder, `files-${count}`);
  for (let number = 0; number < count; number++) {
    const file = join(top, String(number % 100), String(number));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${number}\n`.repeat(20));
  }
  return top;
}

/** The kernel with each driver so many times, under other names and aliases. */
async function multiplyDrivers({ release, modules, image }: Kernel, factor: number): Promise<Kernel> {
  const copy = join(folder, `drivers-${factor}`, release);
  await mkdir(copy, { recursive: true });
  const linesOf = async (list: string) =>
    (await readFile(join(modules, list), "utf8")).split("\n").filter((line) => line && !line.startsWith("#"));
  for (const list of ["modules.builtin", "modules.softdep"])
    await writeFile(join(copy, list), `${(await linesOf(list)).join("\n")}\n`);
  const [dependencies, aliases] = [await linesOf("modules.dep"), await linesOf("modules.alias")];
  const copies = Array.from({ length: factor }, (_, number) => (number ? `_${number}` : ""));
  const renamed = (text: string, suffix: string) => text.replaceAll(".ko", `${suffix}.ko`);
  for (const suffix of copies)
    for (const path of dependencies.map((line) => line.slice(0, line.indexOf(":")))) {
      const target = join(copy, renamed(path, suffix));
      await mkdir(dirname(target), { recursive: true });
      await link(join(modules, path), target);
    }
  const write = (list: string, lines: string[]) => writeFile(join(copy, list), `${lines.join("\n")}\n`);
  await write(
    "modules.dep",
    copies.flatMap((suffix) => dependencies.map((line) => renamed(line, suffix))),
  );
  await write(
    "modules.alias",
    copies.flatMap((suffix) => aliases.map((line) => line.replace(/ (\S+)$/, `${suffix} $1${suffix}`))),
  );
  return { release, modules: copy, image };
}
