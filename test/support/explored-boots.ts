import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scenario } from "../../core/scenario/rehearsal.js";
import type { DiskPart, FilesPart, MachineFile } from "../../core/schema/machine.js";
import { buildImage } from "./firstlight.js";

const init = { mode: "0755" };
const root: FilesPart = { "sbin/init": init, "dev/": "", "proc/": "", "run/": "", "sys/": "" };
const uuid = "00361d4e-646b-478c-9947-73b9bec8531e";

/** A disk behind drivers, with a root that comes a moment later, and another file system. */
function disk(files: FilesPart): DiskPart {
  return {
    name: "vda",
    behind: ["pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", "virtio:d00000002v00001AF4"],
    tags: { PTTYPE: "gpt" },
    partitions: [
      { tags: { TYPE: "vfat", UUID: "7D2C-41F0" } },
      {
        after: 0.5,
        tags: {
          TYPE: "ext4",
          UUID: uuid,
          LABEL: "ROOT",
          PART_ENTRY_SCHEME: "gpt",
          PART_ENTRY_UUID: "1b2f",
          PART_ENTRY_NAME: "root",
        },
        files,
      },
    ],
  };
}

/** A machine with firmware variables. */
const machineWith = (files: FilesPart): MachineFile => ({
  disks: [disk(files)],
  sysfs: { "firmware/efi/efivars/": "" },
});

const folderDevice = ["pci:v00001AF4d0000105Asv00001AF4sd00001100bc01sc80i00", "virtio:d0000001Av00001AF4"];

/** A machine with folders of the host, the second of which comes a moment later, on a kernel that tells their tags or not. */
const machineWithFolders = (release?: string): MachineFile => ({
  virtiofs: [
    { tag: "rootfs", behind: folderDevice, files: { ...root, "bin/sh": init, "tmp/": "" } },
    { tag: "mnt0", behind: folderDevice, after: 0.5, files: { "osbuild/vm.py": init } },
  ],
  ...(release === undefined ? {} : { kernel: { release } }),
});

const archiveEnds = ["tar.zst", "tar.xz", "tar.gz", "tgz", "tar.lz4", "tar.bz2", "tar"];

type Boot = readonly [name: string, commandLine: string, machine: MachineFile];

/** By name: a kernel command line, and the machine. */
const boots: readonly Boot[] = [
  ...[`UUID=${uuid}`, "LABEL=ROOT", "PARTUUID=1b2f", "PARTLABEL=root", "/dev/vda2", `/dev/disk/by-uuid/${uuid}`].map(
    (spec): Boot => [spec, `root=${spec} ro`, machineWith(root)],
  ),
  [
    "writable, with drivers handed on",
    "root=LABEL=ROOT rw rd.driver.export",
    machineWith({ ...root, "lib/modules/": "" }),
  ],
  [
    "drivers by name, and a log",
    "root=LABEL=ROOT rd.driver.pre=loop rd.driver.post=fuse loop.max_loop=8 rd.log=all",
    machineWith(root),
  ],
  ...archiveEnds.map(
    (end): Boot => [
      `archive ${end}`,
      "root=tmpfs:LABEL=ROOT rd.tmpfs.size=512M",
      machineWith({ [`rootfs.${end}`]: { size: "10M", archive: root } }),
    ],
  ),
  [
    "osbuild's folders",
    "rootfstype=virtiofs root=rootfs ro mount=mnt0 init=/run/mnt/mnt0/osbuild/vm.py",
    machineWithFolders(),
  ],
  [
    "folders whose tags the kernel tells, with an overlay",
    "rootfs= rd.overlay mount-ro=mnt0",
    machineWithFolders("6.12.0"),
  ],
];

/** An image with the modules that are explored, and a boot of it for each form of root. `remove` takes the machines' files away. */
export async function exploredBoots(
  name: string,
): Promise<{ boots: { name: string; scenario: Scenario }[]; remove(): void }> {
  const { file: image } = await buildImage(name, ["-N", "-a", "tmpfs-root virtiofs busybox", "--compress", "zstd -1"]);
  const folder = mkdtempSync(join(tmpdir(), "firstlight-explored-"));
  return {
    boots: boots.map(([title, cmdline, described], index) => {
      const machine = join(folder, `${index}.json`);
      writeFileSync(machine, JSON.stringify(described));
      return { name: title, scenario: { image, cmdline, machine } };
    }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
