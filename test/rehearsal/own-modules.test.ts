/** Modules of other people, in rehearsed boots: the template of new-module as it is, and a module in the place of one of ours. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { newModule } from "../../core/generator/new-module.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program = { type: "file", mode: 0o755, data: "" } as const;

/** A folder for modules; it goes with the test. */
function placeFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "firstlight-modules-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** `status`: of the program that PID 1 has run before this boot. */
async function boot(bundle: string, commandLine: string, files: Record<string, string> = {}, status?: number) {
  const machine = createMachine({
    commandLine,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: Object.fromEntries(
      Object.entries(files).map(([path, data]) => [path, { type: "file", mode: 0o644, data }]),
    ),
    devices: [{ name: "vda", number: "254:0", tags: { TYPE: "ext4" }, files: { "sbin/init": program } }],
    drivers: {},
    modaliases: [],
    programs: {},
    ...(status === undefined ? {} : { init: { engine: 2, status } }),
  });
  return { word: await rehearse(bundle, machine), shown: machine.console() };
}

test("what new-module writes boots as it is", async (context) => {
  const folder = placeFor(context);
  newModule("70greet", folder);
  const bundle = await bundleWith({ add: ["greet"], folders: [folder] });
  const asked = await boot(bundle, "root=/dev/vda rd.greet=world", { "etc/greet.conf": "hello\n" });
  assert.equal(asked.word.word, "switch", asked.shown);
  assert.match(asked.shown, /^<6>phase pre-mount: greet$/m);
  assert.match(asked.shown, /^<6>greet says hello world$/m);
  const plain = await boot(bundle, "root=/dev/vda");
  assert.equal(plain.word.word, "switch", plain.shown);
  assert.doesNotMatch(plain.shown, /greet says/);
  const wrong = await boot(bundle, "root=/dev/vda rd.shell=0 rd.greet=two,words");
  assert.match(wrong.shown, /wrong value .*rd\.greet=two,words.*WORD/s);
});

test("a module of the same name stands for ours: its hooks run, and none of ours", async (context) => {
  const folder = placeFor(context);
  const module = join(folder, "12rootfs-block");
  mkdirSync(module);
  const files = {
    "module-setup.ts": "export default { root: [{ form: 'disk', matches: '^disk$' }] };\n",
    "cmdline.ts":
      'import { hook } from "firstlight/hooks";\nexport default hook({ run: ({ root }) => root.claim() });\n',
    "mount.ts": `import { hook } from "firstlight/hooks";
export default hook({
  async run({ mounts, root, log }) {
    await mounts.mountDevice("/dev/vda", { target: root.mountPoint, for: "a test" });
    log.info("mounted by the other one");
  },
});
`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(module, name), text);
  const { word, shown } = await boot(await bundleWith({ add: [], folders: [folder] }), "root=disk");
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /mounted by the other one/);
  assert.match(shown, /^<6>phase mount: rootfs-block$/m);
  assert.doesNotMatch(shown, /^<6>phase initqueue: rootfs-block$/m, "ours has a hook there");
});

test("a module ends the boot in place of the switch: a program in the root, and then, before anybody asks for a root, power off", async (context) => {
  const folder = placeFor(context);
  const module = join(folder, "70one-program");
  mkdirSync(module);
  const hook = (run: string) => `import { hook } from "firstlight/hooks";\nexport default hook({ ${run} });\n`;
  const files = {
    "module-setup.ts": "export default {};\n",
    "cmdline.ts": hook(`run({ kernel, finish, log }) {
  if (kernel.status === null) return;
  log.info("it ended with " + kernel.status);
  finish({ word: "reboot", action: "poweroff" });
}`),
    "switch.ts": hook(
      "run: ({ root, finish }) => finish({ word: 'run', program: { argv: ['/bin/one'], root: root.mountPoint } })",
    ),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(module, name), text);
  const bundle = await bundleWith({ add: [], folders: [folder] });
  const first = await boot(bundle, "root=/dev/vda");
  assert.deepEqual(first.word, { word: "run", program: { argv: ["/bin/one"], root: "/sysroot" } }, first.shown);
  const second = await boot(bundle, "", {}, 3);
  assert.deepEqual(second.word, { word: "reboot", action: "poweroff" }, second.shown);
  assert.match(second.shown, /it ended with 3\n/);
  assert.doesNotMatch(second.shown, /phase pre-trigger/);
});
