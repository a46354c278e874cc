import type { DiskPart, FilesPart } from "../../core/schema/machine.js";
import type { Boot } from "./explored-boots.js";

const uuid = "b7f50001-0000-4000-8000-000000000001";

/** Boots of a root with these files on several devices of one btrfs. */
export function btrfsBoots(files: FilesPart): Boot[] {
  const btrfs = (name: string, sub: string, after: number): DiskPart => ({
    ...{ name, after, files: { ...files, "@/": "" } },
    tags: { TYPE: "btrfs", UUID: uuid, UUID_SUB: sub, LABEL: "ROOT" },
  });
  return [
    {
      name: "btrfs on two disks",
      cmdline: "root=LABEL=ROOT rootflags=subvol=@",
      machine: { disks: [btrfs("vda", "0", 0), btrfs("vdb", "1", 0.5)] },
    },
    {
      name: "btrfs degraded",
      cmdline: "root=LABEL=ROOT rootflags=degraded rd.retry=6",
      machine: { disks: [btrfs("vda", "0", 0), btrfs("vdb", "1", 1e6)] },
    },
  ];
}

const containers = ["57ac0003-0000-4000-8000-000000000001", "57ac0003-0000-4000-8000-000000000002"] as const;
const array = "57ac0003-0000-0000-0000-000000000003";

/** Of a root on an array of containers, on disks that come one after the other. */
export const arrayOnContainers = (files: FilesPart): Boot => ({
  name: "RAID on LUKS, on disks that come late",
  cmdline: `root=LABEL=ROOT ${containers.map((id) => `rd.luks.uuid=${id}`).join(" ")}`,
  machine: {
    disks: [
      ...containers.flatMap((id, index): DiskPart[] => [
        { name: `vd${"ab"[index]}`, after: 1 + index, tags: { TYPE: "crypto_LUKS", USAGE: "crypto", UUID: id } },
        {
          name: `opened-${index}`,
          tags: { TYPE: "linux_raid_member", USAGE: "raid", UUID: array },
          luks: { member: `vd${"ab"[index]}`, uuid: id, passphrases: ["open sesame"] },
        },
      ]),
      {
        ...{ name: "array", tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" }, files },
        raid: { uuid: array, level: "raid1", members: ["opened-0", "opened-1"] },
      },
    ],
    console: Array.from({ length: 6 }, () => ({ line: "open sesame" })),
  },
});
