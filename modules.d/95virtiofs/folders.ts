import { type Boot, BootError } from "firstlight/hooks";

/** A folder of the host, by the tag that the host has given it. */
export interface Folder {
  tag: string;
  /** Where it is mounted. */
  target: string;
  /** As mount(8)'s -o, without what rootflags= says. */
  access: "ro" | "rw";
  /** Of rootflags=. */
  flags: string | undefined;
  /** What it is wanted for. */
  purpose: string;
}

/** What a command line says of virtiofs. */
export interface Folders {
  root: Folder;
  /** In the order of the command line. */
  others: Folder[];
  /** The root is named in osbuild's way, or not at all: then /bin/sh is its init. */
  isRootfs: boolean;
}

/** What names a folder that is not the root. */
export const folderParameters = ["mount", "mount-ro"];
/** Where what is not the root is mounted. */
const place = "/run/mnt";
const usualTag = "rootfs";

type CommandLine = Pick<Boot, "parameters" | "root">;

/** undefined: the root is none of virtiofs. Throws a BootError: a tag that would be mounted elsewhere, or two roots. */
export function readFolders({ parameters, root }: CommandLine): Folders | undefined {
  const named = rootTag({ parameters, root });
  if (named === undefined) return undefined;
  const { tag, isRootfs } = named;
  return {
    root: {
      tag,
      target: root.mountPoint,
      // osbuild's own form is read-only; dracut mounts as mount(8) does where nothing is said.
      access: root.access ?? (isRootfs ? "ro" : "rw"),
      flags: parameters.text("rootflags"),
      purpose: "root",
    },
    others: otherFolders(parameters),
    isRootfs,
  };
}

/** dracut's `root=virtiofs:TAG` and `rootfstype=virtiofs root=TAG`; osbuild's `rootfs=TAG`, whose tag has a default. */
function rootTag({ parameters, root: { spec } }: CommandLine): { tag: string; isRootfs: boolean } | undefined {
  const byType = parameters.text("rootfstype") === "virtiofs" && spec ? spec : undefined;
  const tag = /^virtiofs:(.+)$/.exec(spec)?.[1] ?? byType;
  const rootfs = parameters.inOrder(["rootfs"]).at(-1);
  if (!rootfs && spec) return tag === undefined ? undefined : { tag, isRootfs: false };
  const own = rootfs?.value || usualTag;
  if (tag !== undefined && tag !== own)
    throw new BootError(
      `root=${spec} and rootfs=${own} name two roots`,
      "Leave one of them out of the kernel command line.",
    );
  return { tag: own, isRootfs: true };
}

/** Each tag once: the last word on it counts. */
function otherFolders(parameters: Boot["parameters"]): Folder[] {
  const folders = new Map<string, Folder>();
  for (const { name, value: tag } of parameters.inOrder(folderParameters)) {
    if (!tag) continue;
    if (tag.includes("/") || tag === "." || tag === "..")
      throw new BootError(
        `${name}=${tag}: a tag with "/", or one that is "." or "..", would be mounted elsewhere than below ${place}`,
        "Give the folder another tag on the host (tag= of QEMU's vhost-user-fs-pci), and name that.",
      );
    const access = name === "mount-ro" ? "ro" : "rw";
    const target = `${place}/${tag}`;
    folders.set(tag, { tag, target, access, flags: undefined, purpose: target });
  }
  return [...folders.values()];
}

/** Is what osbuild's initrd hands over expected? dracut's forms, without another folder, boot as any other root. */
export const isLikeOsbuild = ({ isRootfs, others }: Folders): boolean => isRootfs || others.length > 0;
