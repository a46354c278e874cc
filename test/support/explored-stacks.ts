import type { DiskPart, FilesPart, MachineFile } from "../../core/schema/machine.js";
import type { Boot } from "./explored-boots.js";

const uuid = (end: string) => `57ac0000-0000-4000-8000-0000000000${end}`;
const passphrase = "open sesame";

/** What lies on a device: each stack names it with the layer above. */
const content = {
  raid: (array: string): Partial<DiskPart> => ({ tags: { TYPE: "linux_raid_member", USAGE: "raid", UUID: array } }),
  luks: (container: string): Partial<DiskPart> => ({ tags: { TYPE: "crypto_LUKS", USAGE: "crypto", UUID: container } }),
  lvm: (name: string): Partial<DiskPart> => ({ tags: { TYPE: "LVM2_member", USAGE: "raid", UUID: name } }),
};
const array = (members: string[], id: string, on: Partial<DiskPart>): DiskPart => ({
  ...{ name: "array", raid: { uuid: id, level: "raid1", members } },
  ...on,
});
const opened = (name: string, member: string, id: string, on: Partial<DiskPart>): DiskPart => ({
  ...{ name, luks: { member, uuid: id, passphrases: [passphrase] } },
  ...on,
});
const volume = (members: string[], on: Partial<DiskPart>): DiskPart => ({
  ...{ name: "volume", lvm: { group: "vg", volume: "root", members } },
  ...on,
});

/** Faults have a person asked again. */
const machine = (disks: DiskPart[]): MachineFile => ({
  disks,
  console: Array.from({ length: 6 }, () => ({ line: passphrase })),
});

/** Boots of a root with these files on arrays, volumes and containers that lie on one another, and a way down. */
export function stackBoots(files: FilesPart): Boot[] {
  const root: Partial<DiskPart> = { tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" }, files };
  const mirrors = ["vda", "vdb"];
  const guide = machine([
    ...mirrors.map((name): DiskPart => ({ name, ...content.raid(uuid("01")) })),
    array(mirrors, uuid("01"), content.luks(uuid("02"))),
    opened("opened", "array", uuid("02"), content.lvm("opened")),
    volume(["opened"], root),
  ]);
  const cmdline = `root=LABEL=ROOT rd.luks.uuid=${uuid("02")}`;
  return [
    { name: "power off", cmdline, machine: guide, shutdown: "poweroff", end: "power off" },
    { name: "LVM on LUKS on RAID", cmdline, machine: guide },
    {
      name: "LUKS on LVM on RAID",
      cmdline,
      machine: machine([
        ...mirrors.map((name): DiskPart => ({ name, ...content.raid(uuid("01")) })),
        array(mirrors, uuid("01"), content.lvm("array")),
        volume(["array"], content.luks(uuid("02"))),
        opened("opened", "volume", uuid("02"), root),
      ]),
    },
    {
      name: "LVM on LUKS on a partition",
      cmdline,
      machine: machine([
        { name: "vda", tags: { PTTYPE: "gpt" }, partitions: [content.luks(uuid("02"))] },
        opened("opened", "vda1", uuid("02"), content.lvm("opened")),
        volume(["opened"], root),
      ]),
    },
    {
      name: "RAID on LUKS, on disks that come late",
      cmdline: `root=LABEL=ROOT rd.luks.uuid=${uuid("02")} rd.luks.uuid=${uuid("03")}`,
      machine: machine([
        ...mirrors.map((name, index): DiskPart => ({ name, after: 1 + index, ...content.luks(uuid(`0${2 + index}`)) })),
        ...mirrors.map((name, index) => opened(`in-${name}`, name, uuid(`0${2 + index}`), content.raid(uuid("01")))),
        array(["in-vda", "in-vdb"], uuid("01"), root),
      ]),
    },
  ];
}
