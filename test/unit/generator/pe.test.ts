import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLayout, contentSize, PeError, readPe } from "../../../core/generator/pe.js";
import { debianKernel } from "../../support/kernels.js";
import { run } from "../../support/run.js";
import { debianUkify, systemdStub } from "../../support/uefi.js";
import { type MadeSection, makePe } from "./pe-files.js";

const sections: MadeSection[] = [
  { name: ".text", content: "code" },
  { name: ".longname", content: Buffer.alloc(1000, "x"), memorySize: 5000, address: 0x3000 },
  { name: ".bss", content: "", memorySize: 100, address: 0x8000 },
];

test("the sections of real stubs and kernels are those that objdump sees", async () => {
  for (const path of [await systemdStub(), (await debianUkify()).stub, (await debianKernel("cloud")).image]) {
    const listing = await run(["objdump", "-h", path]);
    const seen = [...listing.matchAll(/^ +\d+ (\S+) +(\w+) +(\w+) +\w+ +(\w+) /gm)].map(([, name, ...numbers]) => {
      const [size = 0, address = 0, start = 0] = numbers.map((digits) => Number.parseInt(digits, 16));
      return { name, size, address, start };
    });
    const pe = readPe(path);
    assert.equal(pe.machine, 0x8664);
    assert.ok(seen.length > 3);
    assert.deepEqual(
      pe.sections.map((section) => ({
        name: section.name,
        size: contentSize(section),
        address: pe.imageBase + section.address,
        start: section.start,
      })),
      seen,
    );
    checkLayout(pe);
  }
});

/** What is wrong with a file, as its reader says. */
function complaint(bytes: Buffer): string {
  try {
    checkLayout(readPe(bytes));
  } catch (error) {
    if (error instanceof PeError) return error.message;
    throw error;
  }
  return "";
}

test("files that are damaged, or none of the format", () => {
  const good = makePe(sections);
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good);
    change(bytes);
    return complaint(bytes);
  };
  assert.equal(complaint(good), "");
  assert.equal(complaint(makePe(sections, { kind: 0x10b, imageBase: 0x400000 })), "");
  const none = "is no PE file, as UEFI starts them";
  for (const bytes of [Buffer.alloc(0), Buffer.from("MZ"), Buffer.alloc(4096)]) assert.equal(complaint(bytes), none);
  assert.equal(
    changed((bytes) => bytes.write("NE", 0x80)),
    none,
  );
  assert.equal(
    changed((bytes) => bytes.writeUInt16LE(0x107, 0x98)),
    none,
  );
  assert.equal(
    changed((bytes) => bytes.writeUInt16LE(20, 0x94)),
    none,
  );
  const end = good.length;
  assert.equal(
    changed((bytes) => bytes.writeUInt32LE(0xfffffff0, 60)),
    `is cut off: its header goes to byte 4294967304, and the file has ${end}`,
  );
  assert.match(
    changed((bytes) => bytes.writeUInt16LE(65535, 0x86)),
    /^is cut off: its header goes to byte \d+, and/,
  );
  assert.equal(
    complaint(good.subarray(0, -1)),
    `is cut off: its section .longnam goes to byte ${end}, and the file has ${end - 1}`,
  );
  for (const alignment of [0, 3, 0x1001])
    assert.equal(
      complaint(makePe(sections, { alignment })),
      `aligns its sections to ${alignment} bytes, which is no power of two`,
    );
  const overlapping = (second: Partial<MadeSection>) =>
    complaint(
      makePe([
        { name: ".b", content: Buffer.alloc(600) },
        { name: ".a", content: "x", ...second },
      ]),
    );
  assert.equal(overlapping({ address: 0x1257 }), "has sections that overlap in memory: .b and .a");
  assert.equal(overlapping({ address: 0x1258 }), "");
  assert.equal(overlapping({ start: 0x600 }), "has sections that overlap in the file: .b and .a");
});
