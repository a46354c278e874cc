import type { Boot } from "firstlight/hooks";

/** The new root's init does not check it once more: systemd-fsck-root.service, and Debian's init scripts, look for these files. */
export function tellInit({ files, log }: Pick<Boot, "files" | "log">, what: "root" | "usr"): void {
  try {
    files.write(`/run/initramfs/fsck-${what}`, "", { mode: 0o644 });
  } catch (error) {
    log.warning(`init may check ${what === "usr" ? "/usr" : "the root"} once more: ${error}`);
  }
}
