/** The driver index, and inserting. Expects the index of test/support/conformance/driver-index.ts. */
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

const names = (ops: OpsUnderTest, alias: string) =>
  ops.value("resolveDriver", { alias }).matches.map(({ name }) => name);

const resolve: Case = {
  name: "resolveDriver: names, aliases, patterns",
  run(ops) {
    equal(ops.value("resolveDriver", { alias: "virtio_blk" }).matches, [
      {
        name: "virtio_blk",
        chain: [
          { name: "virtio_ring", path: "/lib/virtio_ring.ko", parameters: "", size: 4000 },
          { name: "virtio_blk", path: "/lib/virtio_blk.ko", parameters: "queues=2 x=1", size: 4000 },
        ],
        blacklisted: false,
      },
    ]);
    for (const alias of ["virtio-blk", "virtio_blk", "virtio:d00000002v00001AF4"])
      equal(names(ops, alias), ["virtio_blk"], alias);
    for (const alias of ["", "virtio", "virtio_blkk", "virtio:d00000003v00001AF4", "x".repeat(5000)])
      equal(names(ops, alias), [], alias);
    equal(names(ops, "pci:v00008086d00001234sv1sd2bc01sc06i01"), ["ahci", "generic"], "patterns of several lengths");
    equal(names(ops, "usb:v1d6bp0001"), ["hub"], "a set of characters");
    equal(names(ops, "usb:v1d6gp0001"), [], "none of the set");
    equal(names(ops, "dash-[a-c]x"), [], "brackets in an alias are no pattern");
    equal(names(ops, "dash-bx"), ["dashed"], "- in the index is _");
    equal(names(ops, "in:[a-c]"), ["dashed"], "but not in brackets");
    equal(ops.value("resolveDriver", { alias: "pcspkr" }).matches[0]?.blacklisted, true, "blacklist");
    equal(
      ops.value("resolveDriver", { alias: "ext4" }).matches,
      [{ name: "ext4", chain: [], blacklisted: false }],
      "built in",
    );
    equal(names(ops, "platform:\udcff"), ["anything"], "bytes");
    equal(errnoOf(ops.outcome("resolveDriver", {})), "EINVAL", "no alias");
  },
};

const insert: Case = {
  name: "insert tells of each driver, and goes on after one that fails",
  run(ops) {
    ops.value("write", { path: "/tmp/junk.ko", data: "no driver", mode: 0o600 });
    const drivers = ["/none.ko", "/tmp/junk.ko", "/tmp"].map((path, n) => ({ name: `d${n}`, path, parameters: "" }));
    const { results } = ops.done("insert", { drivers });
    equal(
      results.map(({ name, inserted }) => [name, inserted]),
      [
        ["d0", false],
        ["d1", false],
        ["d2", false],
      ],
      "results",
    );
    equal(results[0]?.error, "ENOENT", "a missing file");
    // ENOSYS: this kernel has no loadable drivers at all.
    ok(["ENOEXEC", "ENOSYS"].includes(results[1]?.error ?? ""), `junk is ${results[1]?.error}`);
    equal(ops.done("insert", { drivers: [] }), { results: [] }, "none");
    for (const request of [{}, { drivers: [{}] }, { drivers: [{ name: "a", path: "/b" }] }, { drivers: "a" }])
      equal(errnoOf(ops.outcome("insert", request)), "EINVAL", JSON.stringify(request));
  },
};

export const cases: readonly Case[] = [resolve, insert];
