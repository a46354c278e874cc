/** Real virtiofsd, of whichever kind this machine has. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { type FolderServer, serveFolders } from "../../../core/emulator/virtiofsd.js";
import { cachedFolder } from "../../support/cache.js";
import { unpackPackagesOf } from "../../support/packages.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-shared, "));
const file = join(folder, "file");
writeFileSync(file, "");
after(() => rmSync(folder, { recursive: true }));

const isRunning = ({ child }: FolderServer) => existsSync(`/proc/${child.pid}`);
/** Root's alone. */
const locks = () => (process.getuid?.() === 0 && existsSync("/run/virtiofsd") ? readdirSync("/run/virtiofsd") : []);

/** Fails unless a server takes a connection, and with it has set up its sandbox: it takes just this one. */
async function assertServes(server: FolderServer): Promise<void> {
  const connection = connect(server.socket);
  await once(connection, "connect");
  // VHOST_USER_GET_FEATURES of QEMU's docs/interop/vhost-user.rst: request 1, version 1, no payload.
  connection.write(Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
  const [answer] = (await once(connection, "data")) as [Buffer];
  assert.equal(answer.readUInt32LE(0), 1);
  connection.destroy();
}

async function assertServesAndGoes(): Promise<void> {
  const before = locks();
  const { servers, stop } = await serveFolders([
    { tag: "rootfs", folder },
    { tag: "mnt0", folder: tmpdir() },
  ]);
  for (const server of servers) await assertServes(server);
  await stop();
  assert.ok(!servers.some(isRunning), "no process");
  for (const { socket } of servers) assert.ok(!existsSync(dirname(socket)), "no socket");
  assert.deepEqual(locks(), before, "no lock");
  await stop();
}

test("each folder has a virtiofsd, which listens; nothing of them stays", assertServesAndGoes);

/** A folder with the one in Rust, of Debian 13, where the machine has the one in C. */
async function rustVirtiofsd(): Promise<string> {
  const packages = ["virtiofsd", "libc6", "libseccomp2", "libcap-ng0", "libgcc-s1"];
  const root = await cachedFolder("virtiofsd", packages, (unfinished) =>
    unpackPackagesOf("trixie", packages, unfinished),
  );
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  const start = `exec '${libraries}/ld-linux-x86-64.so.2' --library-path '${libraries}' '${root}/usr/libexec/virtiofsd' "$@"`;
  const bin = mkdtempSync(join(tmpdir(), "firstlight-rust-"));
  writeFileSync(join(bin, "virtiofsd"), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
  return bin;
}

test("the same with the one in Rust; one in PATH comes first", async () => {
  const { PATH } = process.env;
  const bin = await rustVirtiofsd();
  process.env.PATH = `${bin}:${PATH}`;
  try {
    await assertServesAndGoes();
  } finally {
    process.env.PATH = PATH;
    rmSync(bin, { recursive: true });
  }
});

test("a server that somebody has ended is no obstacle to the end of the others", async () => {
  const { servers, stop } = await serveFolders([
    { tag: "one", folder },
    { tag: "two", folder },
  ]);
  servers[0]?.child.kill("SIGKILL");
  await stop();
  assert.ok(!servers.some(isRunning));
});

const wrong: [string, { tag: string; folder: string }[], RegExp][] = [
  ["no folder", [{ tag: "a", folder: join(folder, "gone") }], /gone cannot be shared with a guest: no such file/],
  ["a file", [{ tag: "a", folder: file }], /file cannot be shared with a guest: it is not a directory/],
  ["an empty tag", [{ tag: "", folder }], /"" is no tag/],
  ["a tag that leads elsewhere", [{ tag: "..", folder }], /"\.\." is no tag/],
  ["a tag with a slash", [{ tag: "a/b", folder }], /"a\/b" is no tag/],
  ["a tag of 37 bytes", [{ tag: `${"x".repeat(35)}é`, folder }], /1 to 36 bytes/],
  [
    "a tag twice",
    [
      { tag: "a", folder },
      { tag: "a", folder: tmpdir() },
    ],
    /two folders have the tag a/,
  ],
];
for (const [what, shared, problem] of wrong)
  test(`refused: ${what}`, () => assert.rejects(serveFolders(shared), { name: "BuildError", message: problem }));

test("one that cannot start says why, and leaves nothing behind", async () => {
  const temporary = process.env.TMPDIR;
  // A socket's path may have 107 bytes.
  const long = join(folder, "x".repeat(100));
  process.env.TMPDIR = long;
  try {
    await assert.rejects(serveFolders([{ tag: "a", folder }]), {
      name: "BuildError",
      message: /x cannot hold what is needed for a guest: .*TMPDIR/,
    });
    mkdirSync(long);
    await assert.rejects(serveFolders([{ tag: "a", folder }]), { name: "BuildError", message: /cannot share/ });
    assert.deepEqual(readdirSync(long), []);
  } finally {
    process.env.TMPDIR = temporary;
    if (temporary === undefined) delete process.env.TMPDIR;
  }
});

// Last: this process is root's no more.
test("as another user than root", async () => {
  process.chdir("/");
  // So that it can be removed.
  chownSync(folder, 65534, 65534);
  process.setgroups?.([]);
  process.setgid?.(65534);
  process.setuid?.(65534);
  await assertServesAndGoes();
});
