/** What a unified kernel image is made of, and where it goes. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { placeUki } from "../../../core/generator/esp.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { findUkiParts, ukiCommandLine } from "../../../core/generator/uki.js";
import { debianKernel } from "../../support/kernels.js";
import { run } from "../../support/run.js";
import { makePe } from "./pe-files.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

const program = (machine: number) => makePe([{ name: ".text", content: "code" }], { machine });
const [x64, aa64] = [program(0x8664), program(0xaa64)];
const stubs = "usr/lib/systemd/boot/efi";

interface Wishes {
  stub?: string;
  kernelImage?: string;
  splash?: string;
}

/** A system with a kernel 1.2, a stub, and other files. Wishes are paths in it; what is said is without its own path. */
function makeSystem(context: TestContext, files: Record<string, string | Buffer> = {}) {
  const folder = scratchFolder(context, {
    "boot/vmlinuz-1.2": x64,
    [`${stubs}/linuxx64.efi.stub`]: x64,
    "etc/os-release": "ID=test\n",
    ...files,
  });
  const at = (name: string | undefined) => (name === undefined ? undefined : join(folder, name));
  const report = keepReport();
  const find = ({ stub, kernelImage, splash }: Wishes = {}) =>
    findUkiParts(
      { stub: at(stub), kernelImage: at(kernelImage), splash: at(splash) },
      { release: "1.2", folder: join(folder, "lib/modules/1.2") },
      createHostFiles(folder),
      report,
    );
  const found = (wishes?: Wishes) => {
    const { kernelImage, stub, osRelease, splash } = find(wishes);
    return [kernelImage, stub, osRelease, splash].map((path) => path?.replace(`${folder}/`, ""));
  };
  const complaints = async (wishes?: Wishes) =>
    (await problemsOf(() => find(wishes))).map((problem) => problem.replaceAll(folder, ""));
  return { folder, report, found, complaints };
}

test("kernel, stub and os-release are found; what is named stands for them", (context) => {
  const { folder, report, found } = makeSystem(context, {
    "my/kernel": x64,
    "my/stub": x64,
    "my/picture.bmp": `BM${"x".repeat(60)}`,
  });
  const stub = `${stubs}/linuxx64.efi.stub`;
  assert.deepEqual(found(), ["boot/vmlinuz-1.2", stub, "etc/os-release", undefined]);
  const wishes = { kernelImage: "my/kernel", stub: "my/stub", splash: "my/picture.bmp" };
  assert.deepEqual(found(wishes), ["my/kernel", "my/stub", "etc/os-release", "my/picture.bmp"]);
  mkdirSync(join(folder, "lib/modules/1.2"), { recursive: true });
  writeFileSync(join(folder, "lib/modules/1.2/vmlinuz"), x64);
  writeFileSync(join(folder, "usr/lib/os-release"), "ID=vendor\n");
  rmSync(join(folder, "etc/os-release"));
  symlinkSync("/usr/lib/os-release", join(folder, "etc/os-release"));
  assert.deepEqual(found(), ["lib/modules/1.2/vmlinuz", stub, "usr/lib/os-release", undefined]);
  assert.deepEqual(report.warnings, []);
  rmSync(join(folder, "usr/lib/os-release"));
  assert.deepEqual(found(), ["lib/modules/1.2/vmlinuz", stub, undefined, undefined]);
  assert.deepEqual(report.warnings, ["there is no /etc/os-release: systemd-boot does not show the image in its menu"]);
});

test("a kernel for AArch64 gets the stub for it", (context) => {
  const files = { "boot/vmlinuz-1.2": aa64, [`${stubs}/linuxaa64.efi.stub`]: aa64 };
  assert.equal(makeSystem(context, files).found()[1], `${stubs}/linuxaa64.efi.stub`);
});

