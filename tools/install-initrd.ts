/** Installs the initrd for osbuild: see --help. Exit status: 0 done, 1 not. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { buildImage } from "../core/generator/build-image.js";
import { parseCommandLine } from "../core/generator/command-line.js";
import { writeImage } from "../core/generator/output.js";
import { BuildError, reasonOf } from "../core/generator/problems.js";
import { makeSettings } from "../core/generator/settings.js";
import { runTool } from "./run-tool.js";

/** Where osbuild looks for it. */
const place = "/usr/lib/osbuild/initrd/initrd";

const help = `usage: npm run install-initrd -- [DESTDIR=DIR]
Installs a static init with the module virtiofs, for virtual machines whose root is a folder, as ${place}
below DIR; left out: below /. What "npm run build" has made is all that it needs.
  -h, --help  show this and end
`;

const { signal } = new AbortController();
const report = {
  warning: (text: string) => process.stderr.write(`install-initrd: warning: ${text}\n`),
  note: () => undefined,
};

/** As mkinitrd writes it. */
async function buildInit(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-"));
  try {
    const path = join(folder, "initrd");
    const words = ["--static-init", "--modules=virtiofs", path];
    await buildImage(makeSettings(parseCommandLine(words), {}, process.env), { report, signal });
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function install(destination: string): Promise<void> {
  // npm runs its scripts in the package's folder, and tells where it was called.
  const path = join(resolve(process.env.INIT_CWD ?? "", destination || "/"), place);
  const init = await buildInit();
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw new BuildError(`${dirname(path)} cannot be made: ${reasonOf(error)}`);
  });
  async function* chunks() {
    yield init;
  }
  await writeImage(path, { early: [], chunks: chunks(), command: undefined }, signal, { mode: 0o755 });
  process.stdout.write(`${path}\n`);
}

await runTool("install-initrd", help, {}, async (_, [word = "DESTDIR=", ...others]) => {
  const [, destination] = /^DESTDIR=(.*)$/.exec(word) ?? [];
  if (destination === undefined || others.length)
    throw new BuildError("say DESTDIR=DIR, and nothing else: see install-initrd --help");
  await install(destination);
});
