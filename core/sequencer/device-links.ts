import type { Device } from "../../hooks/index.js";
import type { DeviceTags } from "../abi/index.js";

/**
 * A name as udev writes it in /dev/disk/by-*: letters, digits, `#+-.:=@_` and what is above ASCII stay, each other byte is \xNN
 * (systemd, src/shared/device-nodes.c). Escaped bytes (lone surrogates, see core/abi) are such bytes, too.
 */
export function encodeName(text: string): string {
  return text.replace(
    /[^\w#+\-.:=@\u{80}-\u{d7ff}\u{e000}-\u{10ffff}]/gu,
    (char) => `\\x${(char.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`,
  );
}

/**
 * A value as udev puts it into a name: blanks around it go, those within it become one `_`, and so does each character that encodeName would
 * escape, `allowed` ones excepted (systemd, udev_replace_whitespace and udev_replace_chars in src/shared/udev-util.c).
 */
export function replaceName(text: string, allowed = ""): string {
  return text
    .trim()
    .replaceAll(/\s+/g, "_")
    .replace(/[^\w#+\-.:=@\u{80}-\u{d7ff}\u{e000}-\u{10ffff}]/gu, (char) => (allowed.includes(char) ? char : "_"));
}

/** Which link each tag gives, and how a device is asked for by it. Tag names: libblkid's. */
const kinds = [
  { key: "UUID", tag: "UUID", folder: "by-uuid", anyCase: true },
  { key: "LABEL", tag: "LABEL", folder: "by-label", anyCase: false },
  { key: "PARTUUID", tag: "PART_ENTRY_UUID", folder: "by-partuuid", anyCase: true },
  { key: "PARTLABEL", tag: "PART_ENTRY_NAME", folder: "by-partlabel", anyCase: false },
] as const;

/** A request like "UUID=…", taken apart; undefined if it has none of these forms. */
export function parseTag(
  spec: string,
): { key: string; value: string; of(tags: Readonly<DeviceTags>): string | undefined } | undefined {
  const equals = spec.indexOf("=");
  const kind = kinds.find(({ key }) => key === spec.slice(0, equals));
  if (!kind) return undefined;
  return { key: kind.key, value: spec.slice(equals + 1), of: (tags) => tags[kind.tag] };
}

/**
 * Tells whether a device carries the tag; undefined: `spec` is none. UUIDs are compared without regard to case: people type them, and FAT's are upper case. A
 * label may be written as udev's link has it, too: LABEL=my\x20disk.
 */
export function tagMatcher(spec: string): ((device: Device) => boolean) | undefined {
  const wanted = parseTag(spec);
  if (!wanted) return undefined;
  const { key, value, of } = wanted;
  const lowerCase = value.toLowerCase();
  return ({ tags }) => {
    const found = of(tags);
    if (found === undefined) return false;
    return key.endsWith("UUID") ? found.toLowerCase() === lowerCase : found === value || encodeName(found) === value;
  };
}

/** The device's links below /dev/disk, by its tags. A member of an array has the array's names, and no link by them; names of partitions are GPT's. */
export function linksOf({ tags }: Pick<Device, "tags">): string[] {
  return kinds.flatMap(({ tag, folder }) => {
    const value = tags[tag];
    const ofMember = tags.USAGE === "raid" && !tag.startsWith("PART_");
    const noName = tag === "PART_ENTRY_NAME" && tags.PART_ENTRY_SCHEME !== "gpt";
    return value && !ofMember && !noName ? [`/dev/disk/${folder}/${encodeName(value)}`] : [];
  });
}

/** One line for a person: "vda1 UUID=… LABEL=… ext4". */
export function describeDevice(device: Device): string {
  const tags = kinds.flatMap(({ key, tag }) => (device.tags[tag] ? [`${key}=${device.tags[tag]}`] : []));
  const type = device.ambivalent
    ? "more than one file system signature"
    : (device.tags.TYPE ??
      device.tags.PTTYPE ??
      (device.tags.USAGE === "raid" ? "part of an array" : "no known content"));
  return [device.name, ...tags, type].join(" ");
}
