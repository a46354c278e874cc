import { type Host, moduleSetup } from "firstlight/hooks";

/** Drivers that no device's modalias asks for, or that stand between a device and the ones above it. */
const always = ["sd_mod", "sr_mod", "sg", "scsi_dh_alua", "scsi_dh_emc", "scsi_dh_rdac", "loop", "unix", "hid_generic"];

/** Storage, what it is connected by, and keyboards, by directories of the kernel's source. */
const directories = [
  "ata",
  "block",
  "cdrom",
  "dax",
  "firewire",
  "message/fusion",
  "misc/cardreader",
  "mmc",
  "mtd/nand/raw",
  "nvdimm",
  "nvme/host",
  "pci",
  "scsi",
  "thunderbolt",
  "ufs",
  "usb/common",
  "usb/core",
  "usb/host",
  "usb/storage",
  "usb/typec",
  "virtio",
  "hid",
  "input/keyboard",
  "input/serio",
  "hv",
  "xen",
].map((directory) => `=drivers/${directory}`);

/** Where a bus controller sits behind others of the board. */
const boardDirectories = [
  "bus",
  "clk",
  "dma",
  "extcon",
  "gpio",
  "i2c/busses",
  "interconnect",
  "iommu",
  "mailbox",
  "mfd",
  "nvmem",
  "phy",
  "pinctrl",
  "pmdomain",
  "power",
  "regulator",
  "reset",
  "rpmsg",
  "soc",
  "spi",
  "usb/cdns3",
  "usb/chipidea",
  "usb/dwc2",
  "usb/dwc3",
  "usb/isp1760",
  "usb/musb",
  "usb/phy",
].map((directory) => `=drivers/${directory}`);

const hasBoardDrivers = ({ machine }: Host) => /^(aarch64|arm|riscv)/.test(machine);

export default moduleSetup({
  check: (host) => (host.kernel === undefined ? { unavailable: "the image is built with --no-kernel" } : "include"),
  depends: () => ["base"],
  installkernel(image, host) {
    image.drivers(always);
    image.drivers(directories);
    if (hasBoardDrivers(host)) image.drivers(boardDirectories);
  },
});
