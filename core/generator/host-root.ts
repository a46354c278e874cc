import { deviceNumber } from "./device-layers.js";
import type { HostMount } from "./host-mounts.js";
import { udevProperty } from "./layer-identity.js";

/** The file system that a machine boots from, in the forms of root=, rootfstype= and rootflags=. */
export interface HostRoot {
  /** "UUID=…", or what is known: "/dev/vda1". */
  device: string;
  type: string;
  /** Without which another directory of it would be the root; undefined: none. */
  flags?: string;
}

/** The root by what is mounted there, its UUID by udev's database below `root`. undefined: it is on nothing that has a name here. */
export function mountedRoot(mount: HostMount, root: string): HostRoot | undefined {
  const { type, source, inside = "/" } = mount;
  // Its tag.
  if (type === "virtiofs") return { device: source, type };
  const uuid = udevProperty(root, deviceNumber(root, mount), "ID_FS_UUID");
  if (uuid === undefined && !/^\/dev\/(?!root$)/.test(source)) return undefined;
  const flags = type === "btrfs" && inside !== "/" ? `subvol=${inside.slice(1)}` : undefined;
  return { device: uuid === undefined ? source : `UUID=${uuid}`, type, ...(flags && { flags }) };
}

/** The root as fstab has it. */
export function rootOfFstab({ source, type, options }: HostMount): HostRoot {
  const flags = options.split(",").filter((option) => /^subvol(id)?=/.test(option));
  return { device: source, type, ...(flags.length && { flags: flags.join(",") }) };
}

/** Why a boot may not find this root; undefined: no reason is known. */
export function rootDoubt(root: HostRoot | undefined): string | undefined {
  if (!root)
    return "what is mounted at / lies on no block device that has a name here (in a container?): root= is not known; name it to the boot loader";
  if (!/^\/dev\/[^/]+$/.test(root.device)) return undefined;
  return `root=${root.device} may be another device when the machine boots again, and udev knows no UUID of it here: let the boot loader name the UUID that blkid shows`;
}
