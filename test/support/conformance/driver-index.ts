import { makeDriverIndex } from "../../../core/generator/driver-index.js";

const driver = (name: string, chain = [name], path = `/lib/${name}.ko`) => ({
  name,
  path,
  parameters: "",
  blacklisted: false,
  size: 4000,
  chain,
});

/** The driver index that the cases in drivers.ts expect. */
export function testedDriverIndex(): Buffer {
  return makeDriverIndex(
    [
      driver("virtio_ring"),
      { ...driver("virtio_blk", ["virtio_ring", "virtio_blk"]), parameters: "queues=2 x=1" },
      driver("ahci"),
      driver("generic"),
      driver("hub"),
      driver("dashed"),
      driver("anything"),
      { ...driver("pcspkr"), blacklisted: true },
      driver("ext4", [], ""),
    ],
    [
      { pattern: "virtio:d00000002v*", driver: "virtio_blk" },
      { pattern: "pci:v*d*sv*sd*bc01sc06i01*", driver: "ahci" },
      { pattern: "pci:v00008086d*", driver: "generic" },
      { pattern: "usb:v1d6[a-f]p*", driver: "hub" },
      { pattern: "dash-[a-c]x", driver: "dashed" },
      { pattern: "in:\\[a-c\\]", driver: "dashed" },
      { pattern: "platform:?", driver: "anything" },
      { pattern: "platform:pcspkr", driver: "pcspkr" },
      { pattern: "fs-ext4", driver: "ext4" },
      { pattern: "of:absent", driver: "not_in_the_index" },
    ],
  );
}
