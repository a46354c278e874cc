import { join } from "node:path";
import { cachedFolder } from "./cache.js";
import { candidateVersion, dependencies, unpackPackage } from "./packages.js";
import { run } from "./run.js";

/** The kernel's own usr/gen_init_cpio, compiled of Debian's kernel source; path of the program. */
export async function kernelGenInitCpio(): Promise<string> {
  await candidateVersion("linux-source");
  const name = (await dependencies("linux-source")).find((each) => each.startsWith("linux-source-"));
  if (name === undefined) throw new Error("Debian's package linux-source depends on no source");
  const folder = await cachedFolder("gen_init_cpio", await candidateVersion(name), async (unfinished) => {
    const source = join(unfinished, "unpacked");
    await run(["mkdir", source]);
    await unpackPackage(name, source);
    const file = `${name}/usr/gen_init_cpio.c`;
    await run(["tar", "-xJ", "--occurrence=1", "-C", unfinished, "-f", join(source, `usr/src/${name}.tar.xz`), file]);
    await run(["gcc", "-O2", "-o", join(unfinished, "gen_init_cpio"), join(unfinished, file)]);
    await run(["rm", "-r", source]);
  });
  return join(folder, "gen_init_cpio");
}
