import { fromBytes } from "./bytes.js";
import { deviceAt } from "./devices.js";
import { addFiles } from "./file-tree.js";
import { bringMapping, isThere, type LayeredDevice, layered } from "./layers.js";
import type { Pause, ProgramEnd, ProgramModel } from "./programs.js";
import type { World } from "./world.js";

type Volume = LayeredDevice<"lvm">;

/** Where pvscan keeps the physical volumes that have come: files by their UUID, here by their name in the description. */
const online = "lvm/pvs_online";

const unique = (names: readonly string[]) => [...new Set(names)];

/** Logical volumes of a group. */
const volumesOf = (world: World, group: string) => layered(world, "lvm").filter(({ layer }) => layer.group === group);

/** Names of the physical volumes of a group, in the description. */
const membersOf = (world: World, group: string) =>
  unique(volumesOf(world, group).flatMap(({ layer }) => layer.members));

/** pvscan --cache --listvg --checkcomplete DEVICE, of LVM 2.03.16. */
function scan(world: World, path: string): ProgramEnd {
  const device = deviceAt(world, path);
  if (!device)
    return {
      stdout: `  pvscan[99] No device set up for arg ${path} 0:0\n`,
      stderr: `  Cannot access device ${path} for 0:0.\n`,
    };
  const name = device.described ?? device.name;
  const group = layered(world, "lvm").find(({ layer }) => layer.members.includes(name))?.layer.group;
  if (group === undefined) return { stdout: `  pvscan[99] PV ${path} not used.\n` };
  const run = world.files.mounts.find(({ point }) => point === "/run")?.system;
  if (run) addFiles(run, run.root, { [`${online}/${name}`]: `vg:${group}\ndev:${path}\n` }, world.realtime());
  const seen = run?.root.children?.get("lvm")?.children?.get("pvs_online")?.children;
  const missing = membersOf(world, group).filter((member) => !seen?.has(member)).length;
  const told = missing ? `VG ${group} incomplete (need ${missing})` : `VG ${group} is complete`;
  return {
    stdout: `  pvscan[99] PV ${path} online, ${told}.\n  VG ${group} ${missing ? "incomplete" : "complete"}\n`,
  };
}

/** What every command says of a group whose physical volumes are not all there. */
function complaints(world: World, group: string): string {
  const missing = membersOf(world, group).filter((member) => !isThere(world, member));
  const described = (name: string) => world.description.devices.find((device) => device.name === name);
  const uuids = missing.map((name) => described(name)?.tags?.UUID ?? name);
  return [
    ...uuids.map((uuid) => `  WARNING: Couldn't find device with uuid ${uuid}.\n`),
    ...uuids.map(
      (uuid, index) => `  WARNING: VG ${group} is missing PV ${uuid} (last written to /dev/${missing[index]}).\n`,
    ),
  ].join("");
}

/** The name of a volume's mapping: hyphens are doubled. */
const mappingName = ({ layer }: Volume) =>
  [layer.group, layer.volume].map((name) => name.replaceAll("-", "--")).join("-");

const isActive = (world: World, volume: Volume) => isThere(world, volume.name);

/** Activates what is complete; the words of what is refused. */
function activate(world: World, volumes: readonly Volume[]): string {
  return volumes
    .filter((volume) => !isActive(world, volume))
    .map((volume) => {
      const { layer } = volume;
      const { members, least = members.length } = layer;
      if (members.filter((member) => isThere(world, member)).length < least)
        return `  Refusing activation of partial LV ${layer.group}/${layer.volume}.  Use '--activationmode partial' to override.\n`;
      bringMapping(world, volume, { name: mappingName(volume), uuid: layer.uuid });
      return "";
    })
    .join("");
}

const withoutMapper = [
  "  /dev/mapper/control: open failed: No such device",
  "  Failure to communicate with kernel device-mapper driver.",
  "  Check that device-mapper is available in the kernel.\n",
].join("\n");

/** lvchange -ay GROUP/VOLUME, vgchange -ay GROUP. */
function change(world: World, command: string, name: string): ProgramEnd {
  const [group = "", volume] = name.split("/");
  const all = volumesOf(world, group);
  if (!membersOf(world, group).some((member) => isThere(world, member)))
    return { status: 5, stderr: `  Volume group "${group}" not found\n  Cannot process volume group ${group}\n` };
  const complaint = complaints(world, group);
  const chosen = all.filter(({ layer }) => volume === undefined || layer.volume === volume);
  if (!chosen.length) return { status: 5, stderr: `${complaint}  Failed to find logical volume "${name}"\n` };
  if (!world.description.monolithic && !world.loaded.has("dm_mod")) return { status: 5, stderr: withoutMapper };
  const refused = activate(world, chosen);
  const count = chosen.filter((each) => isActive(world, each)).length;
  return {
    status: refused ? 5 : 0,
    stderr: complaint + refused,
    ...(command === "vgchange" && {
      stdout: `  ${count} logical volume(s) in volume group "${group}" now active\n`,
    }),
  };
}

/** It reads the devices, and then does it. */
function* run(world: World, argv: readonly string[]): Generator<Pause, ProgramEnd, undefined> {
  const [, command = ""] = argv;
  const name = argv.at(-1) ?? "";
  yield { sleep: 50 };
  if (command === "pvscan") return scan(world, name);
  if (command === "lvchange" || command === "vgchange") return change(world, command, name);
  world.leaveOpen(`what the program ${fromBytes(argv.join(" "))} does, and how it ends`);
  return {};
}

/** LVM's commands, as far as the modules of firstlight use them. */
export const lvmPrograms: Readonly<Record<string, ProgramModel>> = {
  lvm: ({ argv }, { world }) => run(world, argv),
};
