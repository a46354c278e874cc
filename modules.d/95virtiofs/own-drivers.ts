import type { Boot } from "firstlight/hooks";

/** Where an image that is no more than its init has its drivers, in files whose names give the order. */
const folder = "/usr/lib/modules";

/** Loads these drivers, in the byte order of their files' names. One that fails is told of. */
export async function loadOwnDrivers({ files, job, log }: Boot): Promise<void> {
  const names = (files.stat(folder) ? files.list(folder) : [])
    .map(({ name }) => name)
    .filter((name) => /\.ko$/.test(name));
  if (!names.length) return;
  const drivers = names.map((file) => ({ name: nameOf(file), path: `${folder}/${file}`, parameters: "" }));
  const cannot = (path: string, why: string) => log.error(`${path} cannot be loaded: ${why}`);
  try {
    const { results } = await job("insert", { drivers });
    for (const [index, { error }] of results.entries()) {
      const path = drivers[index]?.path ?? "";
      if (error !== undefined) cannot(path, files.stat(path)?.size === 0 ? "the file is empty" : error);
    }
  } catch (error) {
    cannot(drivers.map(({ path }) => path).join(", "), String(error));
  }
}

/** "007-virtio-pci.ko" holds virtio_pci. */
const nameOf = (file: string) => file.replace(/^\d+-|\.ko$/g, "").replaceAll("-", "_");
