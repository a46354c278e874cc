/** A root on a disk, as the command line wants it mounted, and what its init finds. By other names than its UUID: buses.test.ts. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { traceEnd, tracePath } from "../../core/abi/index.js";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { outFolder } from "../support/paths.js";
import { replayOf } from "../support/replay.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("block-root", ["-N"]);
const disks = [{ file: rootDisk }];
const byUuid = `root=UUID=${rootVolume.uuid}`;

test("the new root finds /dev, /proc, /sys and /run, and nothing of the old one", async (context) => {
  // The last of ro and rw counts.
  const guest = bootImage(context, image, { cmdline: `${byUuid} rw ro`, disks });
  const { init, mounts, writable, links, processes, run } = await rootFacts(guest);
  assert.equal(init, "/sbin/init");
  assert.equal(mounts.get("/")?.type, "ext4");
  assert.ok(mounts.get("/")?.options.includes("ro"));
  assert.ok(!writable);
  assert.deepEqual(processes, ["1"]);
  assert.deepEqual(
    run.filter((path) => path === "/run/initramfs"),
    ["/run/initramfs"],
  );
  assert.equal(mounts.get("/dev")?.type, "devtmpfs");
  assert.equal(mounts.get("/proc")?.type, "proc");
  assert.equal(mounts.get("/sys")?.type, "sysfs");
  assert.equal(mounts.get("/run")?.type, "tmpfs");
  for (const target of ["/proc", "/sys"]) {
    assert.deepEqual(
      ["nosuid", "nodev", "noexec"].filter((option) => !mounts.get(target)?.options.includes(option)),
      [],
      `options of ${target}`,
    );
  }
  assert.ok(!mounts.has("/sysroot"));
  assert.deepEqual(
    [...links].filter(([, device]) => device === "/dev/vda1").map(([link]) => link),
    [
      "/dev/disk/by-label/tiny\\x2froot\\x20one",
      "/dev/disk/by-partlabel/the\\x20first\\x20root",
      `/dev/disk/by-partuuid/${rootVolume.partitionUuid}`,
      `/dev/disk/by-uuid/${rootVolume.uuid}`,
    ],
  );
});

test("rw, rootfstype and rootflags are mount's", async (context) => {
  const cmdline = `${byUuid} rw rootfstype=ext4 rootflags=noatime,commit=33`;
  const { mounts, writable } = await rootFacts(bootImage(context, image, { cmdline, disks }));
  assert.ok(writable);
  assert.deepEqual(
    ["rw", "noatime", "commit=33"].filter((option) => !mounts.get("/")?.options.includes(option)),
    [],
  );
});

test("init=, the words after --, and the environment that the kernel made are the new root's", async (context) => {
  const own = `foo=bar "two=d e" three="f g" four=h"i j"`;
  const cmdline = `${byUuid} ${own} init=/sbin/other-init -- single word=two "three four"`;
  const { init, environment } = await rootFacts(bootImage(context, image, { cmdline, disks }));
  assert.equal(init, "/sbin/other-init single word=two three four");
  assert.deepEqual(environment.sort(), ["HOME=/", "TERM=linux", "foo=bar", 'four=h"i j"', "three=f g", "two=d e"]);
});

test("the recording of a boot is in the new root's /run; here the image's boot code asks the same, to its last word", async (context) => {
  const script = `dmesg -n 1; cat ${tracePath}; echo ${traceEnd}; stty sane </dev/console; poweroff -f`;
  const cmdline = `${byUuid} init=/bin/sh -- -c "${script}"`;
  const guest = bootImage(context, image, { cmdline, disks });
  await guest.ended();
  const end = await replayOf(guest.bytes(), image.file);
  assert.ok(end.end === "last word" && end.word.word === "switch", JSON.stringify(end));
  assert.deepEqual(end.word.arguments, ["-c", script]);
});

test("the memory of the initramfs is free after the switch", async (context) => {
  const mebibytes = 64;
  const ballast = join(outFolder, "tests/ballast");
  await writeFile(ballast, randomBytes(mebibytes * 1024 * 1024));
  const larger = await buildImage("block-root-larger", ["-N", "--no-compress", "-i", ballast, "/ballast"]);
  const without = await rootFacts(bootImage(context, image, { cmdline: byUuid, disks }));
  const withBallast = await rootFacts(bootImage(context, larger, { cmdline: byUuid, disks }));
  const kept = (without.free - withBallast.free) / 1024;
  assert.ok(kept < mebibytes / 4, `${kept.toFixed(0)} of ${mebibytes} MiB are still in use`);
});
