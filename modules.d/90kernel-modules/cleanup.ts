import { hook, type ProgramRequest } from "firstlight/hooks";

/**
 * rd.driver.export, as dracut's: a new root that has no drivers of this kernel gets those of the image, on a tmpfs at its /lib/modules; with "force" also
 * where it has some.
 */
export default hook({
  async run({ parameters, kernel, root, mounts, programs, log, job }) {
    const wish = parameters.text("rd.driver.export") ?? "0";
    if (wish === "0") return;
    const isThere = (path: string) =>
      job("statFile", { root: root.mountPoint, path }).then(
        () => true,
        () => false,
      );
    const folder = `/lib/modules/${kernel.release}`;
    const cannot = (why: string) => log.warning(`rd.driver.export: the drivers are not handed on: ${why}`);
    if (!(await isThere("/lib/modules"))) return cannot("the new root has no directory /lib/modules");
    if (wish !== "force" && (await isThere(folder)))
      return cannot(`the new root has ${folder} already; rd.driver.export=force puts the image's in its place`);
    if (!programs.exists("cp")) return cannot("the image has no program cp: build it with the module busybox");
    const target = `${root.mountPoint}/lib/modules`;
    const attempt = (request: ProgramRequest) =>
      programs.run({ ...request, stderr: "keep" }).catch((error) => ({ status: null, stderr: String(error) }));
    try {
      await mounts.mount({ source: "tmpfs", target, type: "tmpfs", options: "mode=0755,nosuid,nodev" });
    } catch (error) {
      return cannot(String(error));
    }
    const copy = await attempt({ argv: ["cp", "-a", `/usr${folder}`, target] });
    if (copy.status !== 0) {
      // A part of them must not hide those that the new root has.
      await mounts.unmount(target, { lazy: true });
      return cannot(`cp failed: ${copy.stderr?.trim()}`);
    }
    log.info(`the new root has the image's drivers in ${folder}`);
    // The image has an index of its own, which modprobe cannot read.
    const index = await attempt({ argv: ["depmod", kernel.release], root: root.mountPoint });
    if (index.status !== 0)
      log.warning(
        `rd.driver.export: run depmod in the new root before its modprobe, it has no index: ${index.stderr?.trim()}`,
      );
  },
});
