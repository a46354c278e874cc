/** What a boot says of itself, and where: in the image's own engine on a simulated machine. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program = { type: "file", mode: 0o755, data: "" } as const;
const root = { name: "vda", number: "254:0", tags: { TYPE: "ext4", LABEL: "ROOT" }, files: { "sbin/init": program } };
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: [] });
});

/** `append`: takes what is appended to a file. */
async function boot(commandLine: string, append?: (path: string, data: string) => void) {
  const machine = createMachine({
    commandLine: `root=LABEL=ROOT ${commandLine}`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {},
    devices: [root],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  const op = (name: string, request: string) => {
    const { path, data, append: appends } = JSON.parse(request) as { path: string; data: string; append?: boolean };
    if (!append || name !== "write" || !appends) return machine.op(name, request);
    append(path, data);
    return JSON.stringify({ value: {} });
  };
  const { word } = await rehearse(bundle, { ...machine, op });
  return { word, shown: machine.console() };
}

test("progress: one line a step on the ring, more with rd.debug; with quiet only where rd.info asks for it", async () => {
  const plain = await boot("");
  const steps = [
    /^<6>firstlight .*, kernel 6\.1\.0$/m,
    /^<6>phase cmdline: rootfs-block$/m,
    /^<6>phase initqueue: rootfs-block$/m,
    /^<6>root: \/dev\/vda on \/sysroot/m,
    /^<6>switching to \/sysroot, \/sbin\/init$/m,
  ];
  for (const step of steps) assert.match(plain.shown, step);
  assert.match(plain.shown, /^<7>phase pre-pivot$/m);
  assert.doesNotMatch(plain.shown, /^firstlight: /m);
  assert.match((await boot("rd.debug")).shown, /^<6>phase pre-pivot$/m);
  assert.doesNotMatch((await boot("quiet")).shown, /^firstlight: /m);
  const told = await boot("quiet rd.info");
  assert.match(told.shown, /^firstlight: phase initqueue: rootfs-block$/m);
  assert.doesNotMatch(told.shown, /^firstlight: phase pre-pivot$/m);
  assert.match((await boot("quiet rd.debug")).shown, /^firstlight: phase pre-pivot$/m);
});

test("rd.log: where records go", async () => {
  const written = async (commandLine: string) => {
    const files: Record<string, string> = {};
    const { word, shown } = await boot(commandLine, (path, data) => {
      files[path] = `${files[path] ?? ""}${data}`;
    });
    assert.equal(word, "switch", shown);
    const places = { ring: /^<6>phase mount: /m.test(shown), console: /^firstlight: phase mount: /m.test(shown) };
    return { ...places, files };
  };
  const line = "firstlight: phase mount: rootfs-block";
  const serial = await written("rd.log=/dev/ttyS1");
  assert.deepEqual([serial.ring, serial.console, Object.keys(serial.files)], [false, false, ["/dev/ttyS1"]]);
  assert.ok(serial.files["/dev/ttyS1"]?.includes(`${line}\n`));
  assert.deepEqual(await written("rd.log=kmsg"), { ring: true, console: false, files: {} });
  assert.deepEqual(await written("rd.log=console quiet rd.info"), { ring: false, console: true, files: {} });
  for (const everywhere of ["rd.log", "rd.log=all", "rd.log=kmsg,console rd.log=file"]) {
    const { ring, console, files } = await written(everywhere);
    assert.deepEqual([ring, console, Object.keys(files)], [true, true, ["/run/initramfs/init.log"]]);
    assert.ok(files["/run/initramfs/init.log"]?.includes(`${line}\n`));
  }
  assert.match((await boot("rd.shell=0 rd.log=nowhere")).shown, /wrong value .*rd\.log=nowhere/);
});
