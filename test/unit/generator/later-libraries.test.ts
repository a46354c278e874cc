import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller, installLayout } from "../../../core/generator/install.js";
import { parseNameServices } from "../../../core/generator/later-libraries.js";
import { createTree } from "../../../core/generator/tree.js";
import { run, tryRun } from "../../support/run.js";
import { createHost, diagnostic, load, runpath } from "./elf-host.js";
import { layTree, problemsOf, scratchFolder } from "./scratch.js";

/** C text with a note of systemd's ELF_DLOPEN_METADATA.md. */
function dlopenNote(json: string): string {
  const size = Buffer.byteLength(json) + 1;
  return `__asm__(".pushsection .note.dlopen,\\"a\\",@note\\n.balign 4\\n.long 4\\n.long ${size}\\n.long 0x407c0c0a\\n"
    ".asciz \\"FDO\\"\\n.asciz ${JSON.stringify(json).slice(0, -1).replaceAll("\\", "\\\\\\").replace('"', '\\"')}\\"\\n.balign 4\\n.popsection");\n`;
}

test("what a file says that it opens comes along: what it requires and recommends, of several the first that is there", async (context) => {
  const { root, at, library, program } = await createHost(context);
  for (const name of ["liba.so", "libb.so", "libc.so", "libd.so"]) await library(`/own/${name}`);
  await library("/own/libneeds.so", ["/own/liba.so"], ...runpath("/own"));
  const withNote = async (json: string) => {
    writeFileSync(at("note.c"), dlopenNote(json));
    await program("/program", [], at("note.c"), ...runpath("/own"));
    const { libraries, missing } = load(root, "/program");
    return [...libraries.map(({ path }) => path), ...missing.map(({ soname }) => `${soname}: missing`)];
  };
  const entry = (priority: string | undefined, ...soname: string[]) => ({ soname, feature: "x", priority });
  const note = (...entries: object[]) => withNote(JSON.stringify(entries));
  const several = [
    entry("required", "libneeds.so"),
    entry("recommended", "nowhere.so", "libb.so", "libc.so"),
    entry("suggested", "libd.so"),
  ];
  assert.deepEqual(await note(...several), ["/own/libneeds.so", "/own/liba.so", "/own/libb.so"]);
  assert.deepEqual(await note(entry(undefined, "libd.so")), ["/own/libd.so"]);
  assert.deepEqual(await note(entry("recommended", "nowhere.so")), []);
  assert.deepEqual(await note(entry("required", "nowhere.so", "no.so")), ["nowhere.so or no.so: missing"]);
  for (const nonsense of ["", "[", "{}", '[1, null, {"soname": 5}, {"soname": [5]}, {}]'])
    assert.deepEqual(await withNote(nonsense), [], nonsense);
});

/** Compiles a program, and makes an image of it alone. */
async function imageOf(context: TestContext, source: string): Promise<string> {
  const folder = scratchFolder(context, { "main.c": source });
  await run(["gcc", "-o", join(folder, "program"), join(folder, "main.c")]);
  const tree = createTree();
  const host = createHostFiles();
  installLayout(host, tree);
  createInstaller(host, tree).file(join(folder, "program"), { destination: "/program" });
  const image = scratchFolder(context);
  layTree(tree, image);
  return image;
}

const leaving = `
#include <pthread.h>
#include <stdio.h>
static void *leave(void *nothing) { (void)nothing; pthread_exit(NULL); }
int main(void) {
  pthread_t thread;
  return pthread_create(&thread, NULL, leave, NULL) || pthread_join(thread, NULL) || puts("left") < 0;
}
`;

test("libgcc_s.so.1 comes along where glibc opens it: without it, a thread that is ended ends the program", async (context) => {
  const image = await imageOf(context, leaving);
  assert.equal(await run(["chroot", image, "/program"]), "left\n");
  const unwinder = (await run(["find", image, "-name", "libgcc_s*"])).trim();
  rmSync(unwinder);
  const { status, stderr } = await tryRun(["chroot", image, "/program"]);
  assert.notEqual(status, 0);
  assert.match(stderr, /libgcc_s\.so\.1 must be installed/);
});

const lookingUp = `
#include <pwd.h>
#include <stdio.h>
int main(void) {
  struct passwd *entry = getpwnam("somebody");
  return printf("%d\\n", entry ? (int)entry->pw_uid : -1) < 0;
}
`;

