/** A system of two stages, as makers of appliances have it: busybox, Debian's runit with supervised services, and a kernel that follows. */
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dependencies, unpackedPackage } from "./packages.js";
import { outFolder } from "./paths.js";
import { staticBusybox } from "./tiny-root.js";

const applets =
  "awk cat chmod cut dmesg echo free grep kill ls mkdir mv pidof ps readlink rm sed sh sleep stat touch tr uname wc";

/** What glibc's programs are started with, as mkinitrd's --install takes it. */
export const glibc = "/lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6";

/** Where it goes in the system, and what is copied there. */
type Copy = readonly [path: string, source: string];

/** A folder that becomes a system: busybox, these files ("#!" makes one executable), and whatever is copied from elsewhere. */
export async function applianceFolder(
  name: string,
  files: Readonly<Record<string, string>>,
  copies: readonly Copy[] = [],
): Promise<string> {
  const folder = join(outFolder, "tests", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "bin"), { recursive: true });
  await copyFile(await staticBusybox(), join(folder, "bin/busybox"));
  // Debian's busybox has none.
  await writeFile(join(folder, "bin/pkill"), '#!/bin/sh\nexec kill "$1" $(pidof "$2")\n', { mode: 0o755 });
  for (const applet of applets.split(" ")) await symlink("busybox", join(folder, "bin", applet));
  for (const [path, source] of copies) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(source, join(folder, path), { recursive: true, dereference: true });
  }
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
    if (content.startsWith("#!")) await chmod(join(folder, path), 0o755);
  }
  return folder;
}

/** Programs of Debian's runit, by their places in the system. */
export async function runit(): Promise<Copy[]> {
  const folder = join(await unpackedPackage("runit"), "usr/bin");
  return ["runsvdir", "runsv", "sv"].map((name) => [`bin/${name}`, join(folder, name)]);
}

/** Debian's kexec, and Xen's libraries that it is linked with, in packages whose names bear versions. */
export async function kexecTools(): Promise<Copy[]> {
  const isXen = (name: string) => name.startsWith("libxen");
  const packages = (await dependencies("kexec-tools")).filter(isXen);
  for (const name of packages)
    packages.push(...(await dependencies(name)).filter((each) => isXen(each) && !packages.includes(each)));
  const tools = await unpackedPackage("kexec-tools");
  // Since Debian 13 all programs lie below /usr.
  const place = existsSync(join(tools, "sbin/kexec")) ? "sbin/kexec" : "usr/sbin/kexec";
  const copies: Copy[] = [["sbin/kexec", join(tools, place)]];
  const libraries = "lib/x86_64-linux-gnu";
  for (const name of packages) {
    const folder = join(await unpackedPackage(name), "usr", libraries);
    // Others of the same package are large.
    const needed = (await readdir(folder)).filter((file) => linked.test(file));
    copies.push(...needed.map((file): Copy => [join(libraries, file), join(folder, file)]));
  }
  return copies;
}

const linked = /^libxen(ctrl|toollog|toolcore|call|foreignmemory|devicemodel|evtchn|gnttab|hypfs)\.so/;
