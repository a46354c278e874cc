/** Which drivers a generic image has, for Debian's full kernel. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { buildImage } from "../../support/firstlight.js";
import { debianKernel } from "../../support/kernels.js";
import { run } from "../../support/run.js";

const nameOf = (path: string) => /(.*)\.ko\b/.exec(basename(path))?.[1]?.replaceAll("-", "_") ?? "";
let inImage = new Set<string>();
let builtIn = new Set<string>();

before(async () => {
  const kernel = await debianKernel("full");
  const { file } = await buildImage("generic-drivers", ["-N", "--no-compress"], kernel);
  const names = await run(["sh", "-c", 'cpio --quiet -t <"$1"', "sh", file]);
  inImage = new Set(names.split("\n").map(nameOf));
  builtIn = new Set(readFileSync(join(kernel.modules, "modules.builtin"), "utf8").split("\n").map(nameOf));
});

/** One or more of each kind, with what stands between them and the processor. */
const kinds: [string, string[]][] = [
  ["disks of virtual machines", ["virtio_blk", "virtio_scsi", "vmw_pvscsi", "hv_storvsc", "xen_blkfront"]],
  ["SATA, SAS and Fibre Channel", ["ahci", "ata_piix", "mpt3sas", "megaraid_sas", "smartpqi", "qla2xxx", "lpfc"]],
  ["NVMe, also behind Intel's VMD", ["nvme", "vmd"]],
  ["memory that keeps its content", ["nfit", "nd_pmem", "virtio_pmem"]],
  [
    "USB storage and SD cards",
    ["xhci_pci", "ehci_pci", "uhci_hcd", "usb_storage", "uas", "sdhci_pci", "sdhci_acpi", "mmc_block"],
  ],
  ["file systems", ["xfs", "btrfs", "f2fs", "squashfs", "vfat", "isofs", "udf"]],
  ["keyboards on USB", ["usbhid", "hid_generic", "hid_apple", "hid_logitech_dj", "hid_microsoft"]],
  [
    "keyboards on I2C and SPI",
    ["i2c_hid_acpi", "i2c_designware_platform", "applespi", "spi_pxa2xx_platform", "dw_dmac"],
  ],
  ["keyboards behind Microsoft's controller", ["surface_hid", "surface_aggregator_registry"]],
  ["keyboards of virtual machines", ["hyperv_keyboard", "virtio_input"]],
];

for (const [kind, names] of kinds)
  test(`a generic image has drivers for ${kind}`, () => {
    const missing = names.filter((name) => !inImage.has(name) && !builtIn.has(name));
    assert.deepEqual(missing, []);
  });

test("it has none for what no root lies on and nobody types on", () => {
  const unwanted = ["st", "ch", "sg", "pata_legacy", "hid_sony", "e1000e", "i915", "overlay"];
  const there = unwanted.filter((name) => inImage.has(name));
  assert.deepEqual(there, []);
});
