import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { makeEarlyImage, parseProcessor } from "../../../core/generator/microcode.js";
import { run } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

const firmware = {
  "lib/firmware/intel-ucode/06-a7-01": "rocket ",
  "lib/firmware/intel-ucode/06-4f-01.initramfs": "broadwell ",
  "lib/firmware/intel-ucode/list": "no microcode",
  "lib/firmware/amd-ucode/microcode_amd.bin": "k8 ",
  "lib/firmware/amd-ucode/microcode_amd_fam19h.bin": "zen3 ",
  "lib/firmware/amd-ucode/microcode_amd_fam19h.bin.asc": "a signature",
};

/** Names of the files, and their texts. */
async function early(folder: string, processor?: Parameters<typeof makeEarlyImage>[2], places = ["/lib/firmware"]) {
  const entries = await makeEarlyImage(createHostFiles(folder), places, processor);
  return Object.fromEntries(
    entries.flatMap(([path, entry]) => (entry.type === "file" ? [[path, entry.content.toString()]] : [])),
  );
}

const [amd, intel] = ["kernel/x86/microcode/AuthenticAMD.bin", "kernel/x86/microcode/GenuineIntel.bin"] as const;

test("microcode of all processors, or of one", async (context) => {
  const folder = scratchFolder(context, firmware);
  assert.deepEqual(await early(folder), { [amd]: "k8 zen3 ", [intel]: "broadwell rocket " });
  const processor = { vendor: "GenuineIntel", family: 6, model: 167, stepping: 1 };
  assert.deepEqual(await early(folder, processor), { [intel]: "rocket " });
  assert.deepEqual(await early(folder, { ...processor, model: 0x4f }), { [intel]: "broadwell " });
  assert.deepEqual(await early(folder, { ...processor, stepping: 2 }), {});
  assert.deepEqual(await early(folder, { ...processor, vendor: "AuthenticAMD", family: 0x19 }), { [amd]: "zen3 " });
  assert.deepEqual(await early(folder, { ...processor, vendor: "AuthenticAMD", family: 0x10 }), { [amd]: "k8 " });
  assert.deepEqual(await early(folder, { ...processor, vendor: "CentaurHauls" }), {});
  assert.deepEqual(await early(scratchFolder(context)), {}, "no firmware is no error");
});

test("the first folder that has any counts, and compressed files are unpacked", async (context) => {
  const folder = scratchFolder(context, firmware);
  await run(["sh", "-c", `cd ${folder}/lib/firmware && xz amd-ucode/*19h.bin && zstd -q --rm intel-ucode/06-a7-01`]);
  assert.deepEqual(await early(folder), { [amd]: "k8 zen3 ", [intel]: "broadwell rocket " });
  await run(["sh", "-c", `cd ${folder} && mkdir -p own/amd-ucode && echo -n new >own/amd-ucode/microcode_amd.bin`]);
  const both = ["/own", "/lib/firmware"];
  assert.deepEqual(await early(folder, undefined, both), { [amd]: "new", [intel]: "broadwell rocket " });
  writeFileSync(join(folder, "lib/firmware/amd-ucode/microcode_amd_fam19h.bin.xz"), "damaged");
  assert.equal((await problemsOf(() => early(folder))).length, 1);
});

test("what /proc/cpuinfo says of a processor", () => {
  const text =
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: x\nstepping\t: 1\n";
  assert.deepEqual(parseProcessor(text), { vendor: "GenuineIntel", family: 6, model: 167, stepping: 1 });
  assert.equal(parseProcessor("processor\t: 0\nBogoMIPS\t: 50.00\n"), undefined);
});
