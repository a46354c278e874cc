import { type Boot, BootError, errnoOf, type FileStatus } from "firstlight/hooks";
import { hasOption } from "../98fsck/fstab.js";
import { isBind, type Wanted } from "./entries.js";

/** Does it lie on a block device, which may have to be waited for? */
export const namesDevice = (entry: Wanted): boolean =>
  !isBind(entry) && /^(UUID|LABEL|PARTUUID|PARTLABEL)=.|^\/dev\/./.test(entry.source);

/** Mounts it. Rejects with BootError or OpError. */
export async function mountEntry(boot: Boot, entry: Wanted): Promise<void> {
  const { mounts, drivers, root } = boot;
  const { source, target, type, options, name } = entry;
  if (isBind(entry)) return bind(boot, entry);
  if (namesDevice(entry)) {
    await mounts.mountDevice(source, { target, options, for: name, ...(type === "auto" ? {} : { type }) });
    return;
  }
  if (hasOption(entry, "loop"))
    throw new BootError(`${source} is a file, and loop devices for them are not set up here`, "");
  await drivers.load(`fs-${type}`);
  const own = type === "overlay" && entry.isOfRoot ? belowRoot(options, root.mountPoint) : options;
  await mounts.mount({ source, target, type, options: own });
}

/** Flags come with a second mount(2): the first one does not look at them, mount(8). */
async function bind({ mounts, root }: Boot, entry: Wanted): Promise<void> {
  const { target, options } = entry;
  const source = entry.isOfRoot ? root.mountPoint + entry.source : entry.source;
  const kind = hasOption(entry, "rbind") ? "rbind" : "bind";
  await mounts.mount({ source, target, type: "", options: kind });
  const flags = options.split(",").filter((option) => !["bind", "rbind", "defaults", "rw"].includes(option));
  if (flags.some((flag) => /^(ro|no(suid|dev|exec|atime|diratime)|relatime|strictatime)$/.test(flag)))
    await mounts.mount({ source, target, type: "", options: ["remount", "bind", ...flags].join(",") });
}

/** The folders of an overlay are the new root's. */
const belowRoot = (options: string, mountPoint: string) =>
  options.replaceAll(/\b(lowerdir|upperdir|workdir)=([^,]*)/g, (_, name, folders: string) => {
    const below = folders.split(":").map((folder) => (folder.startsWith("/") ? mountPoint + folder : folder));
    return `${name}=${below.join(":")}`;
  });

/** Is it there, and in the new root? A link out of it would have something of the initramfs covered. Rejects with BootError. */
export async function checkMountPoint({ root, job, files }: Boot, { point, target, isOfRoot }: Wanted): Promise<void> {
  if (!target.startsWith(`${root.mountPoint}/`)) return;
  const path = isOfRoot ? point : point.slice(root.mountPoint.length);
  const [inside, outside] = await Promise.all(
    [{ root: root.mountPoint, path }, { path: target }].map((request) =>
      job("statFile", request).catch((error): FileStatus | undefined => {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw error;
      }),
    ),
  );
  if (inside && inside.inode === outside?.inode && inside.device === outside.device) return;
  if (inside || outside)
    throw new BootError(`the path ${path} leads over an absolute link, out of ${root.mountPoint}`, "");
  try {
    files.makeDir(target);
  } catch (error) {
    throw new BootError(`the root has no directory ${path}${errnoOf(error) === "EXDEV" ? "" : `: ${error}`}`, "");
  }
}
