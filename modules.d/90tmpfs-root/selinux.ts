import { type Boot, BootError, errnoOf } from "firstlight/hooks";

/** SELINUX= of the new root's configuration; undefined if it has none. */
async function configuredMode({ job, root }: Boot): Promise<string | undefined> {
  try {
    const { data } = await job("readFile", { path: "/etc/selinux/config", root: root.mountPoint });
    return data.match(/^\s*SELINUX\s*=\s*(\w+)/m)?.[1];
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * An unpacked root whose files carry no contexts cannot be logged in to under an enforcing SELinux. Restoring contexts is the part of a module of
 * its own: without it an enforcing root is an error, a permissive one a warning.
 */
export async function checkSelinux(boot: Boot): Promise<void> {
  const { parameters, files, hasModule, log } = boot;
  if (parameters.text("selinux") === "0" || hasModule("selinux")) return;
  if (!/\bselinuxfs\b/.test(files.read("/proc/filesystems"))) return;
  const mode = await configuredMode(boot);
  if (mode === undefined || mode === "disabled") return;
  const message = `the new root has SELINUX=${mode}, and restoring its contexts needs the module selinux, which is not in this image`;
  const remedy = "Boot with selinux=0 or enforcing=0, or set SELINUX=disabled in the archive's /etc/selinux/config.";
  if (mode === "enforcing" && parameters.text("enforcing") !== "0") throw new BootError(message, remedy);
  log.warning(`${message}. ${remedy}`);
}
