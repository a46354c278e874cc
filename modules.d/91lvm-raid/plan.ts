/** Of the host, and in its images. */
export const planPath = "/etc/firstlight/lvm-raid.conf";

/** An array or a volume group of the file, in its order. */
export type PlannedPart = { optional: boolean } & (
  | { kind: "array" /** 32 digits. */; uuid: string /** Its path in /dev. */; name?: string }
  | { kind: "group"; name: string }
);

const forms = {
  array: "array UUID=UUID [/dev/mdNAME] [optional]",
  group: "group NAME [optional]",
};

const uuidWord = /^UUID=((?:[0-9A-Fa-f][:-]?){31}[0-9A-Fa-f])$/;
const arrayName = /^\/dev\/md(\d+|[/_].+)$/;
/** lvm(8). */
const groupName = /^[\w+.][\w+.-]*$/;

/** What the file lists. Throws Error, with the number of the line: what cannot be meant. */
export function readPlan(text: string): PlannedPart[] {
  const lines = new Map<string, number>();
  return text.split("\n").flatMap((line, index) => {
    const words = line
      .replace(/(^|\s)#.*/, "")
      .split(/\s+/)
      .filter(Boolean);
    if (!words.length) return [];
    const fail = (what: string): never => {
      throw new Error(`${planPath}:${index + 1}: ${what}`);
    };
    const part = readLine(words, fail);
    const key = part.kind === "array" ? part.uuid : part.name;
    const other = lines.get(key);
    if (other !== undefined) fail(`this ${part.kind} is in line ${other} already`);
    lines.set(key, index + 1);
    return [part];
  });
}

function readLine([keyword = "", ...words]: readonly string[], fail: (what: string) => never): PlannedPart {
  if (keyword !== "array" && keyword !== "group")
    return fail(`"${keyword}" is neither array nor group: write ${forms.array}, or ${forms.group}`);
  const optional = words.at(-1) === "optional";
  const [identity = "", ...more] = optional ? words.slice(0, -1) : words;
  const wrong = (what: string) => fail(`${what}: write ${forms[keyword]}`);
  if (!identity) return wrong(keyword === "array" ? "the array's UUID is missing" : "the group's name is missing");
  const name = keyword === "array" ? more.shift() : undefined;
  if (more[0] !== undefined) return wrong(`nobody knows what "${more[0]}" means`);
  if (keyword === "group")
    return groupName.test(identity)
      ? { kind: "group", name: identity, optional }
      : wrong(`"${identity}" is no name of a group`);
  const uuid = uuidWord.exec(identity)?.[1]?.replace(/[:-]/g, "").toLowerCase();
  if (uuid === undefined) return wrong(`"${identity}" is no UUID of an array, as mdadm --detail shows it`);
  if (name !== undefined && !arrayName.test(name))
    return wrong(`"${name}" is no path of an array, as /dev/md0 and /dev/md/root are`);
  return { kind: "array", uuid, ...(name === undefined ? {} : { name }), optional };
}
