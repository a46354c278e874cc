import type { Device } from "../../hooks/index.js";
import { listIfThere, readIfThere } from "./files.js";

/** Devices that others are made of, where nobody has made them: what is waited for may lie on these. For the report. */
export interface IdleMembers {
  /** Of its line. */
  heading: "Locked" | "Array" | "LVM";
  /** What is there, and what sets it up. */
  text: string;
}

interface Kind {
  heading: IdleMembers["heading"];
  /** Module that sets them up. */
  module: string;
  /** What is made of them has this name; the same for all of them. */
  group(device: Device): string;
  fact(names: string, group: string): string;
  parameter(group: string): string;
  /** What the module does, in the end. */
  does: string;
}

/** By libblkid's TYPE. */
const kinds: Readonly<Record<string, Kind>> = {
  crypto_LUKS: {
    heading: "Locked",
    module: "luks",
    group: ({ tags }) => tags.UUID ?? "",
    fact: (name) => `${name} is encrypted`,
    parameter: (uuid) => `rd.luks.uuid=${uuid}`,
    does: "unlocks it",
  },
  linux_raid_member: {
    heading: "Array",
    module: "md-raid",
    // As mdadm writes it.
    group: ({ tags }) => (tags.UUID ?? "").replaceAll("-", "").replaceAll(/.{8}(?=.)/g, "$&:"),
    fact: (names, uuid) => `${uuid} does not run; of its members there is ${names}`,
    parameter: (uuid) => `rd.md.uuid=${uuid}`,
    does: "assembles it, once enough of them are there",
  },
  LVM2_member: {
    heading: "LVM",
    module: "lvm",
    // libblkid does not tell whose.
    group: () => "",
    fact: (names) => `no volume is active on ${names}`,
    parameter: () => "rd.lvm.lv=GROUP/VOLUME",
    does: "activates one, once all physical volumes that it needs are there",
  },
};

/** In the order of the devices. `hasModule`: is a module in the image? */
export function idleMembers(
  devices: readonly Device[],
  hasModule: (name: string) => boolean,
  commandLine: string,
): IdleMembers[] {
  const found = new Map<string, { kind: Kind; group: string; paths: string[] }>();
  for (const device of devices) {
    const kind = kinds[device.tags.TYPE ?? ""];
    if (!kind || isUsed(device.name)) continue;
    const group = kind.group(device);
    const key = `${kind.heading} ${group}`;
    const { paths = [] } = found.get(key) ?? {};
    found.set(key, { kind, group, paths: [...paths, device.path] });
  }
  return [...found.values()].map(({ kind, group, paths }) => {
    const { heading, module, fact, parameter, does } = kind;
    const word = parameter(group);
    const how = !hasModule(module)
      ? `an image with the module ${module} (mkinitrd -a ${module}), by ${word}, ${does}`
      : plain(commandLine).includes(plain(word))
        ? `${word} is on the kernel command line already`
        : `${word} on the kernel command line ${does}`;
    return { heading, text: `${fact(paths.join(", "), group)}: ${how}` };
  });
}

/** UUIDs are written with colons, with dashes, or without. */
const plain = (text: string) => text.replaceAll(/[:-]/g, "").toLowerCase();

/** Is something made of it already? An array that does not run holds its members, too. */
const isUsed = (name: string): boolean =>
  listIfThere(`/sys/class/block/${name}/holders`).some(
    (holder) => !/^(clear|inactive)/.test(readIfThere(`/sys/class/block/${holder.name}/md/array_state`) ?? ""),
  );
