import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedFolder, locked } from "./cache.js";
import { run, runAsRoot, tryRun } from "./run.js";

/** The version of a package that apt would install now. Refreshes apt's lists where they do not know the package. */
export async function candidateVersion(name: string): Promise<string> {
  const found = await knownVersion(name);
  if (found !== null) {
    return found;
  }
  const refreshed = await locked("apt", async () => {
    const foundMeanwhile = await knownVersion(name);
    if (foundMeanwhile === null) await runAsRoot(["apt-get", "update", "-q=2"]);
    return foundMeanwhile ?? knownVersion(name);
  });
  if (refreshed === null) {
    throw new Error(`apt knows no package ${name}: add Debian's main section for amd64 to its sources`);
  }
  return refreshed;
}

async function knownVersion(name: string): Promise<string | null> {
  const { stdout } = await tryRun(["apt-cache", "show", "--no-all-versions", name]);
  return /^Version: (\S+)$/m.exec(stdout)?.[1] ?? null;
}

/** The packages that one depends on directly. */
export async function dependencies(name: string): Promise<string[]> {
  const listing = await run(["apt-cache", "depends", name]);
  return [...listing.matchAll(/^ +Depends: (\S+)$/gm)].map((match) => match[1] ?? "");
}

/** Unpacks a Debian package into a folder that stands for "/". Nothing is installed. */
export async function unpackPackage(name: string, folder: string): Promise<void> {
  const download = join(folder, "download");
  await mkdir(download);
  await fetchPackage(name, download);
  await run(["sh", "-c", 'dpkg-deb -x "$1"/*.deb "$2"', "sh", download, folder]);
  await rm(download, { recursive: true });
}

/** The same for packages of another release of Debian than this machine's, by its name: "trixie". */
export async function unpackPackagesOf(suite: string, names: readonly string[], folder: string): Promise<void> {
  const apt = join(folder, "apt");
  for (const part of ["lists/partial", "archives/partial", "download"])
    await mkdir(join(apt, part), { recursive: true });
  await writeFile(join(apt, "sources.list"), `deb http://deb.debian.org/debian ${suite} main\n`);
  const settings = [
    `Dir::Etc::SourceList=${apt}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${apt}/lists`,
    `Dir::Cache=${apt}`,
    "APT::Sandbox::User=root",
  ];
  const aptGet = ["apt-get", "-q=2", ...settings.flatMap((setting) => ["-o", setting])];
  await run([...aptGet, "update"]);
  await run([...aptGet, "download", ...names], { cwd: join(apt, "download") });
  await run(["sh", "-c", 'for each in "$1"/*.deb; do dpkg-deb -x "$each" "$2"; done', "sh", `${apt}/download`, folder]);
  await rm(apt, { recursive: true });
}

/** The folder of an unpacked Debian package below out/. */
export const unpackedPackage = async (name: string) =>
  cachedFolder(name, await candidateVersion(name), (folder) => unpackPackage(name, folder));

async function fetchPackage(name: string, folder: string): Promise<void> {
  const fetched = await tryRun(["apt-get", "download", "-q=2", name], { cwd: folder });
  if (fetched.status !== 0) {
    // The mirror no longer has what apt's lists name: they are old.
    await locked("apt", () => runAsRoot(["apt-get", "update", "-q=2"]));
    await run(["apt-get", "download", "-q=2", name], { cwd: folder });
  }
}