const service = `
#include <nss.h>
#include <pwd.h>
#include <string.h>
int answer(void);
enum nss_status _nss_test_getpwnam_r(const char *name, struct passwd *entry, char *text, size_t size, int *error) {
  if (strcmp(name, "somebody") || !size) return *error = 0, NSS_STATUS_NOTFOUND;
  *text = 0;
  *entry = (struct passwd){text, text, (uid_t)answer(), 1, text, text, text};
  return NSS_STATUS_SUCCESS;
}
`;

/** A host with a program that looks up a name, and with a service that knows it. */
async function nameHost(context: TestContext): Promise<string> {
  const { root, at } = await createHost(context);
  const libraries = at(await diagnostic("path.system_dirs[0x0]"));
  mkdirSync(libraries, { recursive: true });
  copyFileSync("/lib/x86_64-linux-gnu/libc.so.6", join(libraries, "libc.so.6"));
  const texts = { "main.c": lookingUp, "service.c": service, "answer.c": "int answer(void) { return 4711; }" };
  for (const [name, text] of Object.entries(texts)) writeFileSync(at(name), text);
  const shared = (name: string, ...sources: string[]) =>
    run(["gcc", "-shared", "-fPIC", `-Wl,-soname,${name}`, "-o", join(libraries, name), ...sources]);
  await run(["gcc", "-o", at("program"), at("main.c")]);
  await shared("libanswer.so", at("answer.c"));
  await shared("libnss_test.so.2", at("service.c"), join(libraries, "libanswer.so"));
  writeFileSync(at("etc/nsswitch.conf"), "# names\npasswd:  files [NOTFOUND=continue] test nowhere\ngroup: files\n");
  return root;
}

test("the services that the image's nsswitch.conf names come along, with what they need, for programs that look up names", async (context) => {
  const root = await nameHost(context);
  const install = (...paths: string[]) => {
    const tree = createTree();
    const host = createHostFiles(root);
    installLayout(host, tree);
    const installer = createInstaller(host, tree);
    for (const path of paths) installer.file(path);
    installer.nameServices();
    return tree;
  };
  const names = (...paths: string[]) =>
    install(...paths)
      .entries()
      .flatMap(([path, { type }]) => (type === "file" ? [basename(path)] : []))
      .sort();
  const plain = ["ld-linux-x86-64.so.2", "libc.so.6", "program"];
  assert.deepEqual(names("/program"), plain);
  assert.deepEqual(names("/etc/nsswitch.conf"), ["nsswitch.conf"]);
  const all = [...plain, "libanswer.so", "libnss_test.so.2", "nsswitch.conf"].sort();
  assert.deepEqual(names("/program", "/etc/nsswitch.conf"), all);

  const image = scratchFolder(context);
  layTree(install("/program", "/etc/nsswitch.conf"), image);
  for (const path of ["lib64/ld-linux-x86-64.so.2", "program"]) chmodSync(join(image, path), 0o755);
  assert.equal(await run(["chroot", image, "/program"]), "4711\n");
});

test("nsswitch.conf: databases and their services, and what glibc does without", () => {
  const own = parseNameServices("passwd: files systemd # comment\n  hosts:\tfiles [!UNAVAIL=return] dns\nnonsense\n");
  assert.deepEqual(own("passwd"), ["files", "systemd"]);
  assert.deepEqual(own("hosts"), ["files", "dns"]);
  assert.deepEqual(own("group"), ["files"]);
  const none = parseNameServices(undefined);
  assert.deepEqual([none("passwd"), none("hosts"), none("initgroups")], [["files"], ["dns", "files"], []]);
});

test("a library that a module names brings what it needs; what is not there is no library", async (context) => {
  const { root, at, library, program } = await createHost(context);
  await library("/lib/liba.so");
  await library("/lib/libb.so", ["/lib/liba.so"]);
  await program("/bin/sh", ["/lib/liba.so"]);
  const tree = createTree();
  const installer = createInstaller(createHostFiles(root), tree);
  assert.equal(installer.library("nowhere.so"), false);
  assert.equal(installer.library("libb.so"), true);
  assert.ok(tree.has("lib/libb.so") && tree.has("lib/liba.so") && !tree.has("bin/sh"));
  rmSync(at("/bin/sh"));
  const without = createInstaller(createHostFiles(root), tree);
  assert.match((await problemsOf(() => without.library("libb.so"))).join(), /^there is no ELF program \/bin\/sh/);
});
