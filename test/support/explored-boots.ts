import { writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Scenario } from "../../core/scenario/rehearsal.js";
import type { DiskPart, FilesPart, MachineFile, ProgramPart } from "../../core/schema/machine.js";
import { arrayBoots } from "./explored-arrays.js";
import { btrfsBoots } from "./explored-btrfs.js";
import { lockedBoots } from "./explored-luks.js";
import { stackBoots } from "./explored-stacks.js";
import { buildImage } from "./firstlight.js";
import { layersRoot } from "./layers-root.js";
import { outFolder } from "./paths.js";

/** A boot that goes well, to be explored with everything that can go wrong. */
export interface Boot {
  /** A part of it is what npm run explore takes. */
  name: string;
  cmdline: string;
  machine: MachineFile;
  /** What is explored is not the boot, but how the system goes down after it. */
  shutdown?: string;
  /** What rehearse says of it, in part. Left out: it switches to a root. */
  end?: string;
}

/** An image, and its boots: one for each form of root, and for what else has boot code ask something at a place of its own. */
interface ExploredImage {
  /** Of mkinitrd. */
  options: readonly string[];
  /** Programs in it, by path. */
  programs?: readonly string[];
  /** It is for a system that has the programs of arrays, volumes and containers. */
  layers?: true;
  boots: readonly Boot[];
}

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

/** What sysfs tells of that disk's hardware. */
const hardware: FilesPart = {
  "devices/simulated/subsystem": { link: "/sys/bus/virtio" },
  "devices/simulated/block/vda/subsystem": { link: "/sys/class/block" },
  "devices/simulated/block/vda/serial": "S1\n",
  "devices/simulated/block/vda/vda2/partition": "2\n",
};

