import type { DiskPart, FilesPart } from "../../core/schema/machine.js";
import type { Boot } from "./explored-boots.js";

const arrayUuid = (number: number) => `a22a000${number}-1c2d-3e4f-5061-728394a5b6c7`;
const member = (name: string, number: number, after = 0): DiskPart => ({
  name,
  after,
  tags: { TYPE: "linux_raid_member", UUID: arrayUuid(number), LABEL: `box:array${number}` },
});

/** Boots of a root with these files on an array. */
export function arrayBoots(files: FilesPart): Boot[] {
  const array = (number: number, level: "raid1" | "raid5", members: string[], label: string): DiskPart => ({
    name: `array${number}`,
    tags: { TYPE: "ext4", LABEL: label },
    files,
    raid: { uuid: arrayUuid(number), name: `box:array${number}`, level, members },
  });

  const mirrors = array(1, "raid1", ["vda", "vdb"], "ROOT");
  const stripes = array(2, "raid5", ["vdc", "vdd", "vde"], "DATA");
  return [
    {
      name: "arrays by UUID, one with a name, one that may be missing",
      cmdline: `root=/dev/md/root rd.md.uuid=${arrayUuid(1)}:/dev/md/root rd.md.uuid=${arrayUuid(2)}:optional`,
      machine: { disks: [member("vda", 1), member("vdb", 1, 0.5), member("vdc", 2), mirrors] },
    },
    {
      name: "an array that lacks a member, and one that lacks too many",
      cmdline: "root=LABEL=ROOT rd.retry=6",
      machine: {
        disks: [
          member("vda", 1),
          member("vdb", 1, 1e6),
          member("vdc", 2),
          ...["vdd", "vde"].map((name) => member(name, 2, 1e6)),
          mirrors,
          stripes,
        ],
      },
    },
  ];
}
