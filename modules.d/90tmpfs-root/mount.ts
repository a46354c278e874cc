import { type Boot, BootError, hook } from "firstlight/hooks";
import { findArchive } from "./archive.js";
import { checkSelinux } from "./selinux.js";
import { sourceDevice } from "./source.js";
import { unpack } from "./unpack.js";

/** Where the source volume is mounted while the archive is read. */
const volume = "/run/initramfs/tmpfs-root";

const defaultSize = "50%";

async function mountVolume({ mounts, root, hasModule }: Boot): Promise<void> {
  const spec = sourceDevice(root.spec, hasModule);
  try {
    // Whatever ro or rw says: nothing is written there.
    await mounts.mountDevice(spec, { target: volume, options: "ro", for: "the archive of the root" });
  } catch (error) {
    throw new BootError(
      `Failed to mount block device with root image: ${error instanceof Error ? error.message : error}`,
      error instanceof BootError ? error.remedy : `Check the file system on ${spec}.`,
    );
  }
}

async function mountTmpfs({ mounts, root, parameters, log }: Boot): Promise<string> {
  const given = parameters.text("rd.tmpfs.size");
  const size = given ?? defaultSize;
  if (given === undefined) log.info(`rd.tmpfs.size is not given: taking ${size} of the memory`);
  const policy = parameters.text("rd.tmpfs.mpol");
  try {
    await mounts.mount({
      source: "tmpfs",
      target: root.mountPoint,
      type: "tmpfs",
      options: `mode=0755,size=${size}${policy === undefined ? "" : `,mpol=${policy}`}`,
    });
  } catch (error) {
    throw new BootError(
      `Failed to mount tmpfs root (size=${size}${policy === undefined ? "" : `, mpol=${policy}`}): ${error}`,
      "Check rd.tmpfs.size and rd.tmpfs.mpol, see tmpfs(5).",
    );
  }
  return size;
}

/** After a failure: a program that has not noticed yet may still hold it, and a failure to unmount must not hide the first one. */
async function letGo({ mounts, log }: Boot, target: string): Promise<void> {
  try {
    await mounts.unmount(target, { lazy: true });
  } catch (error) {
    log.warning(String(error));
  }
}

/** The root whole, or none: half a root must not look like one, and its memory is given back before the report. */
async function fillRoot(boot: Boot): Promise<void> {
  const archive = await findArchive(boot, volume);
  const size = await mountTmpfs(boot);
  try {
    await unpack(boot, archive, boot.root.mountPoint, size);
    await checkSelinux(boot);
  } catch (error) {
    await letGo(boot, boot.root.mountPoint);
    throw error;
  }
}

export default hook({
  async run(boot) {
    if (!boot.root.claimed) return;
    await mountVolume(boot);
    try {
      await fillRoot(boot);
    } catch (error) {
      await letGo(boot, volume);
      throw error;
    }
    await boot.mounts.unmount(volume);
  },
});
