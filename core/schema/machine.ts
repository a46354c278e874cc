/**
 * A machine to rehearse a boot on, as a person describes it in JSON. Sizes are bytes, or text with a unit of 1024 ("512M", "20G"); times are
 * seconds. All may be left out.
 */
export interface MachineFile {
  /** Left out: the release that the image has drivers of. */
  kernel?: KernelPart;
  /** Size of the memory. Left out: "1G". */
  memory?: Size;
  /** How many NUMA nodes have some of it. Left out: 1. */
  nodes?: number;
  disks?: DiskPart[];
  /** Folders of the host, by virtiofs. */
  virtiofs?: FolderPart[];
  /** Modaliases of further devices, which bring no disk. */
  modaliases?: string[];
  /** By name: how the insertion of a driver goes. */
  drivers?: Record<string, DriverPart>;
  /** What programs do that firstlight has no model of, or shall do instead. The first one whose words begin the program's counts. */
  programs?: ProgramPart[];
  /** What a person at the console does each time the boot asks. Left out: nobody is there. */
  console?: AnswerPart[];
  /** More files below /sys. */
  sysfs?: FilesPart;
}

export type Size = number | string;

interface KernelPart {
  release?: string;
  /** As uname -m says it. */
  machine?: string;
  /** Types of file systems that it neither has nor loads a driver for. */
  lacks?: string[];
  /** Names of mount options that its file systems take, though the rehearsal does not know them. */
  mountOptions?: string[];
}

/** A block device. Tags: as `blkid -p -o export` says them. */
export interface DiskPart {
  /** As the kernel names it: "vda". Of a layered one: its name in this file. */
  name: string;
  size?: Size;
  /** Modaliases of the devices that it is behind, the outermost first: it comes once the drivers that answer them are loaded. Left out: it needs none. */
  behind?: string[];
  /** How long it takes after that. */
  after?: number;
  /** When it is taken out again, after it has come. */
  gone?: number;
  tags?: Record<string, string>;
  /** It has more than one signature. */
  ambivalent?: boolean;
  readOnly?: boolean;
  /** How long it takes to read its tags, and to mount it. */
  probeLasts?: number;
  mountLasts?: number;
  /** Exit status of a check of the file system on it, fsck(8). Left out: 0, it is clean. */
  fsck?: number;
  /** Of the file system on it. */
  files?: FilesPart;
  partitions?: PartitionPart[];
  /** It is made of others, which are named as in this file, when a program brings them together: one of these. */
  raid?: RaidPart;
  lvm?: VolumePart;
  luks?: ContainerPart;
}