/** A machine with firmware variables. */
const machineWith = (files: FilesPart, sysfs: FilesPart = {}): MachineFile => ({
  disks: [disk(files)],
  sysfs: { "firmware/efi/efivars/": "", ...sysfs },
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

/** The root's disk is a mapping, which was there before the boot code. */
const mapped: MachineFile = {
  disks: [{ name: "dm-0", tags: { TYPE: "xfs", LABEL: "ROOT", USAGE: "filesystem" }, files: root }],
  sysfs: {
    "devices/simulated/block/dm-0/dm/name": "vg-root\n",
    "devices/simulated/block/dm-0/dm/uuid": `LVM-${"x".repeat(64)}\n`,
    "devices/simulated/block/dm-0/dm/suspended": "0\n",
  },
};

const blockRoots: Boot[] = [
  `UUID=${uuid}`,
  "LABEL=ROOT",
  "PARTUUID=1b2f",
  "PARTLABEL=root",
  "/dev/vda2",
  `/dev/disk/by-uuid/${uuid}`,
  "/dev/disk/by-id/virtio-S1-part2",
].map((spec) => ({ name: spec, cmdline: `root=${spec} ro`, machine: machineWith(root, hardware) }));

const sequencerBoots: Boot[] = [
  { name: "device mapper", cmdline: "root=/dev/mapper/vg-root ro rootfstype=ext4,xfs", machine: mapped },
  {
    name: "writable, with drivers handed on",
    cmdline: "root=LABEL=ROOT rw rootflags=noatime rd.driver.export",
    machine: machineWith({ ...root, "lib/modules/": "" }),
  },
  {
    name: "drivers by name, and a log",
    cmdline:
      "root=LABEL=ROOT rd.driver.pre=loop rd.driver.post=fuse loop.max_loop=8 rd.driver.blacklist=floppy rd.log=all rd.debug",
    machine: machineWith(root),
  },
  {
    name: "shells before phases",
    cmdline: "root=LABEL=ROOT rd.break=pre-udev,mount,emergency rd.break init=/sbin/init",
    machine: machineWith(root, hardware),
  },
  { name: "no shell", cmdline: "root=LABEL=ROOT rd.shell=0 panic=5 rd.retry=9", machine: machineWith(root) },
  { name: "the recording on the console", cmdline: "root=LABEL=ROOT rd.trace=console", machine: machineWith(root) },
  { name: "no recording", cmdline: "root=LABEL=ROOT rd.trace=0 quiet rd.info", machine: machineWith(root) },
  {
    name: "a disk that others are in front of",
    cmdline: "root=LABEL=ROOT",
    machine: {
      disks: [
        { name: "sr0", tags: {} },
        { name: "sda", ambivalent: true, probeLasts: 20 },
        { ...disk(root), after: 3 },
      ],
      sysfs: { "module/block/parameters/events_dfl_poll_msecs": "0\n" },
    },
  },
];

const archiveEnds = ["tar.zst", "tar.xz", "tar.gz", "tgz", "tar.lz4", "tar.bz2", "tar"];
const onTmpfs = "root=tmpfs:LABEL=ROOT rd.tmpfs.size=512M";

const tmpfsBoots: Boot[] = [
  ...archiveEnds.map((end) => ({
    name: `archive ${end}`,
    cmdline: onTmpfs,
    machine: machineWith({ [`rootfs.${end}`]: { size: "10M", archive: root } }),
  })),
  {
    name: "archive by name, of a root with SELinux",
    cmdline: `${onTmpfs} rd.tmpfs.imgfile=images/node.tar rd.tmpfs.mpol=local security=selinux selinux=1`,
    machine: machineWith({
      "images/node.tar": { size: "10M", archive: { ...root, "etc/selinux/config": "SELINUX=permissive\n" } },
    }),
  },
];

const folderBoots: Boot[] = [
  {
    name: "osbuild's folders",
    cmdline: "rootfstype=virtiofs root=rootfs ro mount=mnt0 init=/run/mnt/mnt0/osbuild/vm.py",
    machine: machineWithFolders(),
  },
  {
    name: "folders whose tags the kernel tells, with an overlay",
    cmdline: "rootfs= rd.overlay mount-ro=mnt0",
    machine: machineWithFolders("6.12.0"),
  },
];

/** The stages of a whole system: /etc/boot, and what /etc/reboot leaves behind. */
const stages = (files: FilesPart, boot: Partial<ProgramPart> = {}): MachineFile => ({
  programs: [
    { argv: ["/etc/boot"], lasts: 5, ...boot },
    { argv: ["/etc/reboot"], files },
  ],
});

const stage = "as a stage of the system";

const systemBoots: Boot[] = [
  { name: "system, warm restart", cmdline: "quiet", machine: stages({}), end: stage },
  {
    name: "system, a kernel that follows",
    cmdline: "rd.trace=1",
    machine: stages({ "/kernel": "MZ", "/kernel.cmdline": "a=b\n", "/kernel.initrd": "x", "/reboot": "" }),
    end: "the kernel that it has loaded",
  },
  {
    name: "system, a kernel with the running command line",
    cmdline: "BOOT_IMAGE=/x quiet",
    machine: stages({ "/kernel": "MZ" }),
    end: "the kernel that it has loaded",
  },
  {
    name: "system, restart by the firmware",
    cmdline: "rd.trace=console",
    machine: stages({ "/reboot": { link: "/nowhere" } }),
    end: "a restart",
  },
  { name: "system, a stage that is killed", cmdline: "", machine: stages({}, { signal: "SIGKILL" }), end: stage },
  {
    name: "system, stages that are not there",
    cmdline: "firstlight.boot=/opt/start firstlight.reboot=stop",
    machine: stages({}),
    end: stage,
  },
];

const memberTags = (name: string) => ({ TYPE: "LVM2_member", UUID: `xxxxxx-xxxx-xxxx-xxxx-xxxx-xxxx-00${name}` });
const pv = (name: string, after = 0): DiskPart => ({ name, after, tags: memberTags(name) });
const lv = (volume: string, members: string[], label: string): DiskPart => ({
  name: `vg-${volume}`,
  tags: { TYPE: "ext4", LABEL: label },
  files: root,
  lvm: { group: "vg", volume, members },
});

const volumes: MachineFile = {
  disks: [pv("vda"), pv("vdb", 0.5), lv("root", ["vda", "vdb"], "ROOT"), lv("swap-1", ["vda"], "SWAP")],
};

const layerBoots: Boot[] = [
  { name: "a group that two disks complete", cmdline: "root=LABEL=ROOT", machine: volumes },
  {
    name: "volumes by name",
    cmdline: "root=/dev/vg/root rd.lvm.lv=vg/root rd.lvm.lv=vg/swap-1 rd.lvm.conf=0",
    machine: volumes,
  },
  {
    name: "a group that is not complete, and one that nobody needs",
    cmdline: "root=LABEL=SWAP rd.retry=6",
    machine: { disks: [pv("vda"), pv("vdb", 1e6), ...(volumes.disks?.slice(2) ?? [])] },
  },
];

/** What is checked and mounted before the switch, beside the root, and where a hibernated system is looked for. */
const fstab = `LABEL=ROOT / ext4 defaults 0 1
LABEL=USR /usr ext4 ro 0 2
broken
/usr/share /srv none bind,ro 0 0
tmpfs /data tmpfs x-initrd.mount,size=1m
UUID=absent /mnt ext4 nofail,x-initrd.mount 0 2
`;

const places = { "usr/": "", "srv/": "", "data/": "", "mnt/": "" };

const mountingBoots: Boot[] = [
  {
    name: "checks, /usr and others, and a swap",
    cmdline: "root=LABEL=ROOT ro rd.mountpoints=/srv resume=LABEL=SWAP resume_offset=4096",
    machine: {
      disks: [
        { ...disk({ ...root, ...places, "etc/fstab": fstab }), name: "vda" },
        { name: "vdb", tags: { TYPE: "ext4", LABEL: "USR" }, fsck: 1, files: { "share/": "" } },
        { name: "vdc", after: 1, tags: { TYPE: "swap", LABEL: "SWAP" } },
      ],
    },
  },
  {
    name: "a root that asks for its check",
    cmdline: "root=LABEL=ROOT ro",
    machine: {
      disks: [disk({ ...root, forcefsck: "", "opt/": "", "etc/fstab": "tmpfs /opt tmpfs x-initrd.mount\n" })],
    },
  },
  {
    name: "no checks, a swap that does not come",
    cmdline: "root=LABEL=ROOT ro rd.retry=9 resume=/dev/none fsck.mode=skip",
    machine: { disks: [disk(root)] },
  },
];

const images: readonly ExploredImage[] = [
  {
    options: ["-N", "-a", "tmpfs-root virtiofs busybox"],
    boots: [...blockRoots, ...sequencerBoots, ...tmpfsBoots, ...folderBoots],
  },
  {
    options: ["--no-kernel", "--no-rehearse", "--kernel-cmdline", `root=UUID=${uuid} ro rd.emergency=reboot`],
    boots: [
      {
        name: "host-only, without drivers, with a command line of its own",
        cmdline: "",
        machine: machineWith(root),
      },
    ],
  },
  {
    options: ["-N", "--no-kernel", "-m", "pid1"],
    programs: ["etc/boot", "etc/reboot"],
    boots: systemBoots,
  },
  {
    options: ["-N", "--no-kernel", "-m", "rootfs-block lvm luks"],
    layers: true,
    boots: [...layerBoots, ...lockedBoots(root)],
  },
  { options: ["-N", "--no-kernel", "-m", "rootfs-block md-raid"], layers: true, boots: arrayBoots(root) },
  {
    options: ["-N", "--no-kernel", "-m", "rootfs-block md-raid luks lvm"],
    layers: true,
    boots: stackBoots(root),
  },
  {
    options: ["-N", "-a", "fsck usr-mount resume", "--mount", "tmpfs /mnt/memory tmpfs", "--no-early-microcode"],
    boots: mountingBoots,
  },
  { options: ["-N", "--no-kernel", "-m", "rootfs-block btrfs"], layers: true, boots: btrfsBoots(root) },
];

/** A boot whose image and machine file are there. */
interface ExploredBoot extends Required<Pick<Boot, "name" | "end">> {
  scenario: Scenario;
}

/** All of them, each with its image and machine file below out/tests; `name` is that of the test. */
export async function exploredBoots(name: string): Promise<ExploredBoot[]> {
  const boots: ExploredBoot[] = [];
  for (const [index, { options, programs = [], layers, boots: ofImage }] of images.entries()) {
    const include = programs.length ? ["-i", await folderOf(`${name}-${index}-programs`, programs), "/"] : [];
    const system = layers ? ["--sysroot", await layersRoot()] : [];
    const { file: image } = await buildImage(`${name}-${index}`, [
      ...options,
      ...system,
      ...include,
      "--compress",
      "zstd -1",
    ]);
    for (const { name: title, cmdline, machine, shutdown, end = "would switch to" } of ofImage) {
      const file = join(dirname(image), `${name}-${index}-${boots.length}.json`);
      writeFileSync(file, JSON.stringify(machine));
      boots.push({ name: title, end, scenario: { image, cmdline, machine: file, shutdown } });
    }
  }
  return boots;
}

async function folderOf(name: string, programs: readonly string[]): Promise<string> {
  const folder = join(outFolder, "tests", name);
  for (const path of programs) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), "\x7fELF", { mode: 0o755 });
  }
  return folder;
}
