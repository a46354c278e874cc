import assert from "node:assert/strict";
import { test } from "node:test";
import { OpError, type ProgramResult } from "../../../hooks/index.js";
import { sourceDevice } from "../../../modules.d/90tmpfs-root/source.js";
import { judge, losses } from "../../../modules.d/90tmpfs-root/verdict.js";

const none = () => false;

test("every block form of root=tmpfs: names its device", () => {
  for (const source of [
    "/dev/vda1",
    "LABEL=my/root disk",
    "UUID=0036",
    "PARTLABEL=BOOTPART",
    "PARTUUID=8b4e-01",
    "/dev/vg/lv",
  ])
    assert.equal(sourceDevice(`tmpfs:${source}`, none), source);
});

test("a source that another module provides names it", () => {
  const forms = {
    nfs: "NFS=nfs:10.0.0.11:/x",
    lvm: "/dev/mapper/centos-root",
    "url-lib": "https://example.org/root.tar",
  };
  for (const [module, source] of Object.entries(forms))
    assert.throws(() => sourceDevice(`tmpfs:${source}`, none), { message: new RegExp(`needs the module ${module}`) });
  assert.throws(() => sourceDevice("tmpfs:NFS=nfs4:10.0.0.11:/x", none), /needs the module nfs/);
  assert.equal(
    sourceDevice("tmpfs:/dev/mapper/centos-root", (name) => name === "lvm"),
    "/dev/mapper/centos-root",
  );
});

test("anything else shows the accepted forms", () => {
  for (const source of ["", "vda1", "UUID=", "FOO=bar", "NFS=smb:x"])
    assert.throws(
      () => sourceDevice(`tmpfs:${source}`, none),
      (error: Error & { remedy?: string }) => /tmpfs:PARTLABEL=/.test(error.remedy ?? ""),
    );
});

const whole = "block 165: ** Block of NULs **\n";
const ended = (part: Partial<ProgramResult>): ProgramResult => ({
  status: 0,
  signal: null,
  stdout: whole,
  stderr: "",
  ...part,
});
const verdict = (tar: ProgramResult | OpError, decompressor?: ProgramResult | OpError) =>
  judge("a.tar", "3G", tar, decompressor)?.message;

test("a whole archive has no fault", () => {
  assert.equal(verdict(ended({})), undefined);
  assert.equal(verdict(ended({}), ended({ stdout: "" })), undefined);
});

test("a warning is no fault, whatever names it holds", () => {
  const stderr = "tar: ./invalid file: Cannot set 'security.evm' extended attribute: Invalid argument\n";
  assert.equal(verdict(ended({ stderr })), undefined);
  assert.equal(verdict(ended({ stderr: "tar: ./No space left on device: file changed\n" }), ended({})), undefined);
});

test("the fault is found behind any number of warnings", () => {
  const warnings = "tar: ./f: Cannot set 'user.x' extended attribute: Operation not supported\n".repeat(50);
  const full =
    verdict(ended({ status: 2, stderr: `${warnings}tar: ./x: Cannot write: No space left on device\n` })) ?? "";
  assert.match(full, /does not fit/);
  assert.match(full, /No space left/);
  assert.match(
    verdict(ended({ status: 2, stderr: `${warnings}tar: ./x: Cannot mknod\n` })) ?? "",
    /whole: .*Cannot mknod$/,
  );
});

test("each fault has its own error", () => {
  assert.match(
    verdict(ended({ stdout: "block 83: ** End of File **\n" })) ?? "",
    /truncated: it ends without its end blocks/,
  );
  assert.match(
    verdict(ended({ status: 2, stderr: "tar: Unexpected EOF in archive\n" })) ?? "",
    /truncated: tar: Unexpected EOF/,
  );
  assert.match(
    verdict(ended({ status: 2, stderr: "tar: This does not look like a tar archive\n" })) ?? "",
    /not an archive/,
  );
  assert.match(verdict(ended({ status: 2, stderr: "tar: Skipping to next header\n" })) ?? "", /corrupt/);
  assert.match(
    verdict(ended({ status: 2, stderr: "tar: ./x: Cannot write: No space left on device\n" })) ?? "",
    /does not fit .*rd\.tmpfs\.size=3G/,
  );
  assert.match(
    verdict(ended({ status: 2, stderr: "tar: ./x: Wrote only 7680 of 10240 bytes\n" })) ?? "",
    /does not fit/,
  );
  assert.match(verdict(ended({ status: null, signal: "SIGKILL" })) ?? "", /ran out of memory/);
  assert.match(verdict(new OpError("run", "tar", "ENOENT")) ?? "", /could not be unpacked whole: run tar: ENOENT/);
});

test("the decompressor's reason counts, unless tar made it stop", () => {
  const cut = ended({ status: 1, stderr: "gzip: stdin: unexpected end of file\n" });
  assert.match(
    verdict(ended({ status: 2, stderr: "tar: Unexpected EOF in archive\n" }), cut) ?? "",
    /truncated: gzip: stdin: unexpected/,
  );
  const broken = ended({ status: 1, stderr: "xz: (stdin): Compressed data is corrupt\n" });
  assert.match(verdict(ended({}), broken) ?? "", /corrupt: xz/);
  const advice = "bzip2: Compressed file ends unexpectedly;\n\tperhaps it is corrupted?\nYou can use it.\n".concat(
    "Advice.\n".repeat(9),
  );
  assert.match(
    verdict(ended({}), ended({ status: 2, stderr: advice })) ?? "",
    /truncated: bzip2: Compressed file ends unexp/,
  );
  const late = ended({
    status: null,
    signal: "SIGPIPE",
    stderr: "Error 66 : Decompression error : checksum_invalid\n",
  });
  const lost = ended({ status: 2, stderr: "tar: Skipping to next header\n" });
  assert.match(verdict(lost, late) ?? "", /corrupt: Error 66/);
  assert.match(verdict(lost, ended({ status: null, signal: "SIGPIPE" })) ?? "", /corrupt: tar: Skipping/);
  const full = ended({ status: 2, stderr: "tar: ./x: Cannot write: No space left on device\n" });
  assert.match(verdict(full, ended({ status: null, signal: "SIGPIPE" })) ?? "", /does not fit/);
});

test("what tar could not keep is said, where it is in the archive is not", () => {
  const tar = ended({
    stderr: "block 1: \ntar: ./f: Cannot set 'user.x' extended attribute for file './f': Operation not supported\n",
  });
  assert.deepEqual(losses(tar), [
    "tar: ./f: Cannot set 'user.x' extended attribute for file './f': Operation not supported",
  ]);
});
