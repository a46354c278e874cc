import { type Host, moduleSetup } from "firstlight/hooks";

/** What no device's modalias asks for, and keyboards' controllers: the rest of input/serio is for mice and for raw access. */
const always = [
  ...["sd_mod", "sr_mod", "sg", "scsi_dh_alua", "scsi_dh_emc", "scsi_dh_rdac", "loop", "unix", "hid_generic"],
  ...["i8042", "libps2", "pcips2", "hyperv_keyboard"],
];

/** Generic images: these few of directories full of other things. */
const named = [
  ...["virtio_blk", "virtio_pci", "virtio_mmio", "virtio_input", "xen_blkfront", "xen_pcifront", "hv_vmbus"],
  ...["nvme", "nvme_apple", "mtip32xx", "floppy", "pcmcia", "yenta_socket"],
  // Keyboards of laptops and tablets that sit on an I2C bus.
  ...["i2c_designware_platform", "intel_lpss_pci", "intel_lpss_acpi"],
];

/** Host-only images: all that the devices ask for of the directories from which generic ones take a few. */
const searched = ["block", "hv", "i2c/busses", "mfd", "nvme/host", "pci", "pcmcia", "virtio", "xen"];

/** Storage, what it is connected by, and keyboards, by directories of the kernel's source. */
const directories = [
  ...["ata", "firewire", "message/fusion", "misc/cardreader", "mmc", "nvdimm", "pci/controller", "scsi", "thunderbolt"],
  ...["ufs", "usb/common", "usb/core", "usb/host", "usb/storage", "usb/typec", "hid", "input/keyboard"],
  "pinctrl",
];

/** What does not come with the kernel (DKMS, Debian and Red Hat), of which nobody can tell by its place what it is for. */
const outOfTree = ["updates", "extra", "weak-updates"];

/** Where boards have no PCI: what a bus's controller gets its clock, its power and its wires from. */
const boardDirectories = [
  ...["bus", "clk", "dma", "extcon", "gpio", "hwspinlock", "i2c/busses", "interconnect", "iommu", "mailbox", "mfd"],
  ...["nvmem", "phy", "pmdomain", "power", "regulator", "reset", "rpmsg", "soc", "spi", "usb/cdns3"],
  ...["usb/chipidea", "usb/dwc2", "usb/dwc3", "usb/isp1760", "usb/musb", "usb/phy"],
];

const hasBoardDrivers = ({ machine }: Host) => /^(aarch64|arm|riscv)/.test(machine);

export default moduleSetup({
  check: (host) => (host.kernel === undefined ? { unavailable: "the image is built with --no-kernel" } : "include"),
  depends: () => ["base"],
  installkernel(image, host) {
    const wanted = [
      ...directories,
      ...(hasBoardDrivers(host) ? boardDirectories : []),
      ...(host.hostOnly ? searched : []),
    ];
    image.drivers(host.hostOnly ? always : [...always, ...named]);
    image.drivers(wanted.map((directory) => `=drivers/${directory}`));
    image.drivers(outOfTree.map((directory) => `=${directory}`));
  },
});