export const raidLevels = ["linear", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10"] as const;

/** An array of mdadm. */
interface RaidPart {
  /** With dashes, as blkid writes it, or colons, as mdadm does. */
  uuid: string;
  /** "host:name". Left out: it has none. */
  name?: string;
  level: (typeof raidLevels)[number];
  /** Left out: "1.2". */
  metadata?: string;
  members: string[];
  /** How many members it runs with. Left out: as many as its level needs at least. */
  least?: number;
}

/** A logical volume of LVM. */
interface VolumePart {
  group: string;
  volume: string;
  /** Of its mapping, as /sys/block/dm-0/dm/uuid has it: "LVM-…". Left out: one is made up. */
  uuid?: string;
  /** The physical volumes that it lies on. */
  members: string[];
  /** How many of them it is activated with: RAID can lose some. Left out: all. */
  least?: number;
}

/** An opened LUKS container. */
interface ContainerPart {
  member: string;
  uuid: string;
  /** Left out: 2. */
  version?: 1 | 2;
  /** Each opens it. Left out, as keys: whatever is typed or in a key file does. */
  passphrases?: string[];
  /** Contents of key files, each of which opens it. */
  keys?: string[];
  /** Its header is in a file, which cryptsetup is told of. */
  detached?: true;
}

/** A folder of the host that the machine finds by its tag. */
export interface FolderPart {
  tag: string;
  /** Modaliases of the devices that it is behind, the outermost first, its own last. Left out: its own alone, virtio's for such folders. */
  behind?: string[];
  /** How long it takes after that. */
  after?: number;
  /** virtiofsd has died: nobody answers what is asked of its files. */
  silent?: true;
  files?: FilesPart;
}

/** The first one is named vda1, or nvme0n1p1. */
export type PartitionPart = Pick<
  DiskPart,
  "size" | "after" | "tags" | "ambivalent" | "probeLasts" | "mountLasts" | "fsck" | "files"
>;

interface DriverPart {
  lasts?: number;
  /** errno: "ENOEXEC". */
  fails?: string;
}

export interface ProgramPart {
  argv: string[];
  status?: number;
  signal?: string;
  stdout?: string;
  stderr?: string;
  lasts?: number;
  /** What it makes, by absolute path. */
  files?: FilesPart;
  /** Block devices that come of it: "dm-0". */
  disks?: DiskPart[];
  /** What it mounts. */
  mounts?: MountPart[];
}

export interface MountPart {
  device: string;
  /** Where: "/sysroot". */
  on: string;
  type: string;
  readOnly?: boolean;
}

interface AnswerPart {
  line?: string;
  /** Ctrl-C. */
  cancel?: true;
  after?: number;
}

/** By path; one that ends in "/" is an empty folder. A text is a file's content. */
export type FilesPart = Record<string, string | FilePart>;

export interface FilePart {
  content?: string;
  /** A file, or a folder with all that is in it, from where the machine file is. */
  from?: string;
  /** In octal: "0755". Left out: 0644. */
  mode?: string;
  uid?: number;
  gid?: number;
  size?: Size;
  /** Of a symbolic link. */
  link?: string;
  /** It is an archive, compressed as its name says, of these files. */
  archive?: FilesPart;
  /** Of an archive. */
  damage?: "truncated" | "corrupt" | "unterminated";
  /** Names of extended attributes. */
  xattrs?: string[];
  /** It can be attached as a device, which has these. */
  volume?: { tags?: Record<string, string>; files?: FilesPart };
}

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
const absolute = { type: "string", pattern: "^/", description: "an absolute path" } as const;
/** Thirty years are for ever. */
const seconds = { type: "number", minimum: 0, maximum: 1e9, description: "a number of seconds" } as const;
const number = { type: "integer", minimum: 0, maximum: 0xffffffff } as const;
const yes = { const: true } as const;
const flag = { type: "boolean" } as const;
const size = {
  type: ["integer", "string"],
  minimum: 0,
  maximum: 1e15,
  pattern: "^(\\d{1,15}|\\d{1,12}K|\\d{1,9}M|\\d{1,6}G|\\d{1,3}T)$",
  description: 'a number of bytes, or text with a unit, as "512M"',
} as const;
const modaliases = {
  type: "array",
  items: {
    type: "string",
    pattern: "^[\\w-]+:",
    description: "a modalias, with the name of its bus in front: pci:v00001AF4d00001001sv…",
  },
} as const;
const word = { type: "string", pattern: "^[^\\s/]+$", description: "a word without blanks and slashes" } as const;
const tags = { type: "object", additionalProperties: text } as const;
const filesRef = { $ref: "#/$defs/files" } as const;

/** An object with these keys and no others: exactly those of its type. */
const part = <Part>(properties: { [Key in keyof Required<Part>]: object }, required: (keyof Part)[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

const partition = part<PartitionPart>({
  size,
  after: seconds,
  tags,
  ambivalent: flag,
  probeLasts: seconds,
  mountLasts: seconds,
  fsck: { type: "integer", minimum: 0, maximum: 255 },
  files: filesRef,
});
const members = {
  type: "array",
  minItems: 1,
  uniqueItems: true,
  items: text,
  description: "a list of different names of disks and partitions",
} as const;
const nonEmpty = { ...text, minLength: 1 } as const;
const raid = part<RaidPart>(
  {
    uuid: {
      ...text,
      pattern: "^[0-9A-Fa-f]{8}([:-]?[0-9A-Fa-f]{4}){6}$",
      description: "32 hexadecimal digits, with dashes as blkid writes them or colons as mdadm does",
    },
    name: nonEmpty,
    level: { enum: raidLevels, description: `one of ${raidLevels.join(", ")}` },
    metadata: { enum: ["0.90", "1.0", "1.1", "1.2"], description: 'a version of the metadata, as text: "1.2"' },
    members,
    least: { ...number, minimum: 1 },
  },
  ["uuid", "level", "members"],
);
const lvmName = {
  ...text,
  pattern: "^[A-Za-z0-9_+.][A-Za-z0-9_+.-]*$",
  description: "a name as LVM allows it: letters, digits and any of + _ . -",
} as const;
const lvm = part<VolumePart>(
  {
    group: lvmName,
    volume: lvmName,
    uuid: { ...text, pattern: "^LVM-[A-Za-z0-9]{64}$", description: '"LVM-" and 64 letters and digits' },
    members,
    least: { ...number, minimum: 1 },
  },
  ["group", "volume", "members"],
);
const luks = part<ContainerPart>(
  {
    member: text,
    uuid: {
      ...text,
      pattern: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
      description: "a UUID as blkid writes it",
    },
    version: { enum: [1, 2], description: "1 or 2" },
    passphrases: texts,
    keys: texts,
    detached: yes,
  },
  ["member", "uuid"],
);
const disk = part<DiskPart>(
  {
    ...partition.properties,
    name: {
      type: "string",
      pattern: "^[a-z][a-z0-9_-]*$",
      description: "a name as the kernel gives it, vda or nvme0n1",
    },
    behind: { ...modaliases, minItems: 1, description: "a list of modaliases, or left out" },
    gone: seconds,
    readOnly: flag,
    partitions: { type: "array", maxItems: 128, items: { $ref: "#/$defs/partition" } },
    raid,
    lvm,
    luks,
  },
  ["name"],
);
const folder = part<FolderPart>(
  {
    tag: { type: "string", minLength: 1 },
    behind: disk.properties.behind,
    after: seconds,
    silent: yes,
    files: filesRef,
  },
  ["tag"],
);
const program = part<ProgramPart>(
  {
    argv: { ...texts, minItems: 1, description: "a program and the first of its words" },
    status: { type: "integer", minimum: 0, maximum: 255 },
    signal: { type: "string", pattern: "^SIG[A-Z0-9]+$", description: "the name of a signal, SIGKILL" },
    stdout: text,
    stderr: text,
    lasts: seconds,
    files: filesRef,
    disks: { type: "array", maxItems: 16, items: { $ref: "#/$defs/disk" } },
    mounts: {
      type: "array",
      items: part<MountPart>({ device: absolute, on: absolute, type: text, readOnly: flag }, ["device", "on", "type"]),
    },
  },
  ["argv"],
);
const file = part<FilePart>({
  content: text,
  from: text,
  mode: { type: "string", pattern: "^0?[0-7]{3,4}$", description: 'permissions in octal, as text: "0755"' },
  uid: number,
  gid: number,
  size,
  link: text,
  archive: filesRef,
  damage: { enum: ["truncated", "corrupt", "unterminated"], description: "truncated, corrupt or unterminated" },
  xattrs: texts,
  volume: part<NonNullable<FilePart["volume"]>>({ tags, files: filesRef }),
});

/** JSON schema of MachineFile. */
export const machineSchema = {
  ...part<MachineFile>({
    kernel: part<KernelPart>({ release: word, machine: word, lacks: texts, mountOptions: texts }),
    memory: size,
    nodes: { ...number, minimum: 1 },
    disks: { type: "array", items: { $ref: "#/$defs/disk" } },
    virtiofs: { type: "array", items: folder },
    modaliases,
    drivers: {
      type: "object",
      additionalProperties: part<DriverPart>({
        lasts: seconds,
        fails: { type: "string", pattern: "^E[A-Z0-9]+$", description: "the name of an errno, ENODEV" },
      }),
    },
    programs: { type: "array", items: program },
    console: { type: "array", items: part<AnswerPart>({ line: text, cancel: yes, after: seconds }) },
    sysfs: filesRef,
  }),
  $defs: {
    disk,
    partition,
    files: {
      type: "object",
      additionalProperties: { ...file, type: ["object", "string"], description: "text, or an object" },
    },
  },
} as const;
