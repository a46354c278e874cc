import { link, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Kernel } from "../support/kernels.js";

/** A folder with so many small files. Result: `top`. */
export async function makeFiles(top: string, count: number): Promise<string> {
  for (let number = 0; number < count; number++) {
    const file = join(top, String(number % 100), String(number));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${number}\n`.repeat(20));
  }
  return top;
}

/** A folder whose modules.d has so many modules, each with a hook that does next to nothing. Result: `top`. */
export async function makeModules(top: string, count: number): Promise<string> {
  for (let number = 0; number < count; number++) {
    const module = join(top, "modules.d", `50extra-${number}`);
    await mkdir(module, { recursive: true });
    const setup = `import { moduleSetup } from "firstlight/hooks";\nexport default moduleSetup({});\n`;
    await writeFile(join(module, "module-setup.ts"), setup);
    const hook = `import { hook } from "firstlight/hooks";\nexport default hook({ run: ({ log }) => log.debug("${number}") });\n`;
    await writeFile(join(module, "pre-mount.ts"), hook);
  }
  return top;
}

/** The kernel with each driver so many times, under other names and aliases; its drivers lie in `folder`. */
export async function multiplyDrivers({ modules, ...kernel }: Kernel, factor: number, folder: string): Promise<Kernel> {
  const copy = join(folder, kernel.release);
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
  return { ...kernel, modules: copy };
}
