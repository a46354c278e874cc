import type { DriverMatch } from "../abi/index.js";
import { toBytes } from "./bytes.js";
import { deviceFiles } from "./devices.js";
import { Failure } from "./failure.js";
import type { Mount } from "./file-space.js";
import { addFiles, type FileSystem, type FileTable, type Inode, type SimulatedFile } from "./file-tree.js";
import { hibernationFiles } from "./hibernation.js";
import type { World } from "./world.js";

/** Number of the engine's process. */
const enginePid = 2;

const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
const char = (node: string, mode: number): SimulatedFile => ({ type: "char", mode, node });

/** A line of proc(5)'s mounts. */
function mountLine({ source, point, system, flags }: Mount): string {
  const access = system.readOnly || flags.has("ro") ? "ro" : "rw";
  const options = [access, ...[...flags].filter((flag) => flag !== "ro")].join(",");
  const escaped = (text: string) =>
    text.replace(/[ \t\n\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return `${escaped(source)} ${escaped(point)} ${system.type} ${options}${system.shown} 0 0\n`;
}

const diskTypes = [
  "ext2",
  "ext3",
  "ext4",
  "xfs",
  "btrfs",
  "vfat",
  "exfat",
  "iso9660",
  "squashfs",
  "erofs",
  "f2fs",
  "udf",
  "ntfs3",
];
const memoryTypes = [
  "sysfs",
  "tmpfs",
  "ramfs",
  "proc",
  "devtmpfs",
  "devpts",
  "cgroup2",
  "efivarfs",
  "securityfs",
  "debugfs",
  "configfs",
];

/** Neither in memory nor on a disk; drivers of most kernels. */
const otherTypes = ["virtiofs", "overlay"];

/** Does the kernel know this type, or load a driver for it? An image's own index says what its kernel has. */
export function kernelKnows(world: World, type: string): boolean {
  if (world.description.missingTypes?.includes(type)) return false;
  if (memoryTypes.includes(type)) return true;
  if (world.description.drivers || world.description.monolithic) return [...diskTypes, ...otherTypes].includes(type);
  return world.devices.resolve(`fs-${type}`).length > 0;
}

export const isMemoryType = (type: string): boolean => memoryTypes.includes(type);

function processFiles(world: World): Record<string, MadeUp> {
  const decimal = /^\s*-?\d+\s*$/;
  let badness = "0\n";
  return {
    mounts: { read: () => world.files.mounts.map(mountLine).join("") },
    oom_score_adj: {
      read: () => badness,
      write: (data) => {
        if (!decimal.test(data) || Math.abs(Number(data)) > 1000) throw new Failure("EINVAL");
        badness = `${Number(data)}\n`;
      },
    },
    mem: {
      read: () => {
        throw new Failure("EIO");
      },
    },
    cmdline: { read: () => "/init\0" },
    environ: { read: () => "HOME=/\0TERM=linux\0" },
  };
}

type MadeUp = Pick<Inode, "read" | "write">;

function procFiles(world: World): Record<string, MadeUp> {
  const { kernel, commandLine, missingTypes = [], memory = defaultMemory } = world.description;
  const named = (types: readonly string[], prefix: string) =>
    types.filter((type) => !missingTypes.includes(type)).map((type) => `${prefix}\t${type}\n`);
  const driven = () => otherTypes.filter((type) => hasDriver(world, type));
  // selinuxfs is there where SELinux is on (security/selinux/selinuxfs.c); distributions with another default have it turned on so.
  const inMemory = /\bsecurity=selinux\b/.test(commandLine) ? [...memoryTypes, "selinuxfs"] : memoryTypes;
  let hostname = "(none)";
  let ringLimit = "ratelimit\n";
  const levels = ["7", "4", "1", "7"];
  const process = Object.entries(processFiles(world)).map(([name, file]) => [`${enginePid}/${name}`, file] as const);
  return {
    cmdline: { read: () => `${toBytes(commandLine)}\n` },
    filesystems: { read: () => [...named([...inMemory, ...driven()], "nodev"), ...named(diskTypes, "")].join("") },
    meminfo: { read: () => `MemTotal: ${String(memory >> 10).padStart(12)} kB\n` },
    modules: { read: () => [...world.loaded].map((name) => `${name} 16384 0 - Live 0x0\n`).join("") },
    uptime: { read: () => `${(world.schedule.now() / 1000).toFixed(2)} 0.00\n` },
    version: { read: () => `Linux version ${kernel.release} (simulated) #1\n` },
    "sys/kernel/osrelease": { read: () => `${kernel.release}\n` },
    "sys/kernel/hostname": {
      read: () => `${hostname}\n`,
      write: (data) => {
        hostname = data.replace(/[\n\0][\s\S]*$/, "");
      },
    },
    "sys/kernel/printk": {
      read: () => `${levels.join("\t")}\n`,
      write: (data) => {
        const given = data.trim().split(/\s+/).slice(0, levels.length);
        levels.splice(0, given.length, ...given);
      },
    },
    "sys/kernel/printk_devkmsg": {
      read: () => ringLimit,
      write: (data) => {
        if (!["on\n", "off\n", "ratelimit\n"].includes(data)) throw new Failure("EINVAL");
        ringLimit = data;
      },
    },
    ...Object.fromEntries(process),
  };
}

const defaultMemory = 1 << 30;

/** Half of the memory, as the kernel grants a tmpfs. */
export const tmpfsDefault = ({ description: { memory = defaultMemory } }: World): number => memory / 2;

/** How often the kernel looks for media in drives, in milliseconds. */
const mediaPolling = "module/block/parameters/events_dfl_poll_msecs";

/** Fills a file system that the kernel makes up. */
export function fill(world: World, system: FileSystem): void {
  const { description, devices } = world;
  const add = (files: FileTable) => addFiles(system, system.root, files, world.realtime());
  if (system.type === "proc") {
    const made = procFiles(world);
    add(Object.fromEntries(Object.keys(made).map((path) => [path, { type: "file", mode: 0o444 }])));
    add({ self: link(String(enginePid)), mounts: link("self/mounts") });
    for (const [path, file] of Object.entries(made)) hang(system, path, file);
  } else if (system.type === "sysfs") {
    add({
      "class/block/": "",
      "fs/cgroup/": "",
      ...(/(^| )security=selinux( |$)/.test(description.commandLine) ? { "fs/selinux/": "" } : {}),
      "kernel/": "",
      "devices/virtual/mem/null/": "",
      [mediaPolling]: "0\n",
      ...description.sysfs,
    });
    add({
      "devices/virtual/mem/null/dev": "1:3\n",
      "devices/virtual/mem/null/uevent": "",
      "class/mem/null": link("../../devices/virtual/mem/null"),
    });
    for (const device of devices.all()) add(deviceFiles(device));
    add(world.hardware.files());
    add(world.folders.files());
    for (const [index, alias] of description.modaliases.entries())
      add({ [`bus/${alias.split(":", 1)[0]}/devices/${index}/modalias`]: `${alias}\n` });
    const hibernation = hibernationFiles(world);
    for (const name of Object.keys(hibernation)) add({ [`power/${name}`]: "" });
    for (const [name, file] of Object.entries(hibernation)) hang(system, `power/${name}`, file);
    hang(system, "devices/virtual/mem/null/uevent", { read: () => "", write: (data) => announceNull(world, data) });
  } else if (system.type === "devtmpfs") {
    add({
      null: char("1:3", 0o666),
      zero: char("1:5", 0o666),
      full: char("1:7", 0o666),
      random: char("1:8", 0o666),
      urandom: char("1:9", 0o666),
      kmsg: char("1:11", 0o644),
      tty: char("5:0", 0o666),
      console: char("5:1", 0o600),
      // A PC's kernel has them, whether there is hardware behind them or not (CONFIG_SERIAL_8250_RUNTIME_UARTS).
      ...Object.fromEntries([0, 1, 2, 3].map((line) => [`ttyS${line}`, char(`4:${64 + line}`, 0o660)])),
      // Of drivers that make their node as soon as they are in the kernel: for root alone, as nobody has said otherwise.
      ...(hasDriver(world, "loop") ? { "loop-control": char("10:237", 0o600) } : {}),
      ...(isIndexed(world, "fuse") && hasDriver(world, "fuse") ? { fuse: char("10:229", 0o600) } : {}),
    });
    for (const device of devices.all()) add({ [device.name]: devices.node(device) });
  }
}

/** In the kernel, built in or loaded. Of what the image has no file of, it is taken to be built in. */
export const hasDriver = (world: World, name: string): boolean =>
  world.loaded.has(name) || indexed(world, name).every(({ chain }) => chain.length === 0);

/** Has the image's index the driver: one of its own, or one that is built into the kernel for certain? */
const isIndexed = (world: World, name: string): boolean => indexed(world, name).length > 0;

function indexed({ devices }: World, name: string): DriverMatch[] {
  try {
    return devices.resolve(name);
  } catch (error) {
    // An image without drivers.
    if (error instanceof Failure) return [];
    throw error;
  }
}

/** Gives a file that is there its answers. */
function hang(system: FileSystem, path: string, { read, write }: MadeUp): void {
  let inode: Inode | undefined = system.root;
  for (const name of path.split("/")) inode = inode?.children?.get(name);
  if (!inode) return;
  if (read) inode.read = read;
  if (write) inode.write = write;
}

/** Somebody asks for a uevent of /dev/null: Documentation/ABI/testing/sysfs-uevent. */
function announceNull(world: World, data: string): void {
  const [action = "", uuid, ...settings] = data.trim().split(" ");
  if (!["add", "remove", "change", "move", "online", "offline", "bind", "unbind"].includes(action))
    throw new Failure("EINVAL");
  const given = settings.map((setting) => setting.split("=", 2) as [string, string]);
  world.schedule.uevent({
    action,
    devpath: "/devices/virtual/mem/null",
    properties: {
      SUBSYSTEM: "mem",
      SYNTH_UUID: uuid ?? "0",
      ...Object.fromEntries(given.map(([name, value]) => [`SYNTH_ARG_${name}`, value])),
      MAJOR: "1",
      MINOR: "3",
      DEVNAME: "null",
      DEVMODE: "0666",
    },
  });
}
