import { type Host, moduleSetup } from "firstlight/hooks";

/** What no device's modalias asks for, and keyboards' controllers: the rest of input/serio is for mice and for raw access. */
const always = [
  ...["sd_mod", "sr_mod", "scsi_dh_alua", "scsi_dh_emc", "scsi_dh_hp_sw", "scsi_dh_rdac", "loop"],
  ...["unix", "hid_generic", "i8042", "libps2", "pcips2", "hyperv_keyboard", "opencores_kbd"],
];

/** Generic images: these few of directories full of other things. */
const named = [
  ...["virtio_blk", "virtio_pci", "virtio_mmio", "virtio_input", "xen_blkfront", "xen_pcifront", "hv_vmbus"],
  ...["nvme", "nvme_apple", "mtip32xx", "floppy", "pcmcia", "yenta_socket", "tifm_7xx1"],
  // Memory that keeps its content, as ACPI tells of it.
  "nfit",
  // Keyboards of laptops and tablets that sit on an I2C or SPI bus, or behind Microsoft's controller.
  ...["i2c_designware_platform", "intel_lpss_pci", "intel_lpss_acpi"],
  ...["spi_pxa2xx_platform", "spi_pxa2xx_pci", "dw_dmac", "surface_aggregator_registry"],
];

/** Host-only images: all that the devices ask for of the directories from which generic ones take a few. */
const searched = [
  ...[
    "acpi/nfit",
    "block",
    "dma/dw",
    "hv",
    "i2c/busses",
    "mfd",
    "misc/tifm_7xx1",
    "nvme/host",
    "pci",
    "pcmcia",
    "platform/surface",
  ],
  ...["spi", "virtio", "xen"],
];

/** Storage, what it is connected by, and keyboards, by directories of the kernel's source. */
const directories = [
  ...["ata", "firewire", "message/fusion", "misc/cardreader", "mmc", "nvdimm", "pci/controller", "scsi", "thunderbolt"],
  ...["ufs", "usb/common", "usb/core", "usb/host", "usb/storage", "usb/typec", "hid", "input/keyboard"],
  "pinctrl",
];

/**
 * No root lies on a tape or in a changer; sg is for programs that speak SCSI themselves; no device asks for pata_legacy, which tries ports where
 * nothing may be; and iSCSI's transport waits for a program that the modules for it would bring along.
 */
const notForRoots = ["st", "ch", "sg", "pata_legacy", "scsi_transport_iscsi"];

/** HID devices that nobody types on; where their driver would serve keys, too, hid_generic does. */
const games =
  "axff betopff bigbenff dr emsff gaff holtekff megaworld mf nintendo nvidia_shield pl playstation retrode saitek sjoy sony steam steelseries thrustmaster tmff udraw_ps3 vrc2 wiimote xinmo zpff";
const pointing =
  "accutouch alps elecom elo glorious holtek_mouse hyperv kensington letsketch magicmouse multitouch ntrig penmount speedlink uclogic waltop";
const remoteControls = "appleir creative_sb0540 gfrm tivo twinhan";
const others = "cmedia cp2112 ft260 jabra led mcp2221 picolcd plantronics sensor_custom sensor_hub u2fzero viewsonic";
const notTypedOn = [
  ...[games, pointing, remoteControls, others].flatMap((names) => names.split(" ")).map((name) => `hid_${name}`),
  ...["amd_sfh", "uhid", "usbmouse", "wacom"],
];

const unwanted = [...notForRoots, ...notTypedOn];

/** Host-only images that are to survive a disk at another controller, a controller in another mode, and another keyboard. */
const exchangeable = ["ata", "nvme/host", "usb/host", "usb/storage", "hid", "input/keyboard"];

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
  parameters: {
    "rd.driver.export": { schema: { type: "string", enum: ["0", "1", "force"] }, form: "0|1|force" },
  },
  installkernel(image, host) {
    const wanted = [
      ...directories,
      ...(hasBoardDrivers(host) ? boardDirectories : []),
      ...(host.hostOnly ? searched : []),
    ];
    image.drivers(host.hostOnly ? always : [...always, ...named]);
    image.drivers(
      wanted.map((directory) => `=drivers/${directory}`),
      { except: unwanted },
    );
    if (host.hostOnlyMode === "sloppy")
      image.drivers(
        exchangeable.map((directory) => `=drivers/${directory}`),
        { anyMachine: true, except: unwanted },
      );
    image.drivers(outOfTree.map((directory) => `=${directory}`));
  },
});
