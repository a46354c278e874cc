/** What a machine file can say of archives, memory and mount options, and what comes of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openImage } from "../../core/scenario/image.js";
import { bootImage, exitStatus, formatRehearsal } from "../../core/scenario/rehearsal.js";
import type { FilePart, FilesPart, MachineFile } from "../../core/schema/machine.js";
import { buildImage } from "../support/firstlight.js";
import { outFolder } from "../support/paths.js";

const { file } = await buildImage("machine-file", ["-N", "-a", "tmpfs-root", "--compress", "zstd -1"]);
const image = await openImage(file);

async function rehearse(commandLine: string, machine: MachineFile) {
  const rehearsed = await bootImage(image, { machine, folder: outFolder, unknown: [] }, commandLine);
  return { status: exitStatus(rehearsed), text: formatRehearsal(rehearsed, { all: false }) };
}

const diskWith = (files: FilesPart): MachineFile => ({ disks: [{ name: "sda", tags: { TYPE: "ext4" }, files }] });

test("a damaged archive: the report of each kind of damage, as a real boot would have it", async () => {
  const expected: [name: string, damage: FilePart["damage"], says: RegExp][] = [
    ["rootfs.tar.zst", "truncated", /rootfs\.tar\.zst is truncated: .*premature end/],
    ["rootfs.tar.xz", "corrupt", /rootfs\.tar\.xz is corrupt: xz: .*corrupt/],
    ["rootfs.tar.gz", "unterminated", /rootfs\.tar\.gz is truncated: it ends without its end blocks/],
    ["rootfs.tar", "truncated", /rootfs\.tar is truncated: tar: Unexpected EOF/],
    ["rootfs.tar", "corrupt", /rootfs\.tar is corrupt: tar: Skipping to next header/],
  ];
  for (const [name, damage, says] of expected) {
    const described = diskWith({ [name]: { size: "1M", ...(damage ? { damage } : {}) } });
    const { status, text } = await rehearse("root=tmpfs:/dev/sda", described);
    assert.equal(status, 1, text);
    assert.match(text, says);
  }
});

test("extended attributes that a tmpfs of that kernel cannot hold are warned of", async () => {
  const archive = { "sbin/init": { mode: "0755", xattrs: ["user.mine", "security.capability"] }, "run/": "" };
  const machine = diskWith({
    "rootfs.tar": { size: "1M", archive: { ...archive, "proc/": "", "dev/": "", "sys/": "" } },
  });
  for (const [release, warns] of [
    ["6.5.0", true],
    ["6.6.0", false],
  ] as const) {
    const described = { ...machine, kernel: { release } };
    const { status, text } = await rehearse("root=tmpfs:/dev/sda", described);
    assert.equal(status, 0, text);
    assert.equal(/Cannot set 'user\.mine' .*not supported/.test(text), warns, text);
    assert.doesNotMatch(text, /security/);
  }
});

test("mount options: a memory policy needs its nodes, and what no kernel knows is refused, unless this one does", async () => {
  const machine = diskWith({ "rootfs.tar": { archive: {} }, "sbin/init": { mode: "0755" } });
  const boot = async (line: string, more: MachineFile = {}) => (await rehearse(line, { ...machine, ...more })).text;
  const policy = "root=tmpfs:/dev/sda rd.tmpfs.mpol=bind:0,1";
  assert.match(await boot(policy), /What: .*Failed to mount tmpfs root .*mpol=bind:0,1.*EINVAL/);
  assert.doesNotMatch(await boot(policy, { nodes: 2 }), /EINVAL/);
  const options = "root=/dev/sda rootflags=commit=5,noload,newest=1";
  assert.match(await boot(options), /cannot be mounted as ext4 \(.*newest=1\): .*EINVAL/);
  assert.doesNotMatch(await boot(options, { kernel: { mountOptions: ["newest"] } }), /EINVAL/);
});

test("a tar archive of which nothing is said leaves it open", async () => {
  const { status, text } = await rehearse(
    "root=tmpfs:/dev/sda",
    diskWith({ "rootfs.tar": `${"\0".repeat(257)}ustar` }),
  );
  assert.equal(status, 2, text);
  assert.match(text, /left open: what is in the archive that is unpacked/);
});
