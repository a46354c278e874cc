import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cachedFolder } from "./cache.js";
import { filesInListing } from "./described-files.js";
import { makeExt4 } from "./disks.js";
import { debianKernel } from "./kernels.js";
import { run, runAsRoot } from "./run.js";

/** The volume that holds the archive. */
export const debianVolumeUuid = "1c9d6d52-5f5c-4cd6-a0d6-6a5f7f0a2d11";
export const debianArchive = "images/debian.tar.zst";

/** The essential packages, an init, and what shows a login prompt on the console; nobody reads manuals there. */
const recipe = [
  ...["mmdebstrap", "--quiet", "--variant=essential", "--include=systemd-sysv,udev,login"],
  ...["doc", "man", "locale", "info"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
  // root logs in without a password: the guest has no network.
  "--customize-hook=sed -i 's/^root:[^:]*:/root::/' \"$1/etc/passwd\"",
  '--customize-hook=echo firstlight >"$1/etc/hostname"',
];

/** Of what is in the archive, for its description. */
const listing = ["tar", "--numeric-owner", "-tvf"];

/** The name of this machine's release: "bookworm". */
export async function debianRelease(): Promise<string> {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  if (release === undefined) {
    throw new Error("/etc/os-release has no VERSION_CODENAME: which release of Debian is this?");
  }
  return release;
}

/** A disk with one ext4 file system, which holds a small Debian of this machine's release as an archive. Made once. */
export async function debianDisk(): Promise<string> {
  const release = await debianRelease();
  const folder = await cachedFolder("debian-root", { recipe, release, listing }, async (unfinished) => {
    const content = join(unfinished, "content");
    const archive = join(content, debianArchive);
    await mkdir(dirname(archive), { recursive: true });
    const tar = join(unfinished, "debian.tar");
    await runAsRoot([...recipe, release, tar]);
    await run(["zstd", "-q", "-T0", tar, "-o", archive]);
    const files = filesInListing(await run([...listing, tar]));
    await rm(tar);
    const archives = { [debianArchive]: { archive: files } };
    const mebibytes = Math.ceil((await stat(archive)).size / 1024 ** 2);
    const fileSystem = { uuid: debianVolumeUuid, label: "debian", content, archives, size: mebibytes + 32 };
    await makeExt4(join(unfinished, "disk.img"), fileSystem);
    await runAsRoot(["rm", "-r", content]);
  });
  return join(folder, "disk.img");
}

/** The same Debian as a folder, with the cloud kernel where its package puts it. Made once, of that disk. */
export async function debianFolder(): Promise<string> {
  const { release, image, modules } = await debianKernel("cloud");
  const disk = await debianDisk();
  const folder = await cachedFolder("debian-folder", { disk: basename(dirname(disk)), release }, async (unfinished) => {
    const archive = join(unfinished, "debian.tar.zst");
    const root = join(unfinished, "root");
    await mkdir(root);
    await run(["debugfs", "-R", `dump ${debianArchive} ${archive}`, disk]);
    await runAsRoot(["tar", "--zstd", "-xpf", archive, "-C", root]);
    await runAsRoot(["cp", image, join(root, "boot")]);
    await runAsRoot(["cp", "-a", dirname(modules), join(root, "usr/lib")]);
    await rm(archive);
  });
  return join(folder, "root");
}
