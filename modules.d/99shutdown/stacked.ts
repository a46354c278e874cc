import { type Boot, errnoOf } from "firstlight/hooks";

/** A device that is made of others, or of a file, or swapped to. */
export interface Stacked {
  /** In sysfs: "dm-0"; of swap: its path. */
  name: string;
  /** For a person: "the array md127". */
  what: string;
  /** What is to become of it: "stopped". */
  done: string;
  /** Why it cannot be: what lies on it. undefined: nothing does. */
  held: string | undefined;
  end(): Promise<unknown>;
}

const folder = "/sys/class/block";

/** All that are there, swap first: of devices on devices, the lower ones are held by the upper ones. */
export function stackedDevices(boot: Boot): Stacked[] {
  const { files } = boot;
  if (!files.stat(folder)) return swaps(boot);
  return [
    ...swaps(boot),
    ...files.list(folder).flatMap(({ name }) => mapping(boot, name) ?? array(boot, name) ?? loop(boot, name) ?? []),
  ];
}

/** By the start of its UUID, which each of these programs gives it. */
const kinds: readonly [prefix: string, what: string, done: string][] = [
  ["CRYPT-", "the encrypted volume", "closed"],
  ["LVM-", "the logical volume", "inactive"],
  ["", "the mapping", "removed"],
];

function mapping(boot: Boot, name: string): Stacked | undefined {
  const mapped = fact(boot, name, "dm/name");
  if (mapped === undefined) return undefined;
  const uuid = fact(boot, name, "dm/uuid") ?? "";
  const [, kind, done] = kinds.find(([prefix]) => uuid.startsWith(prefix)) ?? ["", "", ""];
  const end = () => boot.job("removeMapping", { name: mapped });
  return { name, what: `${kind} ${mapped}`, done, held: holders(boot, name), end };
}

function array(boot: Boot, name: string): Stacked | undefined {
  const state = fact(boot, name, "md/array_state");
  // "clear": it has been stopped, or never was there (Documentation/admin-guide/md.rst).
  if (state === undefined || state === "clear") return undefined;
  const end = async () => {
    await clean(boot, name);
    await boot.job("stopArray", { device: `/dev/${name}` });
  };
  return { name, what: `the array ${name}`, done: "stopped", held: holders(boot, name), end };
}

/** Milliseconds that an array has to become clean, and how often it is looked at. */
const [longest, interval] = [2_000, 100];

/** A moment after the last write it becomes so. Only then mdmon, which keeps the metadata of external arrays, notes it (mdadm --wait-clean). */
async function clean(boot: Boot, name: string): Promise<void> {
  const { clock } = boot;
  const until = clock.now() + longest;
  while (/^(active|write-pending)/.test(fact(boot, name, "md/array_state") ?? "") && clock.now() < until)
    await clock.sleep(interval);
}

function loop(boot: Boot, name: string): Stacked | undefined {
  const file = fact(boot, name, "loop/backing_file");
  if (file === undefined) return undefined;
  const end = () => boot.job("loopDetach", { device: `/dev/${name}` });
  return { name, what: `${name}, which is ${file},`, done: "detached", held: holders(boot, name), end };
}

/** proc(5): a line of titles, then the path of a device or file in each line. */
function swaps({ files, job }: Boot): Stacked[] {
  if (!files.stat("/proc/swaps")) return [];
  const [, ...lines] = files.read("/proc/swaps").trim().split("\n");
  return lines.map((line) => {
    const name = unescaped(line.split(/\s/)[0] ?? "");
    return { name, what: `swap on ${name}`, done: "off", held: undefined, end: () => job("swapOff", { device: name }) };
  });
}

/** What an array that has been stopped answers, which is still to be seen for a moment. */
const going = new Set(["EBUSY", "ENODEV", "ENXIO", "ENOENT"]);

/** A file of sysfs; undefined: a device of another kind, or one that is just going. */
function fact({ files, log }: Boot, name: string, path: string): string | undefined {
  const whole = `${folder}/${name}/${path}`;
  try {
    return files.stat(whole) ? files.read(whole).trim() : undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (!going.has(errno)) log.error(`${name} may be left as it is: ${error}`);
    return undefined;
  }
}

function holders({ files }: Boot, name: string): string | undefined {
  const path = `${folder}/${name}/holders`;
  const names = files.stat(path) ? files.list(path).map((entry) => entry.name) : [];
  return names.length ? `${names.join(", ")} still needs it` : undefined;
}

/** The kernel writes blanks and backslashes of a path as octal numbers. */
export const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
