import { type Boot, BootError, errnoOf } from "firstlight/hooks";
import type { Folder } from "./folders.js";

/** Its links are the devices that it serves. */
const driver = "/sys/bus/virtio/drivers/virtiofs";
/** Since Linux 6.9: a folder for each device, with its tag. */
const instances = "/sys/fs/virtiofs";

const what = ({ tag }: Folder) => `virtiofs tag ${tag}`;

/** Loads the driver of virtiofs, unless it is there. Throws a BootError: the kernel has none. */
export async function loadVirtiofs({ drivers, files, kernel }: Boot): Promise<void> {
  if (files.stat(driver)) return;
  // With its usual transport in one go: looking for that by the machine's devices, and another process, cost more than a driver that has none.
  await Promise.all(["fs-virtiofs", "virtio_pci"].map((alias) => drivers.load(alias)));
  if (files.stat(driver)) return;
  throw new BootError(
    `the kernel ${kernel.release} has no virtiofs: it is not built in, and no driver of it was loaded`,
    "Build the image for this kernel with the module virtiofs (mkinitrd -a virtiofs IMAGE KVER), or boot a kernel that has CONFIG_VIRTIO_FS.",
  );
}

/** Names of the virtio devices that are folders: once the driver is loaded. Throws OpError. */
const devicesOf = ({ files }: Boot) => files.list(driver).filter(({ name }) => name.startsWith("virtio"));

/** The tags that are there; undefined: this kernel does not tell. */
function tagsOf({ files }: Boot): string[] | undefined {
  if (!files.stat(instances)) return undefined;
  return files
    .list(instances)
    .filter(({ type }) => type === "dir")
    .map(({ name }) => files.read(`${instances}/${name}/tag`).replace(/\n$/, ""));
}

/** May a mount succeed? */
const mayBeThere = (boot: Boot, tag: string) => tagsOf(boot)?.includes(tag) ?? devicesOf(boot).length > 0;

/** For the report: what is there instead. */
function nearestTo(boot: Boot): string {
  const count = devicesOf(boot).length;
  if (!count) return "no virtiofs device is there at all: has the machine one, and the image its transport's driver?";
  const tags = tagsOf(boot);
  if (tags?.length) return `there is ${tags.map((tag) => `virtiofs tag ${tag}`).join("; ")}`;
  return `there ${count === 1 ? "is one virtiofs device" : `are ${count} virtiofs devices`}: only kernels since 6.9 tell which tags they have`;
}

const until = <Result>(boot: Boot, folder: Folder, attempt: () => Result | undefined | Promise<Result | undefined>) =>
  boot.wants.until(
    what(folder),
    {
      for: folder.purpose,
      nearest: () => nearestTo(boot),
      remedy:
        "Name a tag that is there on the kernel command line, or give the machine a folder with this one (tag= of QEMU's vhost-user-fs-pci).",
    },
    attempt,
  );

/** Waits until a folder may be there. */
export async function awaitFolder(boot: Boot, folder: Folder): Promise<void> {
  await until(boot, folder, () => mayBeThere(boot, folder.tag) || undefined);
}

/** Waits until a folder can be mounted, and mounts it, unless there is something mounted already. Throws a BootError. */
export async function mountFolder(boot: Boot, folder: Folder, mounted: ReadonlySet<string>): Promise<void> {
  if (!mounted.has(folder.target))
    await until(boot, folder, async () => ((await tryMount(boot, folder)) ? true : undefined));
  await awaitAnswer(boot, folder);
  boot.log.info(`${what(folder)} on ${folder.target} (${folder.access})`);
}

const optionsOf = ({ access, flags }: Folder) => [access, flags].filter(Boolean).join(",");

/** False: its tag is not there. Throws a BootError: it cannot be mounted. */
async function tryMount(boot: Boot, folder: Folder): Promise<boolean> {
  const options = optionsOf(folder);
  try {
    await mount(boot, folder, options);
    return true;
  } catch (error) {
    const refused = errnoOf(error) === "EINVAL";
    // What the kernel says of a tag that is not there, and of an option that it does not know.
    if (refused && !(await isThere(boot, folder))) return false;
    throw new BootError(
      `${what(folder)} cannot be mounted on ${folder.target} (${options}): ${error}`,
      refused
        ? "The tag is there: correct rootflags= on the kernel command line; virtiofs has few options."
        : "See the kernel's messages above, and what virtiofsd says on the host.",
    );
  }
}

const mount = ({ mounts }: Boot, { tag, target }: Folder, options: string) =>
  mounts.mount({ source: tag, target, type: "virtiofs", options });

/** Can it be mounted without options of its own? */
async function isThere(boot: Boot, folder: Folder): Promise<boolean> {
  if (!folder.flags) return false;
  try {
    await mount(boot, folder, folder.access);
  } catch {
    return false;
  }
  await boot.mounts.unmount(folder.target);
  return true;
}

/** A mount asks nothing of virtiofsd: where that is dead, whoever looks at a file first would wait for ever. */
async function awaitAnswer({ job, clock, parameters }: Boot, folder: Folder): Promise<void> {
  const fails = (why: string) =>
    new BootError(
      `${what(folder)} is mounted on ${folder.target}, but its virtiofsd ${why}`,
      "See on the host whether virtiofsd still runs and what it says, and start it and the machine again.",
    );
  const answer = job("statFile", { path: folder.target }).then(
    () => true,
    (error) => {
      throw fails(`answers with an error: ${error}`);
    },
  );
  const limit = parameters.number("rd.retry", 180);
  const late = clock.sleep(limit * 1000).then(() => false);
  if (!(await Promise.race([answer, late]))) throw fails(`has not answered within ${limit} s (rd.retry)`);
}
