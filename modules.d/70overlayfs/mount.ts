import { type Boot, BootError, hook } from "firstlight/hooks";

/** dracut's names. */
const base = "/run/rootfsbase";
const memory = "/run/overlayfs";
const [upper, work] = [`${memory}/upper`, `${memory}/work`];

/** Lays the overlay over the root, whose own file system is at `base` from then on. Rejects with OpError: then the root is as it was. */
async function layOver({ mounts, files, job, root: { mountPoint } }: Boot): Promise<void> {
  // Not on /run itself, whose size is limited. As large as half of the memory.
  await mounts.mount({ source: "tmpfs", target: memory, type: "tmpfs", options: "mode=0755,nodev" });
  for (const folder of [upper, work, base]) files.makeDir(folder);
  await job("move", { from: mountPoint, to: base });
  try {
    const options = `lowerdir=${base},upperdir=${upper},workdir=${work}`;
    await mounts.mount({ source: "overlay", target: mountPoint, type: "overlay", options });
  } catch (error) {
    await job("move", { from: base, to: mountPoint });
    throw error;
  }
}

/** rd.overlay, as dracut's: a root that may be read-only is written to in memory. */
export default hook({
  async run(boot) {
    const { parameters, root, drivers, files, kernel, log } = boot;
    if (!parameters.flag("rd.overlay", false)) return;
    await root.mounted();
    await drivers.load("fs-overlay");
    if (!/\toverlay$/m.test(files.read("/proc/filesystems")))
      throw new BootError(
        `rd.overlay: the kernel ${kernel.release} has no overlayfs: it is not built in, and no driver of it was loaded`,
        "Build the image for this kernel with the module overlayfs, or boot without rd.overlay.",
      );
    try {
      await layOver(boot);
    } catch (error) {
      throw new BootError(
        `rd.overlay: no overlay can be laid over the root: ${error}`,
        "See the kernel's messages above. Without rd.overlay the root is taken as it is.",
      );
    }
    log.info("an overlay in memory is laid over the root: what is written to it is lost in the end");
  },
});
