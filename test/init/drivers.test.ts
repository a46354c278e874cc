import assert from "node:assert/strict";
import { test } from "node:test";
import { driverIndexPath, driverSettingsPath, modprobePath } from "../../core/abi/index.js";
import { testedDriverIndex } from "../support/conformance/driver-index.js";
import { runInit } from "../support/init-container.js";
import { bootCode, testFamily } from "../support/init-suite.js";

const index = testedDriverIndex();

testFamily("drivers", { files: { [driverIndexPath]: index } });

test("resolveDriver without an index is ENOENT, with a damaged one EBADMSG, with a good one later on it answers", async () => {
  const bundle = await bootCode(`
    print(errnoOf(ops.outcome("resolveDriver", { alias: "x" })));
    ops.value("rename", { from: "/cut", to: "${driverIndexPath}" });
    print(errnoOf(ops.outcome("resolveDriver", { alias: "x" })));
    ops.value("rename", { from: "/good", to: "${driverIndexPath}" });
    print(JSON.stringify(ops.value("resolveDriver", { alias: "ext4" }).matches));`);
  const { console } = await runInit({ bundle, files: { "/cut": index.subarray(0, 200), "/good": index } });
  assert.equal(console, 'ENOENT\nEBADMSG\n[{"name":"ext4","chain":[],"blacklisted":false}]\n');
});

test("the modprobe applet: what it loads, in which order, its exit status", async () => {
  const calls: [string[], number, RegExp][] = [
    [["-q", "--", "fs-ext4"], 0, /^$/],
    [["ext4"], 0, /^$/],
    [["nothing"], 1, /^modprobe: nothing: ENOENT\n$/],
    [["-q", "--", "nothing"], 1, /^$/],
    // What fails before it is not the end: it may have been a wish only. Its own failure counts.
    [
      ["--", "virtio-blk"],
      1,
      /^modprobe: \/lib\/virtio_ring.ko: ENOENT\nmodprobe: \/lib\/virtio_blk.ko: ENOENT\nmodprobe: virtio-blk: ENOENT\n$/,
    ],
    [["pci:v00008086d00001234sv1sd2bc01sc06i01"], 1, /ahci.ko: ENOENT\n.*generic.ko: ENOENT\n/],
    // A blacklisted driver answers no alias, only its name.
    [["platform:pcspkr"], 1, /^modprobe: platform:pcspkr: ENOENT\n$/],
    [["pcspkr"], 1, /pcspkr.ko: ENOENT\n/],
    [[], 1, /no name given/],
    [["--remove", "x"], 1, /unknown option --remove/],
  ];
  const bundle = await bootCode(`
    for (const argv of ${JSON.stringify(calls.map(([argv]) => argv))}) {
      const { status, stderr } = ops.done("run", { argv: ["${modprobePath}", ...argv], stderr: "keep", env: ["ASAN_OPTIONS=detect_leaks=0"] });
      print("result " + JSON.stringify([status, stderr]));
    }`);
  const { console } = await runInit({
    bundle,
    files: { [driverIndexPath]: index },
    setup: `mkdir -p usr/sbin; ln -s /init .${modprobePath}`,
  });
  const results = [...console.matchAll(/^result (.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as [number, string]);
  assert.equal(results.length, calls.length, console);
  for (const [number, [argv, status, stderr]] of calls.entries()) {
    assert.equal(results[number]?.[0], status, argv.join(" "));
    assert.match(results[number]?.[1] ?? "", stderr, argv.join(" "));
  }
});

test("the modprobe applet knows what the kernel command line says: a blacklist for aliases; whatever else is in the file", async () => {
  const settings = [
    ["blacklist virtio_blk\n", false],
    ["blacklist virtio_blk", false],
    ["options virtio_blk a=1\nblacklist virtio_blk\n\n", false],
    ["blacklist virtio_blkk\nblacklist virtio\nblacklist\nblacklist \nxblacklist virtio_blk\n", true],
    ["options virtio_blk\noptions virtio_blk \noptions virtio_ring a=1", true],
    ["", true],
  ] as const;
  const bundle = await bootCode(`
    ops.value("makeDir", { path: "${driverSettingsPath.replace(/\/[^/]*$/, "")}", parents: true });
    const ask = (name) =>
      ops.done("run", { argv: ["${modprobePath}", "--", name], stderr: "keep", env: ["ASAN_OPTIONS=detect_leaks=0"] });
    for (const data of ${JSON.stringify(settings.map(([text]) => text))}) {
      ops.value("write", { path: "${driverSettingsPath}", data, mode: 0o600 });
      print("result " + JSON.stringify([ask("virtio:d00000002v1").stderr, ask("virtio_blk").stderr]));
    }
    ops.value("write", { path: "${driverSettingsPath}", data: "x".repeat(100000), mode: 0o600 });
    print("large " + ask("ext4").stderr);`);
  const { console } = await runInit({
    bundle,
    files: { [driverIndexPath]: index },
    setup: `mkdir -p usr/sbin; ln -s /init .${modprobePath}`,
  });
  const results = [...console.matchAll(/^result (.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as [string, string]);
  assert.equal(results.length, settings.length, console);
  for (const [number, [text, tried]] of settings.entries()) {
    const [byAlias, byName] = results[number] ?? ["", ""];
    assert.equal(/virtio_blk\.ko/.test(byAlias), tried, text);
    assert.match(byName, /virtio_blk\.ko/, text);
  }
  assert.match(console, /^large modprobe: ext4: EFBIG$/m);
});
