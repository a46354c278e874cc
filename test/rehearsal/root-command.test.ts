/** The module root-command: a command in the root in place of a switch, and the boot that follows it. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { FileTable } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const command = {
  argv: ["/bin/check", "a  b", "--c=\udcff"],
  env: ["TERM=linux"],
  terminal: true,
  report: "/dev/ttyS1",
};
const folders = Object.fromEntries(["run/", "dev/", "proc/", "sys/", "tmp/"].map((name) => [name, ""]));

let bundle: string;
before(async () => {
  bundle = await bundleWith({ add: ["root-command"] });
});

interface Case {
  parameters?: string;
  /** Of the image, besides what a boot needs. */
  image?: FileTable;
  root?: FileTable;
  /** Of the command, in the boot that follows it. */
  status?: number;
}

async function boot({ parameters = "", image = commandFile, root = folders, status }: Case) {
  const machine = createMachine({
    commandLine: `root=/dev/vda rd.shell=0 ${parameters}`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "tmp/": "", "sysroot/": "", ...image },
    devices: [{ name: "vda", number: "254:0", tags: { TYPE: "ext4" }, files: root }],
    drivers: {},
    modaliases: [],
    programs: {},
    ...(status === undefined ? {} : { init: { engine: 2, status } }),
  });
  const word = await rehearse(bundle, machine);
  const asked = machine.recorded().map(({ name, arguments: json }) => ({ name, ...JSON.parse(json) }));
  return { word, asked, shown: machine.console(), mounts: machine.files.mounts.map(({ point }) => point) };
}

const commandFile: FileTable = { "etc/root-command.json": JSON.stringify(command) };

test("the command is the last word, and finds in the root what is mounted in the initramfs, which stays there", async () => {
  const { word, shown, mounts } = await boot({});
  const { argv, env } = command;
  assert.deepEqual(word, { word: "run", program: { argv, env, cwd: "/", root: "/sysroot" } }, shown);
  for (const folder of ["/run", "/dev", "/dev/pts", "/proc", "/sys"])
    for (const point of [folder, `/sysroot${folder}`]) assert.ok(mounts.includes(point), point);
});

test("where nobody types at the console, the command's input is empty", async () => {
  const { word, shown } = await boot({
    image: { "etc/root-command.json": JSON.stringify({ ...command, terminal: false }) },
  });
  assert.ok(word.word === "run", shown);
  assert.deepEqual(word.streams, [["/dev/null"], ["/dev/console"], ["/dev/console"]]);
});

test("an init is switched to; where the boot stops, that is told on the line, too", async () => {
  const image = { "etc/root-command.json": JSON.stringify({ ...command, system: true }) };
  const told = (asked: readonly { name: string; path?: string; data?: string }[]) =>
    asked.flatMap(({ name, path, data }) => (name === "write" && path === command.report ? [data] : []));
  const init = { "sbin/init": { type: "file", mode: 0o755, data: "" } } as const;
  const good = await boot({ image, root: { ...folders, ...init } });
  assert.equal(good.word.word, "switch", good.shown);
  assert.deepEqual(told(good.asked), ["status 0\n"]);
  const without = await boot({ image });
  assert.equal(without.word.word, "failed", without.shown);
  assert.deepEqual(told(without.asked), ["status 0\n", "stopped\n"]);
});

test("a root without one of the folders, or with a link in its place, is run in all the same, with a warning", async () => {
  const link = { type: "symlink", mode: 0o777, target: "/dev" } as const;
  const { word, shown, mounts } = await boot({ root: { "dev/": "", proc: link } });
  assert.equal(word.word, "run", shown);
  for (const folder of ["/run", "/proc", "/sys", "/tmp"])
    assert.match(shown, new RegExp(`^<4>the root has no directory ${folder}: what is mounted there`, "m"));
  assert.ok(mounts.includes("/sysroot/dev"));
  assert.ok(!mounts.includes("/sysroot/proc") && !mounts.includes("/dev/dev"));
});

test("the boot that follows writes all to its devices, tells the status where nothing else is told, and powers off", async () => {
  for (const status of [0, 42, 143]) {
    const { word, shown, asked } = await boot({ status });
    assert.deepEqual(word, { word: "reboot", action: "poweroff" }, shown);
    const last = asked.filter(({ name, path }) => name === "sync" || /^.(dev.ttyS|proc.sys)/.test(path));
    assert.deepEqual(
      last.map(({ name, path, data }) => [name, path, data]),
      [
        ["sync", undefined, undefined],
        ["write", "/dev/ttyS1", `status ${status}\n`],
      ],
    );
    assert.ok(!asked.some(({ name, target }) => name === "mount" && target === "/sysroot"), "no root is mounted again");
  }
});

test("with quiet, the kernel's last words do not come behind the command's", async () => {
  const { asked } = await boot({ parameters: "quiet", status: 0 });
  assert.ok(
    asked.some(({ name, path, data }) => name === "write" && path === "/proc/sys/kernel/printk" && data === "0"),
  );
});

test("without the file that says what to run, and without the line for the status, the boot stops with a report", async () => {
  const { word, shown } = await boot({ image: {} });
  assert.equal(word.word, "failed");
  assert.match(shown, /^What: {4}the image has the module root-command, and no \/etc\/root-command\.json/m);
  assert.match(shown, /^Remedy: {2}Build the image without this module, or have tools\/chrootvm build it/m);
  const noLine = { "etc/root-command.json": JSON.stringify({ ...command, report: "/dev/ttyS9" }) };
  const after = await boot({ image: noLine, status: 1 });
  assert.equal(after.word.word, "failed");
  assert.match(after.shown, /^What: .*ttyS9.*ENOENT/m);
});
