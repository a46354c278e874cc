import { mdadmUuid, type NamedArray, type Selection, uuidKey } from "./selection.js";

/** A line of mdadm.conf with those that continue it, as mdadm.conf(5) parts it. */
export interface ConfigurationLine {
  /** In lower case, not abbreviated: "array". */
  keyword: string;
  /** What follows, without quotes. */
  words: readonly string[];
}

/** Keywords may be abbreviated to three letters, mailfrom to five. What only a monitor reads, and what is new to us, is not among them. */
const keywords = ["device", "array", "create", "homehost", "auto", "policy", "part-policy", "sysfs"];

/** Lines that say how arrays are assembled: those for `mdadm --monitor` (MAILADDR, PROGRAM, …) mean nothing in an initramfs. */
export function readConfiguration(text: string): ConfigurationLine[] {
  const logical = text.replace(/\n[ \t]+/g, " ").split("\n");
  return logical.flatMap((line) => {
    const [first, ...words] = wordsOf(line);
    const keyword = first && keywords.find((each) => first.length > 2 && each.startsWith(first.toLowerCase()));
    return keyword ? [{ keyword, words }] : [];
  });
}

/** Words are parted by blanks, which quotes protect; one that begins with # begins a comment. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:"[^"]*"?|'[^']*'?|[^\s"'])+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith("#"));
  return (comment < 0 ? words : words.slice(0, comment)).map((word) => word.replace(/"([^"]*)"?|'([^']*)'?/g, "$1$2"));
}

const isArray = ({ keyword }: ConfigurationLine) => keyword === "array";
/** Its array is never to be assembled. */
const isIgnored = ({ words }: ConfigurationLine) => words[0]?.toLowerCase() === "<ignore>";

/** Names the array that is to be assembled? */
export const namesArray = (line: ConfigurationLine): boolean => isArray(line) && !isIgnored(line);

/** The value of one of the words that a line identifies its array by; undefined: it has none of this key. */
function wordOf({ words }: ConfigurationLine, key: "uuid" | "name"): string | undefined {
  const word = words.find((each) => each.toLowerCase().startsWith(`${key}=`));
  return word?.slice(key.length + 1);
}

/** In the form of uuidKey. */
function uuidOf(line: ConfigurationLine): string | undefined {
  const uuid = wordOf(line, "uuid");
  return uuid === undefined ? undefined : uuidKey(uuid);
}

/** Of what a line names, its place in /dev; undefined: it has none there. */
const nameIn = ({ words }: ConfigurationLine): string | undefined => (words[0]?.includes("=") ? undefined : words[0]);

/** May these lines mean the array? `name`: of its metadata, "host:name". By something else than these mdadm itself compares it. */
export function meansArray(lines: readonly ConfigurationLine[], uuid: string, name = ""): boolean {
  return lines.filter(namesArray).some((line) => {
    const [ownUuid, ownName] = [uuidOf(line), wordOf(line, "name")];
    if (ownUuid !== undefined) return ownUuid === uuid;
    return ownName === undefined || ownName === name || name.endsWith(`:${ownName}`);
  });
}

/** Do these lines say that the array is to be left alone? */
export function ignoresArray(lines: readonly ConfigurationLine[], uuid: string): boolean {
  return lines.some((line) => isArray(line) && isIgnored(line) && uuidOf(line) === uuid);
}

/**
 * What mdadm gets to read, so that it assembles what is selected, and nothing else. `containers`: UUIDs of containers that hold something of it, in
 * the form of uuidKey.
 *
 * The initramfs does not know the host's name, by which mdadm tells the host's own arrays, which have their plain names, from those of others: unless
 * the file has one, all are taken for its own (HOMEHOST <ignore>).
 */
export function writeConfiguration(
  lines: readonly ConfigurationLine[],
  selection: Selection,
  containers: ReadonlySet<string> = new Set(),
): string {
  const listed = selection.kind !== "all";
  const kept = lines.filter(({ keyword }) => !["homehost", ...(listed ? ["auto"] : [])].includes(keyword));
  const arrays = selection.kind === "named" ? namedLines(selection.arrays, lines, containers) : [];
  const homeHost = lines.find(({ keyword, words: [host = ""] }) => keyword === "homehost" && isKnown(host));
  return [
    homeHost ?? { keyword: "homehost", words: ["<ignore>"] },
    ...(selection.kind === "named" ? kept.filter((line) => !isArray(line)) : kept).map(withoutOwners),
    ...arrays,
    // Those alone that have a line.
    ...(listed ? [{ keyword: "auto", words: ["-all"] }] : []),
  ]
    .map(({ keyword, words }) => `${[keyword.toUpperCase(), ...words.map(quoted)].join(" ")}\n`)
    .join("");
}

const isKnown = (host: string) => !["", "<system>", "<none>"].includes(host.toLowerCase());

/** One for each array: more than one that fits is an error to mdadm. */
function namedLines(
  arrays: readonly NamedArray[],
  lines: readonly ConfigurationLine[],
  containers: ReadonlySet<string>,
): ConfigurationLine[] {
  const named = arrays.map(({ uuid, name }) => {
    const own = lines.find((line) => namesArray(line) && uuidOf(line) === uuid);
    const place = name ?? (own && nameIn(own));
    return { keyword: "array", words: [...(place === undefined ? [] : [place]), `UUID=${mdadmUuid(uuid)}`] };
  });
  const others = [...containers].filter((uuid) => !arrays.some((array) => array.uuid === uuid));
  return [...named, ...others.map((uuid) => ({ keyword: "array", words: [`UUID=${mdadmUuid(uuid)}`] }))];
}

/** The initramfs has no users and groups to look them up in. */
const withoutOwners = (line: ConfigurationLine): ConfigurationLine =>
  line.keyword === "create" ? { ...line, words: line.words.filter((word) => !/^(owner|group)=/i.test(word)) } : line;

function quoted(word: string): string {
  if (!/[\s"'#]/.test(word)) return word;
  return word.includes('"') ? `'${word}'` : `"${word}"`;
}
