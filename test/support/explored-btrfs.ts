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
