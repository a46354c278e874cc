import type { Contents, ListedMember } from "./contents.js";
import { type Member, typeOf } from "./cpio-reader.js";

const letters = new Map([
  [0o140000, "s"],
  [0o120000, "l"],
  [0o100000, "-"],
  [0o060000, "b"],
  [0o040000, "d"],
  [0o020000, "c"],
  [0o010000, "p"],
]);
const permissionBits = ["r", "w", "x", "r", "w", "x", "r", "w", "x"];
/** Set-user-ID, set-group-ID and sticky: bit, place of the letter, letter. */
const specialBits: [number, number, string][] = [
  [0o4000, 2, "s"],
  [0o2000, 5, "s"],
  [0o1000, 8, "t"],
];

/** "-rwsr-xr-x" */
export function modeText({ mode }: Pick<Member, "mode">): string {
  const marks = permissionBits.map((letter, index) => (mode & (0o400 >> index) ? letter : "-"));
  for (const [bit, place, letter] of specialBits)
    if (mode & bit) marks[place] = marks[place] === "x" ? letter : letter.toUpperCase();
  return (letters.get(typeOf({ mode })) ?? "?") + marks.join("");
}

const escapes: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\" };
const octal = (byte: number) => `\\${byte.toString(8).padStart(3, "0")}`;

/** A byte string for a terminal: UTF-8, with what would move the cursor, or is not UTF-8, as C writes it. */
export function printable(bytes: string): string {
  const text = Buffer.from(bytes, "latin1").toString("utf8");
  const isUtf8 = Buffer.from(text).toString("latin1") === bytes;
  // Code points that do not show, among them those that turn the direction of writing.
  const hidden = isUtf8 ? /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu : /[^ -[\]-~]/g;
  return (isUtf8 ? text : bytes).replace(
    hidden,
    (found) => escapes[found] ?? [...(isUtf8 ? Buffer.from(found) : Buffer.from(found, "latin1"))].map(octal).join(""),
  );
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Half a year of 365.2425 days, as ls(1) has it: older or later times show the year. */
const recent = (365.2425 * 86_400) / 2;

/** As ls(1) writes it, in UTC. Both in seconds since 1970. */
function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  const isRecent = seconds <= now && seconds > now - recent;
  const end = isRecent ? `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}` : ` ${date.getUTCFullYear()}`;
  return `${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${end}`;
}

const owner = (id: number) => (id === 0 ? "root" : String(id));

/** Lines as `ls -l` has them, with aligned columns; times in UTC. `now` in seconds since 1970. */
function* listLines(members: readonly Member[], now: number): Generator<string> {
  const rows = members.map((member) => ({
    columns: [String(member.links), owner(member.uid), owner(member.gid), sizeText(member)],
    member,
  }));
  const widths = [3, 8, 8, 8];
  for (const { columns } of rows)
    for (const [index, column] of columns.entries()) widths[index] = Math.max(widths[index] ?? 0, column.length);
  const [links = 0, user = 0, group = 0, size = 0] = widths;
  for (const { columns, member } of rows) {
    const [linksText = "", userText = "", groupText = "", sizeText = ""] = columns;
    const start = `${modeText(member)} ${linksText.padStart(links)} ${userText.padEnd(user)} ${groupText.padEnd(group)}`;
    const target = member.target === undefined ? "" : ` -> ${printable(member.target)}`;
    yield `${start} ${sizeText.padStart(size)} ${timeText(member.modified, now)} ${printable(member.name)}${target}`;
  }
}

/** Of device nodes, their numbers. */
function sizeText(member: Member): string {
  const isNode = [0o020000, 0o060000].includes(typeOf(member));
  return isNode ? `${String(member.node[0]).padStart(3)}, ${String(member.node[1]).padStart(3)}` : String(member.size);
}

const rule = `${"=".repeat(72)}`;

/** What `lsinitrd IMAGE` shows. `size`: of the image's file, in bytes; `about`: lines that tell of the image as a whole. */
export function* describeImage(
  image: string,
  size: number,
  { segments, members }: Contents,
  options: { about: readonly string[]; bySize: boolean; now: number },
): Generator<string> {
  yield `Image: ${image}: ${sizeWords(size)}`;
  yield* options.about;
  const inSegments: ListedMember[][] = segments.map(() => []);
  for (const member of members) inSegments[member.segment]?.push(member);
  for (const [index, { compression, early, start }] of segments.entries()) {
    const own = inSegments[index] ?? [];
    const what = compression === "none" ? "uncompressed" : compression;
    yield rule;
    yield `${early ? "Early CPIO image" : "CPIO image"}, ${what}, at byte ${start}: ${own.length} entries`;
    yield rule;
    yield* listLines(own.sort(options.bySize ? bySize : byName), options.now);
  }
  yield rule;
}

const bySize = (a: ListedMember, b: ListedMember) => a.size - b.size || byName(a, b);
const byName = (a: Member, b: Member) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** "45.1 MB" */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [unit, factor] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(bytes / (factor as number)).toFixed(1)} ${unit}`;
}
