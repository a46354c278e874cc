import { type Boot, hook } from "firstlight/hooks";

/** systemd's and dracut's name: the old root's init makes it its root in the end, and executes /shutdown there. */
const folder = "/run/initramfs";

/** What has to be there besides PID 1. The old root comes to /oldroot, what the kernel has is mounted on the others. */
const directories = ["oldroot", "dev", "proc", "run", "sys", "usr/lib/firstlight"];

/** Where PID 1 finds its boot code (core/abi/image.ts), and what it does where even that cannot run. */
const bootCode = ["/usr/lib/firstlight/bundle.js", "/usr/lib/firstlight/bundle.snapshot"];
const rescue = { path: "/usr/lib/firstlight/rescue", text: "shell=0 action=reboot delay=0\n" };

/**
 * Keeps what takes the devices apart when the system goes down, two or three megabytes, and only where there are any: the initramfs itself is deleted
 * at the switch.
 */
export default hook({
  priority: 90,
  async run(boot) {
    if (!isStacked(boot)) return;
    const { files, log } = boot;
    try {
      for (const directory of directories) files.makeDir(`${folder}/${directory}`);
      files.write(`${folder}${rescue.path}`, rescue.text, { mode: 0o644 });
      await copy(
        boot,
        bootCode.filter((path) => files.stat(path)),
        `${folder}/usr/lib/firstlight/`,
      );
      await copy(boot, ["/init"], `${folder}/init`);
      // Only when all is there: who finds it executes it.
      files.symlink(`${folder}/shutdown`, "init");
    } catch (error) {
      log.warning(
        `what the root lies on will not be taken apart when the system goes down: ${(error as Error).message}`,
      );
      for (const path of ["init", "usr"]) await boot.job("removeTree", { path: `${folder}/${path}` }).catch(() => {});
    }
  },
});

/** Is there a device that is made of others, or of a file? */
const isStacked = ({ files }: Boot): boolean =>
  files
    .list("/sys/class/block")
    .some(({ name }) => /^(dm-|md)/.test(name) || files.stat(`/sys/class/block/${name}/loop/backing_file`));

async function copy({ programs }: Boot, from: readonly string[], to: string): Promise<void> {
  const { status, stderr } = await programs.run({ argv: ["cp", ...from, to], stderr: "keep" });
  if (status !== 0) throw new Error(stderr?.trim() || `cp ends with status ${status}`);
}
