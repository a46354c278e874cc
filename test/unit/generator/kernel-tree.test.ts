import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { readKernelTree } from "../../../core/generator/kernel-tree.js";
import { findKernel } from "../../../core/generator/kernel-version.js";
import { readDriverSettings } from "../../../core/generator/modprobe-config.js";
import { problemsOf, scratchFolder } from "./scratch.js";

const lists = {
  "modules.dep": [
    "kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz kernel/crypto/crc32c-generic.ko.xz",
    "kernel/lib/libcrc32c.ko.xz: kernel/crypto/crc32c-generic.ko.xz",
    "kernel/crypto/crc32c-generic.ko.xz:",
    "updates/dkms/zfs.ko:",
    "",
  ].join("\n"),
  "modules.alias": "# comment\nalias fs-xfs xfs\nalias crypto-crc32c crc32c_generic\n",
  "modules.softdep": "# comment\nsoftdep xfs pre: crypto-crc32c post: zfs\nsoftdep cifs gcm\n",
  "modules.builtin": "kernel/drivers/block/virtio-blk.ko\n",
  "modules.builtin.modinfo":
    "virtio_blk.license=GPL\0virtio_blk.alias=virtio:d00000002v*\0ext4.alias=fs-ext4\0ext4.parm=alias:x\0",
  "modules.devname": "# comment\nfuse fuse c10:229\n",
};

test("the lists of depmod and of the kernel's build", (context) => {
  const tree = readKernelTree({ release: "1", folder: scratchFolder(context, lists) });
  assert.deepEqual(tree.drivers.get("xfs"), {
    name: "xfs",
    path: "kernel/fs/xfs/xfs.ko.xz",
    dependencies: ["crc32c_generic", "libcrc32c"],
  });
  assert.deepEqual(tree.drivers.get("crc32c_generic")?.dependencies, []);
  assert.ok(tree.drivers.has("zfs"));
  assert.deepEqual([...tree.builtin], ["virtio_blk"]);
  assert.deepEqual(tree.aliases, [
    { pattern: "fs-xfs", driver: "xfs" },
    { pattern: "crypto-crc32c", driver: "crc32c_generic" },
    { pattern: "virtio:d00000002v*", driver: "virtio_blk" },
    { pattern: "fs-ext4", driver: "ext4" },
  ]);
  assert.deepEqual(tree.softDependencies.get("xfs"), { pre: ["crypto-crc32c"], post: ["zfs"] });
  assert.deepEqual(tree.softDependencies.get("cifs"), { pre: [], post: [] });
  assert.equal(tree.staticNodes.get("fuse"), "fuse fuse c10:229");
});

test("the lists without which no driver is found have to be there", async (context) => {
  const required = { "modules.dep": "a.ko:\n", "modules.alias": "", "modules.builtin": "" };
  const read = (files: Record<string, string>) => {
    const folder = scratchFolder(context, files);
    const problems = problemsOf(() => readKernelTree({ release: "1", folder }));
    return problems.then((texts) => texts.map((text) => text.replace(folder, "F")));
  };
  assert.deepEqual(await read(required), []);
  const { "modules.dep": _, ...noDependencies } = required;
  assert.deepEqual(await read(noDependencies), ['F/modules.dep: no such file or directory: run "depmod 1"']);
  const { "modules.alias": _1, ...noAliases } = required;
  assert.deepEqual(await read(noAliases), ['F/modules.alias: no such file or directory: run "depmod 1"']);
  const { "modules.builtin": _2, ...noBuiltin } = required;
  assert.deepEqual(await read(noBuiltin), [
    "F/modules.builtin: no such file or directory: reinstall the kernel's package",
  ]);
  assert.match((await read({ ...required, "modules.dep": "no colon\n" }))[0] ?? "", /run depmod/);
  const empty = { ...required, "modules.dep": "" };
  assert.deepEqual(await read(empty), [], "a kernel without drivers");
  assert.deepEqual(await read({ ...empty, "kernel/fs/xfs.ko.zst": "" }), [
    'F/modules.dep is empty, but drivers are there: run "depmod 1"',
  ]);
});

test("a kernel that is not there, or not ready, is an error with the remedy", async (context) => {
  const folder = scratchFolder(context, { "6.1/modules.dep": "", "6.2/kernel/x.ko": "" });
  assert.deepEqual(findKernel(undefined, join(folder, "6.1")), { release: "6.1", folder: join(folder, "6.1") });
  assert.deepEqual(findKernel("7", join(folder, "6.1")), { release: "7", folder: join(folder, "6.1") });
  assert.match(
    (await problemsOf(() => findKernel("6.2", join(folder, "6.2"))))[0] ?? "",
    // Its links are followed where it is there, which it need not be.
    /6\.2 has no modules\.dep: run "depmod 6\.2" \(for a directory that is not below (\/usr)?\/lib\/modules: depmod -b\)$/,
  );
  assert.match(
    (await problemsOf(() => findKernel("6.3", join(folder, "6.3"))))[0] ?? "",
    /there is no directory .*6\.3: -k takes the directory of one kernel's drivers, as (\/usr)?\/lib\/modules\/(?!6\.3$)/,
  );
  assert.match(
    (await problemsOf(() => findKernel("0.0-none", undefined)))[0] ?? "",
    /^(\/usr)?\/lib\/modules has no drivers of kernel 0\.0-none: .* or build without drivers with --no-kernel$/,
  );
});

test("modprobe.d: blacklist, options, alias, softdep and the installs that forbid a driver", (context) => {
  const root = scratchFolder(context, {
    "etc/modprobe.d/b.conf": [
      "# comment",
      "blacklist pcspkr",
      "options snd-pcsp index=-2 \\",
      "  enable=0",
      "install floppy /bin/false",
      "install nouveau /usr/bin/true",
      "install sound /sbin/modprobe sound-slot-0",
      "alias my-bus:* my-driver",
      "softdep uhci-hcd pre: ehci-hcd",
      "weakdep uhci-hcd xhci-hcd",
      "remove sound /bin/true",
    ].join("\n"),
    "usr/lib/modprobe.d/b.conf": "blacklist hidden\n",
    "usr/lib/modprobe.d/a.conf": "options snd_pcsp first=1\n",
    "etc/modprobe.d/readme": "blacklist nobody\n",
  });
  const ignored: string[] = [];
  const host = createHostFiles(root);
  const settings = readDriverSettings(host, { hostOnly: true }, (line) => ignored.push(line));
  assert.deepEqual([...settings.blacklist], ["pcspkr", "floppy", "nouveau"]);
  assert.deepEqual([...settings.options], [["snd_pcsp", "first=1 index=-2 enable=0"]]);
  assert.deepEqual(settings.aliases, [{ pattern: "my-bus:*", driver: "my_driver" }]);
  assert.deepEqual(settings.softDependencies.get("uhci_hcd"), { pre: ["ehci-hcd"], post: [] });
  assert.deepEqual(settings.weakDependencies.get("uhci_hcd"), ["xhci-hcd"]);
  assert.deepEqual([...settings.commands], [["sound", "/sbin/modprobe sound-slot-0"]]);
  assert.deepEqual(ignored, ["remove sound /bin/true"]);
  // A generic image has what the distribution sets, not what this machine's administrator does.
  const packaged = readDriverSettings(host, { hostOnly: false }, () => assert.fail());
  assert.deepEqual([...packaged.blacklist], ["hidden"]);
  assert.deepEqual([...packaged.options], [["snd_pcsp", "first=1"]]);
});
