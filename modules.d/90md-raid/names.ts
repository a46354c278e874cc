/** What `mdadm --detail --export` says of an array, or `mdadm --examine --export` of a member: MD_LEVEL, MD_DEVICES, MD_UUID, … */
export type Facts = Readonly<Record<string, string>>;

/** Lines NAME=VALUE. */
export const readFacts = (text: string): Facts =>
  Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );

/** As udev's OPTIONS+="string_escape=replace" has it: what may not be in a name becomes "_". */
const replaced = (name: string) => name.replace(/[^\w#+\-.:=@/\u{80}-\u{10ffff}]/gu, "_");

/** Names of an array, or of its partition of this number, as mdadm's 63-md-raid-arrays.rules make them. */
export function arrayLinks({ MD_NAME: name, MD_UUID: uuid, MD_DEVNAME: device }: Facts, partition?: string): string[] {
  const part = partition === undefined ? "" : `-part${partition}`;
  // As the kernel names partitions: behind a digit with a "p".
  const number = partition === undefined ? "" : `${/\d$/.test(device ?? "") ? "p" : ""}${partition}`;
  return [
    ...(name ? [`/dev/disk/by-id/md-name-${replaced(name)}${part}`] : []),
    ...(uuid ? [`/dev/disk/by-id/md-uuid-${uuid}${part}`] : []),
    ...(device ? [`/dev/md/${device}${number}`] : []),
  ];
}

/** The array that a partition of this number is of, by their kernel names: md0 of md0p1, md_home of md_home1. */
export const arrayOfPartition = (name: string, number: string): string =>
  name.slice(0, -number.length).replace(/(\d)p$/, "$1");
