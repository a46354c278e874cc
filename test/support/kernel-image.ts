import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bundlePath, driverIndexPath, initPath, modprobePath, rescuePath } from "../../core/abi/index.js";
import { type IndexedDriver, makeDriverIndex } from "../../core/generator/driver-index.js";
import { type Kernel, unpackedDrivers } from "./kernels.js";
import { outFolder, projectFolder } from "./paths.js";
import { run } from "./run.js";

const driver = (name: string, more: Partial<IndexedDriver> = {}): IndexedDriver => ({
  ...{ name, path: `/lib/${name}.ko`, parameters: "", blacklisted: false, size: 1, chain: [name] },
  ...more,
});

const drivers = [
  driver("fat"),
  driver("vfat", { chain: ["fat", "vfat"] }),
  driver("dummy", { parameters: "numdummies=2" }),
  driver("exfat"),
  driver("isofs"),
  driver("libcrc32c"),
  driver("xfs", { chain: ["libcrc32c", "xfs"] }),
  driver("minix", { blacklisted: true }),
];

/** The driver index that the cases in conformance/kernel.ts expect. */
export const kernelDriverIndex = (): Buffer =>
  makeDriverIndex(
    drivers,
    ["vfat", "exfat", "minix"].map((name) => ({ pattern: `fs-${name}`, driver: name })),
  );

/** Writes an archive of files, by path: contents, or where to copy them from. */
async function archive(
  target: string,
  files: Readonly<Record<string, string | Uint8Array | { from: string }>>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-kernel-"));
  for (const name of ["dev", "proc", "sys", "run", "tmp"]) await mkdir(join(folder, name));
  for (const [path, file] of Object.entries(files)) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    if (typeof file === "object" && "from" in file) await copyFile(file.from, place);
    else await writeFile(place, file, { mode: 0o755 });
  }
  await run([
    "sh",
    "-c",
    'cd "$1" && mknod -m 600 dev/console c 5 1 && mkdir -p usr/sbin && ln -s /init ".$2" && ln -s usr/sbin sbin && find . | cpio -o --quiet -H newc >"$3"',
    "sh",
    folder,
    modprobePath,
    target,
  ]);
  await rm(folder, { recursive: true });
}

/**
 * An image whose PID 1 runs this boot code on a real kernel, with that kernel, an image for it, and drivers: the kernel's own, and of another one.
 */
export async function kernelImage(kernel: Kernel, other: Kernel, bundle: string): Promise<string> {
  const target = join(outFolder, "tests", "kernel.img");
  const second = `${target}.second`;
  await mkdir(dirname(target), { recursive: true });
  const system = {
    [initPath]: { from: join(projectFolder, "dist/init/init") },
    [bundlePath]: bundle,
    [rescuePath]: "shell=0 action=poweroff delay=0",
  };
  const own = await unpackedDrivers(
    kernel,
    drivers.map(({ name }) => name),
  );
  const content = (from: typeof own, name: string) =>
    from.find(({ path }) => path.endsWith(`/${name}.ko`))?.content ?? Buffer.alloc(0);
  await archive(second, system);
  await archive(target, {
    ...system,
    [driverIndexPath]: kernelDriverIndex(),
    ...Object.fromEntries(drivers.map(({ name, path }) => [path, content(own, name)])),
    "/other/fat.ko": content(await unpackedDrivers(other, ["fat"]), "fat"),
    "/cut.ko": content(own, "fat").subarray(0, 5000),
    "/kernel": { from: kernel.image },
    "/second": { from: second },
    "/empty": "",
  });
  return target;
}