test("each thing that is missing or wrong, with its remedy; several at once", async (context) => {
  const { folder, complaints } = makeSystem(context, {
    text: "this is no program",
    aa64,
    risc: program(0x5064),
    uki: makePe([
      { name: ".text", content: "code" },
      { name: ".linux", content: "kernel" },
    ]),
    twisted: makePe([
      { name: ".a", content: "x", address: 0x1000 },
      { name: ".b", content: "y", address: 0x1000 },
    ]),
    cut: x64.subarray(0, 1100),
    "picture.png": `\x89PNG${"x".repeat(60)}`,
    "short.bmp": "BM",
  });
  const remedy = "name systemd's /usr/lib/systemd/boot/efi/linuxx64.efi.stub with --uefi-stub";
  const isStub = "CONFIG_EFI_STUB=y";
  const wrong: [Wishes, string][] = [
    [{ kernelImage: "none" }, "the kernel image /none cannot be read: no such file or directory"],
    [
      { kernelImage: "etc" },
      `the kernel image /etc is not a regular file: name a kernel that was built with ${isStub}`,
    ],
    [
      { kernelImage: "text" },
      `the kernel image /text is no PE file, as UEFI starts them: name a kernel that was built with ${isStub}`,
    ],
    [
      { kernelImage: "cut" },
      `the kernel image /cut is cut off: its section .text goes to byte 1536, and the file has 1100: name a kernel that was built with ${isStub}`,
    ],
    [
      { kernelImage: "risc" },
      "the kernel image /risc is for machine 0x5064: images for UEFI are made for x86-64 and AArch64 only",
    ],
    [{ stub: "none" }, "the stub /none cannot be read: no such file or directory"],
    [{ stub: "text" }, `the stub /text is no PE file, as UEFI starts them: ${remedy}`],
    [{ stub: "aa64" }, `the stub /aa64 is for AArch64, and the kernel image /boot/vmlinuz-1.2 for x86-64: ${remedy}`],
    [{ stub: "uki" }, `the stub /uki has a section .linux, so it is a whole image already: ${remedy}`],
    [{ stub: "twisted" }, `the stub /twisted has sections that overlap in memory: .a and .b: ${remedy}`],
    [{ splash: "none" }, "--uefi-splash-image: /none cannot be read: no such file or directory"],
    [{ splash: "etc" }, "--uefi-splash-image: /etc cannot be read: it is a directory"],
    ...["picture.png", "short.bmp"].map((splash): [Wishes, string] => [
      { splash },
      `--uefi-splash-image: /${splash} is no BMP picture: convert it to one, the stub shows no others`,
    ]),
  ];
  for (const [wishes, complaint] of wrong) assert.deepEqual(await complaints(wishes), [complaint]);

  rmSync(join(folder, stubs), { recursive: true });
  const noStub =
    "--uefi: there is no stub /usr/lib/systemd/boot/efi/linuxx64.efi.stub: install the package systemd-boot-efi (Fedora's: systemd-boot-unsigned), or name one with --uefi-stub";
  assert.deepEqual(await complaints(), [noStub]);
  rmSync(join(folder, "boot"), { recursive: true });
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    assert.deepEqual(await complaints({ splash: "short.bmp" }), [
      "--uefi: neither ukify nor objcopy is installed: install one of the packages systemd-ukify and binutils",
      "--uefi: the image of kernel 1.2 is neither /lib/modules/1.2/vmlinuz nor /boot/vmlinuz-1.2: install it, or name it with --kernel-image",
      wrong.at(-1)?.[1],
    ]);
  } finally {
    process.env.PATH = PATH;
  }
});

test("a kernel of another release than the drivers', and one in place of a stub", async (context) => {
  const { image, release } = await debianKernel("cloud");
  const { folder, complaints } = makeSystem(context);
  symlinkSync(image, join(folder, "other"));
  assert.deepEqual(await complaints({ stub: "other" }), [
    "the stub /other is itself a kernel: name systemd's /usr/lib/systemd/boot/efi/linuxx64.efi.stub with --uefi-stub",
  ]);
  assert.deepEqual(await complaints({ kernelImage: "other" }), [
    `the kernel image /other is of kernel ${release}, and the drivers are of 1.2: name the image of that one with --kernel-image`,
  ]);
});

test("the command line: what a person says comes last; kernels cut off what is too long", async () => {
  assert.equal(ukiCommandLine([], ""), "");
  assert.equal(ukiCommandLine(["root=UUID=1", "ro"], ' quiet\n "a  b" -- x '), 'root=UUID=1 ro quiet "a b" -- x');
  assert.equal(ukiCommandLine([], "x".repeat(2047)).length, 2047);
  assert.deepEqual(await problemsOf(() => ukiCommandLine(["ä"], "x".repeat(2045))), [
    "--kernel-cmdline: the kernel's command line would have 2048 bytes, and kernels take 2047: put what only the initramfs reads into a file, and that into /etc/cmdline.d/NAME.conf of the image with --include",
  ]);
});

test("an image without a name goes to the EFI system partition", async (context) => {
  const folder = scratchFolder(context);
  const place = () => placeUki("1.2", createHostFiles(folder)).replace(folder, "");
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
  for (const path of ["etc", "usr/lib", "efi/EFI", "boot/efi"]) mkdirSync(join(folder, path), { recursive: true });
  assert.deepEqual(await problemsOf(place), [
    "--uefi: no EFI system partition is mounted at /efi, /boot/efi or /boot, with a directory EFI in it: mount it, or name the image to write",
  ]);
  mkdirSync(join(folder, "boot/EFI"));
  assert.equal(place(), "/boot/EFI/Linux/linux-1.2-Default.efi");
  mkdirSync(join(folder, "boot/efi/EFI"));
  write("etc/machine-id", "uninitialized\n");
  assert.equal(place(), "/boot/efi/EFI/Linux/linux-1.2-Default.efi");
  write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  write("usr/lib/os-release", "ID=arch\nIMAGE_BUILD_ID=no\nBUILD_ID='rolling'\n");
  assert.equal(place(), "/boot/efi/EFI/Linux/linux-1.2-0123456789abcdef0123456789abcdef-rolling.efi");
  mkdirSync(join(folder, "boot/Default"));
  write("etc/os-release", "ID=arch\n");
  assert.equal(place(), "/boot/efi/EFI/Linux/linux-1.2-Default.efi");
  await run(["mount", "-t", "tmpfs", "none", join(folder, "efi")]);
  try {
    assert.equal(place(), "/efi/EFI/Linux/linux-1.2-Default.efi");
  } finally {
    await run(["umount", join(folder, "efi")]);
  }
  rmSync(join(folder, "boot/efi/EFI"), { recursive: true });
  rmSync(join(folder, "boot/EFI/Linux"), { recursive: true });
  write("boot/EFI/Linux", "");
  assert.deepEqual(await problemsOf(place), [`${folder}/boot/EFI/Linux cannot be made: something else is there`]);
});
