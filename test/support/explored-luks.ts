import type { DiskPart, FilesPart } from "../../core/schema/machine.js";
import type { Boot } from "./explored-boots.js";

const containers = ["5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d", "77aa0000-8a0e-4a43-9b0c-6f2d6a7b8c9d"] as const;
const [forRoot, forKeys] = containers;
const locked = (name: string, UUID: string): DiskPart => ({
  name,
  tags: { TYPE: "crypto_LUKS", USAGE: "crypto", UUID },
});
const opened = (member: string, index: 0 | 1, change: Partial<DiskPart>, detached = {}): DiskPart => ({
  ...{ name: `in-${member}`, tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" } },
  luks: { member, uuid: containers[index], passphrases: ["open sesame"], keys: ["k3y"], ...detached },
  ...change,
});
const keyDisk: Partial<DiskPart> = {
  tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "KEYS" },
  files: { "keys/root": "k3y", header: "LUKS" },
};

/** Boots of a root with these files on an encrypted disk. */
export const lockedBoots = (files: FilesPart): Boot[] => [
  {
    name: "an encrypted root, and a wrong passphrase",
    cmdline: `root=LABEL=ROOT rd.luks.uuid=${forRoot}`,
    machine: {
      disks: [locked("vda", forRoot), opened("vda", 0, { files })],
      console: [{ line: "wrong" }, ...Array.from({ length: 3 }, () => ({ line: "open sesame" }))],
    },
  },
  {
    name: "an encrypted disk that is there for its keys",
    cmdline: "root=LABEL=ROOT rd.luks.uuid=5f1c rd.luks.uuid=keysource:77aa",
    machine: {
      disks: [locked("vda", forRoot), opened("vda", 0, { files }), locked("vdb", forKeys), opened("vdb", 1, keyDisk)],
      console: Array.from({ length: 4 }, () => ({ line: "open sesame" })),
    },
  },
  {
    name: "a header and a key on another disk",
    cmdline: `root=/dev/mapper/cr rd.luks.name=${forRoot}=cr rd.luks.data=${forRoot}=/dev/vda rd.luks.key=keys/root rd.luks.options=header=/header:LABEL=KEYS`,
    machine: {
      disks: [
        { name: "vda", tags: {} },
        opened("vda", 0, { files }, { detached: true }),
        { name: "sdb", after: 0.5, ...keyDisk },
      ],
      console: Array.from({ length: 4 }, () => ({ line: "open sesame" })),
    },
  },
];
